//! The status of a single sample, without a daemon.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::api::status::{StatusInfo, Verdict};
use crate::config::{Config, EffectiveThresholds};
use crate::daemon::report::action_log::ActionLog;
use crate::daemon::report::status::{self, StatusSource};
use crate::linux::platform::Platform;
use crate::linux::procfs::ReadError;
use crate::model::{ActionSettings, GuardSettings, Snapshot, Uid};
use crate::policy::Engine;
use crate::rules::Rules;
use crate::sampler::Sampler;

/// Default mount point of cgroup v2.
const CGROUP_MOUNT: &str = "/sys/fs/cgroup";

/// Time limit of a single sample for `smaps_rollup`.
const SMAPS_TIMEOUT: Duration = Duration::from_millis(500);

/// The status from `/proc` alone, for use without a daemon. Its verdict is unknown.
///
/// # Errors
/// `/proc` cannot be read.
pub fn status(proc: &Path, only: Option<Uid>) -> Result<StatusInfo, ReadError> {
    let cgroup = Path::new(CGROUP_MOUNT);
    let (_, mut status) = sample(proc, cgroup, Arc::new(Rules::built_in()), only)?;
    let missing = Platform::new(proc, cgroup, only.unwrap_or(Uid::ROOT)).missing_features();
    status
        .notes
        .extend(missing.iter().filter(|feature| feature.is_shown_in_status()).map(ToString::to_string));
    Ok(status)
}

/// Takes one sample with the built-in configuration. Returns it with its status.
pub(crate) fn sample(
    proc: &Path,
    cgroup: &Path,
    rules: Arc<Rules>,
    only: Option<Uid>,
) -> Result<(Snapshot, StatusInfo), ReadError> {
    let mut sampler = Sampler::new(proc, cgroup, rules, only)?;
    let snapshot = sampler.sample_with_timeout(SMAPS_TIMEOUT)?;
    let config = Config::default();
    let EffectiveThresholds { thresholds, notes, .. } =
        EffectiveThresholds::resolve(&config, snapshot.guest.mem_total);
    let settings = ActionSettings { dry_run: true, ..config.act };
    let mut engine = Engine::new(thresholds, settings, GuardSettings::default());
    engine.step(&snapshot);
    let source = StatusSource { engine: &engine, sampler: &sampler, thresholds, notes: &notes };
    let status = status::status(&snapshot, source, &ActionLog::default(), None);
    Ok((snapshot, StatusInfo { verdict: Verdict::Unknown, ..status }))
}
