//! The process to limit, verified against reuse of its pid.

use std::os::fd::OwnedFd;
use std::path::Path;

use crate::ipc::Caller;
use crate::linux::process::pidfd;
use crate::linux::procfs::Proc;
use crate::linux::procfs::status::ProcessStatus;
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
        // All of `status`: with thousands of groups the line with the pids comes after the part that samples read.
        let status_of = |caller: Pid| std::fs::read(proc.join(format!("{caller}/status"))).ok();
        let shares_pids = |caller| {
            status_of(caller)
                .and_then(|text| ProcessStatus::parse(&text))
                .is_some_and(|status| status.shares_pids())
        };
        let proc = &Proc::open(proc)?;
        // In a container with our socket, the same pid is another process.
        if named.is_some() && !by.pid.is_some_and(shares_pids) {
            return Err(ApplyError::OtherPidNamespace);
        }
        let no_process = || ApplyError::NoSuchProcess { pid };
        let stat = proc.stat(pid).ok().flatten().filter(|stat| !stat.is_dead()).ok_or_else(no_process)?;
        let status = proc.status(pid).ok().flatten().ok_or_else(no_process)?;
        if status.tgid.is_some_and(|process| process != pid) || stat.is_kernel_thread() {
            return Err(no_process());
        }
        // A setuid program belongs to root, regardless of the user that started it.
        let foreign = status.uid != by.uid || status.is_privileged();
        if by.uid != Uid::ROOT && foreign {
            return Err(ApplyError::PermissionDenied);
        }
        let name = String::from_utf8_lossy(stat.comm.as_bytes()).into_owned();
        let (uid, privileged) = (status.uid, status.is_privileged());
        let target = Self { key: stat.key, pidfd: pidfd::pin(pid), uid, privileged, name };
        // The pid may have been reused between reading one file and the next.
        if target.is_unchanged(proc) { Ok(target) } else { Err(no_process()) }
    }

    /// Whether the pid is still that process, with the same privileges.
    pub(crate) fn is_same(&self, proc: &Path) -> bool {
        Proc::open(proc).is_ok_and(|proc| self.is_unchanged(&proc))
    }

    fn is_unchanged(&self, proc: &Proc) -> bool {
        let stat = proc.stat(self.key.pid).ok().flatten();
        let status = proc.status(self.key.pid).ok().flatten();
        stat.is_some_and(|stat| stat.key == self.key && !stat.is_dead())
            && status
                .is_some_and(|status| (status.uid, status.is_privileged()) == (self.uid, self.privileged))
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
    fn many_groups_do_not_hide_another_pid_namespace() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("7")).unwrap();
        let groups = "1000000 ".repeat(2000);
        let status = format!("Name:\tx\nTgid:\t7\nUid:\t0\t0\t0\t0\nGroups:\t{groups}\nNSpid:\t7\t1\n");
        std::fs::write(root.path().join("7/status"), status).unwrap();
        let caller = Caller { uid: Uid::ROOT, pid: Pid::new(7) };
        let error = LimitTarget::find(root.path(), Pid::new(9), caller).unwrap_err();
        assert!(matches!(error, ApplyError::OtherPidNamespace), "{error}");
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
