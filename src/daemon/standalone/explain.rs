//! Explains a process without a daemon: one sample, with the built-in rules and thresholds.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::status::sample;
use crate::api::explanation::Explanation;
use crate::config::{Config, EffectiveThresholds};
use crate::daemon::control_loop::active_config::Settings;
use crate::daemon::error::DaemonError;
use crate::daemon::report::publisher::Published;
use crate::daemon::serve::explain::{build, reading};
use crate::ipc::MethodError;
use crate::model::{Pid, Uid};
use crate::quota::{EXPLANATIONS, Quota};
use crate::rules::Rules;

/// Explains `pid` as far as one sample can: a process of an agent that has lost its parent is not recognised as a member.
///
/// # Errors
/// [`MethodError`] inside of `Ok` if there is no such process; `Err` if `/proc` cannot be read.
pub fn explain(
    proc: &Path,
    cgroup: &Path,
    pid: Pid,
    reader: Uid,
) -> Result<Result<Explanation, MethodError>, DaemonError> {
    let rules = Arc::new(Rules::built_in());
    let only = (reader != Uid::ROOT).then_some(reader);
    let (snapshot, status) = sample(proc, cgroup, Arc::clone(&rules), only)?;
    let config = Config::default();
    let thresholds = EffectiveThresholds::resolve(&config, snapshot.guest.mem_total);
    let (proc, cgroup) = (proc.to_owned(), cgroup.to_owned());
    let settings = Settings { proc, cgroup, config, rules, thresholds, only, supervisor: None };
    let seen = Published { at: Instant::now(), snapshot: Arc::new(snapshot), status: Arc::new(status) };
    let Some(permit) = Quota::new(EXPLANATIONS).try_acquire(reader) else {
        return Ok(Err(MethodError::Busy {}));
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let read = reading::read(&settings, pid, reader, seen.roots(), permit);
    Ok(runtime.block_on(read).map(|reading| build::explanation(&reading, &seen, &settings).seen_by(reader)))
}
