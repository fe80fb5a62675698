//! The process to limit, verified against reuse of its pid.

use std::os::fd::OwnedFd;
use std::path::Path;

use crate::ipc::Caller;
use crate::linux::process::pidfd;
use crate::linux::procfs::Proc;
use crate::linux::procfs::details::Details;
use crate::model::{Pid, ProcessKey, Uid};

use super::error::ApplyError;

/// A process that the caller may limit: its own, or any for root.
#[derive(Debug)]
pub(crate) struct LimitTarget {
    pub(crate) key: ProcessKey,
    /// Pins the process; `None` if the kernel has no pidfds.
    pub(crate) pidfd: Option<OwnedFd>,
    pub(crate) uid: Uid,
    /// It runs with more privileges than its user has.
    pub(crate) privileged: bool,
    pub(crate) name: String,
}

impl LimitTarget {
    /// The process with `pid`, else the caller.
    pub(crate) fn find(proc: &Path, named: Option<Pid>, by: Caller) -> Result<Self, ApplyError> {
        let Some(pid) = named.or(by.pid) else {
            return Err(ApplyError::UnknownCaller);
        };
        // In a container with our socket, the same pid is another process.
        if named.is_some() && !by.pid.is_some_and(|caller| Details::of(proc).shares_pids(caller)) {
            return Err(ApplyError::OtherPidNamespace);
        }
        let no_process = || ApplyError::NoSuchProcess { pid };
        let files = Proc::open(proc)?;
        let stat = files.stat(pid).ok().flatten().filter(|stat| !stat.is_dead()).ok_or_else(no_process)?;
        let credentials = Details::of(proc).credentials(pid).ok_or_else(no_process)?;
        if credentials.process != pid || stat.is_kernel_thread() {
            return Err(no_process());
        }
        // A setuid program belongs to root, regardless of the user that started it.
        let foreign = credentials.uid != by.uid || credentials.privileged;
        if by.uid != Uid::ROOT && foreign {
            return Err(ApplyError::PermissionDenied);
        }
        let name = String::from_utf8_lossy(stat.comm.as_bytes()).into_owned();
        let (uid, privileged) = (credentials.uid, credentials.privileged);
        let target = Self { key: stat.key, pidfd: pidfd::pin(pid), uid, privileged, name };
        // The pid may have been reused between reading one file and the next.
        if target.is_same(proc) { Ok(target) } else { Err(no_process()) }
    }

    /// Whether the pid is still that process, with the same privileges.
    pub(crate) fn is_same(&self, proc: &Path) -> bool {
        let stat = Proc::open(proc).ok().and_then(|proc| proc.stat(self.key.pid).ok().flatten());
        let rights = Details::of(proc).credentials(self.key.pid).map(|found| (found.uid, found.privileged));
        let is_same_process = stat.is_some_and(|stat| stat.key == self.key && !stat.is_dead());
        is_same_process && rights == Some((self.uid, self.privileged))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn me() -> (Uid, Pid) {
        let pid = i32::try_from(std::process::id()).ok().and_then(Pid::new).unwrap();
        (Uid::new(rustix::process::getuid().as_raw()), pid)
    }

    #[test]
    fn users_may_limit_only_their_own_processes() {
        let (uid, pid) = me();
        let proc = Path::new("/proc");
        let found = LimitTarget::find(proc, None, Caller { uid, pid: Some(pid) }).unwrap();
        assert_eq!((found.key.pid, found.uid), (pid, uid));
        let stranger = Caller { uid: Uid::new(uid.get() + 1), pid: Some(pid) };
        let denied = LimitTarget::find(proc, Some(pid), stranger).unwrap_err();
        assert!(matches!(denied, ApplyError::PermissionDenied));
        assert!(matches!(LimitTarget::find(proc, None, stranger).unwrap_err(), ApplyError::PermissionDenied));
        let unknown = LimitTarget::find(proc, None, Caller { uid, pid: None }).unwrap_err();
        assert!(matches!(unknown, ApplyError::UnknownCaller));
        let elsewhere = LimitTarget::find(proc, Some(pid), Caller { uid: Uid::ROOT, pid: None }).unwrap_err();
        assert!(elsewhere.to_string().contains("another pid namespace"), "{elsewhere}");
        let gone = Pid::new(i32::MAX);
        let none = LimitTarget::find(proc, gone, Caller { uid, pid: Some(pid) }).unwrap_err();
        assert!(matches!(none, ApplyError::NoSuchProcess { .. }));
    }

    #[test]
    fn a_reused_pid_is_another_process() {
        let (uid, pid) = me();
        let mut found = LimitTarget::find(Path::new("/proc"), None, Caller { uid, pid: Some(pid) }).unwrap();
        assert!(found.is_same(Path::new("/proc")));
        found.key.start_ticks += 1;
        assert!(!found.is_same(Path::new("/proc")));
        found.key.start_ticks -= 1;
        assert!(found.is_same(Path::new("/proc")));
        found.privileged = !found.privileged;
        assert!(!found.is_same(Path::new("/proc")), "its privileges have changed");
    }
}
