//! Who is to be limited, and that it is still who it was.

use std::os::fd::OwnedFd;
use std::path::Path;

use crate::ipc::{Caller, MethodError};
use crate::linux::process::pidfd;
use crate::linux::procfs::Proc;
use crate::linux::procfs::details::Details;
use crate::model::{Pid, ProcessKey, Uid};

use super::refused;

/// A process that its owner, or root, may have limited.
#[derive(Debug)]
pub(crate) struct LimitTarget {
    pub(crate) key: ProcessKey,
    /// The process, pinned, where the kernel can.
    pub(crate) pidfd: Option<OwnedFd>,
    pub(crate) uid: Uid,
    /// It runs with more rights than its user has.
    pub(crate) privileged: bool,
    pub(crate) name: String,
}

impl LimitTarget {
    /// The process with `pid`, else the caller.
    pub(crate) fn find(proc: &Path, named: Option<Pid>, by: Caller) -> Result<Self, MethodError> {
        let Some(pid) = named.or(by.pid) else {
            return Err(refused("whoever asked has ended, or is in another pid namespace"));
        };
        // In a container with our socket others go by the same numbers.
        if named.is_some() && !by.pid.is_some_and(|caller| Details::of(proc).shares_pids(caller)) {
            return Err(refused("whoever asked is in another pid namespace: its pids are not ours"));
        }
        let gone = || MethodError::NoSuchProcess { pid };
        let files = Proc::open(proc).map_err(refused)?;
        let stat = files.stat(pid).ok().flatten().filter(|stat| !stat.is_dead()).ok_or_else(gone)?;
        let credentials = Details::of(proc).credentials(pid).ok_or_else(gone)?;
        if credentials.process != pid || stat.is_kernel_thread() {
            return Err(gone());
        }
        // A setuid program is root's, whoever started it.
        let foreign = credentials.uid != by.uid || credentials.privileged;
        if by.uid != Uid::ROOT && foreign {
            return Err(MethodError::PermissionDenied {});
        }
        let name = String::from_utf8_lossy(stat.comm.as_bytes()).into_owned();
        let (uid, privileged) = (credentials.uid, credentials.privileged);
        let target = Self { key: stat.key, pidfd: pidfd::pin(pid), uid, privileged, name };
        // Between one file and the next the pid may have become another's.
        if target.is_same(proc) { Ok(target) } else { Err(gone()) }
    }

    /// Whether the pid is still that process, with the same rights.
    pub(crate) fn is_same(&self, proc: &Path) -> bool {
        let stat = Proc::open(proc).ok().and_then(|proc| proc.stat(self.key.pid).ok().flatten());
        let rights = Details::of(proc).credentials(self.key.pid).map(|found| (found.uid, found.privileged));
        let is_it = stat.is_some_and(|stat| stat.key == self.key && !stat.is_dead());
        is_it && rights == Some((self.uid, self.privileged))
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
    fn one_may_limit_oneself_and_nobody_elses_processes() {
        let (uid, pid) = me();
        let proc = Path::new("/proc");
        let found = LimitTarget::find(proc, None, Caller { uid, pid: Some(pid) }).unwrap();
        assert_eq!((found.key.pid, found.uid), (pid, uid));
        let stranger = Caller { uid: Uid::new(uid.get() + 1), pid: Some(pid) };
        assert_eq!(
            LimitTarget::find(proc, Some(pid), stranger).unwrap_err(),
            MethodError::PermissionDenied {}
        );
        assert_eq!(LimitTarget::find(proc, None, stranger).unwrap_err(), MethodError::PermissionDenied {});
        let nobody = LimitTarget::find(proc, None, Caller { uid, pid: None }).unwrap_err();
        assert!(matches!(nobody, MethodError::NotLimited { .. }));
        let elsewhere = LimitTarget::find(proc, Some(pid), Caller { uid: Uid::ROOT, pid: None }).unwrap_err();
        assert!(elsewhere.to_string().contains("another pid namespace"), "{elsewhere}");
        let gone = Pid::new(i32::MAX);
        let none = LimitTarget::find(proc, gone, Caller { uid, pid: Some(pid) }).unwrap_err();
        assert!(matches!(none, MethodError::NoSuchProcess { .. }));
    }

    #[test]
    fn a_pid_that_was_given_out_again_is_another_process() {
        let (uid, pid) = me();
        let mut found = LimitTarget::find(Path::new("/proc"), None, Caller { uid, pid: Some(pid) }).unwrap();
        assert!(found.is_same(Path::new("/proc")));
        found.key.start_ticks += 1;
        assert!(!found.is_same(Path::new("/proc")));
        found.key.start_ticks -= 1;
        assert!(found.is_same(Path::new("/proc")));
        found.privileged = !found.privileged;
        assert!(!found.is_same(Path::new("/proc")), "it has other rights since");
    }
}
