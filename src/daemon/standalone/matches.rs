//! Running processes that the rules match, for `check-config`.

use std::path::Path;

use crate::linux::procfs::{Proc, ReadError};
use crate::model::{Pid, ProcessIdentity, Uid};
use crate::rules::{ProcessFacts, Rules};

/// A running process that a rule matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningMatch {
    /// The rule.
    pub rule: String,
    /// The process.
    pub pid: Pid,
    /// Its owner.
    pub uid: Uid,
    /// Its command name.
    pub name: String,
}

/// Finds the running processes that `rules` match, of `only` or of all users, by pid. Reads command lines, which blocks
/// while a process's memory map is locked.
///
/// # Errors
/// `/proc` cannot be read.
pub fn running_matches(
    proc: &Path,
    rules: &Rules,
    only: Option<Uid>,
) -> Result<Vec<RunningMatch>, ReadError> {
    let proc = Proc::open(proc)?;
    let mut pids = Vec::new();
    proc.pids(&mut pids)?;
    pids.sort_unstable();
    let mut matches = Vec::new();
    for pid in pids {
        // A process that vanishes meanwhile is not reported.
        let Ok(Some(stat)) = proc.stat(pid) else { continue };
        let Ok(Some(status)) = proc.status(pid) else { continue };
        if stat.is_dead() || stat.is_kernel_thread() || only.is_some_and(|uid| uid != status.uid) {
            continue;
        }
        let Ok(Some(identity)) = proc.identity(pid) else { continue };
        // A forked copy that has not called exec yet is its parent's match.
        let parent = stat.parent.and_then(|pid| proc.stat(pid).ok().flatten());
        if parent.is_some_and(|parent| ProcessIdentity::is_copy(stat.start_stack, parent.start_stack)) {
            continue;
        }
        let cwd = || proc.cwd(pid);
        let facts = ProcessFacts { exe: identity.exe.as_deref(), argv: &identity.argv, cwd: &cwd };
        if let Some(it) = rules.recognise(&facts) {
            let name = String::from_utf8_lossy(stat.comm.as_bytes()).into_owned();
            matches.push(RunningMatch { rule: it.rule.clone(), pid, uid: status.uid, name });
        }
    }
    Ok(matches)
}
