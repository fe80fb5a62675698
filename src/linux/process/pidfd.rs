//! Signals that cannot hit the wrong process.
//!
//! A pid may be reused between a decision and its signal. A pidfd pins one process; its start time, read after the pidfd is
//! open, proves that it is the process of the decision.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{CWD, Mode, OFlags, openat, readlinkat};
use rustix::io::Errno;
use rustix::process::{PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::linux::procfs::read_file;
use crate::linux::procfs::stat::Stat;
use crate::model::{Pid, ProcessKey};

/// The result of sending one signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Delivered.
    Delivered,

    /// Not sent: the process had exited before, or its pid had been reused.
    Gone,
    /// The kernel refused, usually with `EPERM`.
    Refused(Errno),
}

/// Sends signals to processes after checking their identity.
#[derive(Debug)]
pub struct Signaller {
    proc: OwnedFd,
}

impl Signaller {
    /// Opens the real `/proc`: signals go to the kernel's own processes, whatever tree the figures were read from.
    ///
    /// # Errors
    /// If `/proc` is not mounted, or belongs to another pid namespace.
    pub fn open() -> io::Result<Self> {
        Ok(Self { proc: open_proc()? })
    }

    /// Sends `signal` to exactly the process `key`. Neither allocates nor blocks.
    #[must_use]
    pub fn send(&self, key: ProcessKey, signal: Signal) -> Sent {
        let sent = self.open_process(key).and_then(|found| {
            let Some((pidfd, _)) = found else { return Ok(Sent::Gone) };
            pidfd_send_signal(&pidfd, signal)?;
            Ok(Sent::Delivered)
        });
        Sent::from_result(sent)
    }

    fn open_process(&self, key: ProcessKey) -> Result<Option<(OwnedFd, Stat)>, Errno> {
        open_process(&self.proc, key)
    }
}

impl Sent {
    fn from_result(result: Result<Self, Errno>) -> Self {
        match result {
            Ok(sent) => sent,
            Err(Errno::SRCH | Errno::NOENT) => Self::Gone,
            Err(e) => Self::Refused(e),
        }
    }
}

/// Pins the process that has this pid now; `None` if there is none, or the kernel cannot. Its identity must be checked
/// afterwards.
#[must_use]
pub fn pin(pid: Pid) -> Option<OwnedFd> {
    pidfd_open(rustix::process::Pid::from_raw(pid.get())?, PidfdFlags::empty()).ok()
}

/// Opens the real `/proc`. In that of another pid namespace (`unshare --pid` without `--mount-proc`) the same number is another
/// process: a correct start time there says nothing about the process that would receive the signal.
pub(crate) fn open_proc() -> io::Result<OwnedFd> {
    let proc = openat(CWD, c"/proc", OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    is_ours(&proc, std::process::id())?;
    Ok(proc)
}

/// Whether the tree calls this process `pid` as its own namespace does.
fn is_ours(proc: &OwnedFd, pid: u32) -> io::Result<()> {
    let own = readlinkat(proc, c"self", Vec::new());
    if own.is_ok_and(|own| own.to_bytes() == pid.to_string().as_bytes()) {
        return Ok(());
    }
    Err(io::Error::other(
        "/proc is not that of our pid namespace, so signals would hit other processes; mount it again, as `unshare --mount-proc` does",
    ))
}

/// Pins exactly the process `key` and reads its `stat`; `None` if it has exited, or its pid was reused.
pub(crate) fn open_process(proc: &OwnedFd, key: ProcessKey) -> Result<Option<(OwnedFd, Stat)>, Errno> {
    let Some(pid) = rustix::process::Pid::from_raw(key.pid.get()) else { return Ok(None) };
    let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
    let mut buffer = [0u8; 1024];
    let len = read_file(proc, key.pid, "stat", &mut buffer)?;
    let stat = Stat::parse(&buffer[..len]).filter(|stat| stat.key == key && !stat.is_dead());
    Ok(stat.map(|stat| (pidfd, stat)))
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::{Child, Command};

    use super::*;
    use crate::linux::procfs::Proc;
    use crate::model::Pid;

    fn sleeper() -> (Child, ProcessKey) {
        let child = Command::new("sleep").arg("60").spawn().unwrap();
        let pid = Pid::new(i32::try_from(child.id()).unwrap()).unwrap();
        let key = Proc::open(Path::new("/proc")).unwrap().stat(pid).unwrap().unwrap().key;
        (child, key)
    }

    #[test]
    fn the_process_that_was_meant_is_hit() {
        let (mut child, key) = sleeper();
        assert_eq!(Signaller::open().unwrap().send(key, Signal::TERM), Sent::Delivered);
        assert!(!child.wait().unwrap().success());
        assert_eq!(Signaller::open().unwrap().send(key, Signal::TERM), Sent::Gone);
    }

    #[test]
    fn a_proc_of_another_pid_namespace_is_refused() {
        let proc = open_proc().unwrap();
        assert!(is_ours(&proc, std::process::id()).is_ok());
        let error = is_ours(&proc, std::process::id() + 1).unwrap_err();
        assert!(error.to_string().contains("pid namespace"), "{error}");
        let copy = tempfile::tempdir().unwrap();
        assert!(is_ours(&std::fs::File::open(copy.path()).unwrap().into(), 1).is_err());
    }

    #[test]
    fn a_reused_pid_receives_no_signal() {
        let (mut child, key) = sleeper();
        let stale = ProcessKey { start_ticks: key.start_ticks.wrapping_sub(1), ..key };
        assert_eq!(Signaller::open().unwrap().send(stale, Signal::KILL), Sent::Gone);
        assert!(child.try_wait().unwrap().is_none(), "it lives");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Waits until its state is one of those.
    fn becomes(key: ProcessKey, stopped: bool) -> bool {
        let proc = Proc::open(Path::new("/proc")).unwrap();
        (0..400).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(5));
            proc.stat(key.pid).unwrap().is_some_and(|stat| stat.is_stopped() == stopped)
        })
    }

    #[test]
    fn a_stopped_process_receives_its_signal_when_continued() {
        let (mut child, key) = sleeper();
        let signaller = Signaller::open().unwrap();
        assert_eq!(signaller.send(key, Signal::STOP), Sent::Delivered);
        assert!(becomes(key, true));
        assert_eq!(signaller.send(key, Signal::TERM), Sent::Delivered);
        assert!(child.try_wait().unwrap().is_none());
        let stale = ProcessKey { start_ticks: key.start_ticks.wrapping_sub(1), ..key };
        assert_eq!(signaller.send(stale, Signal::CONT), Sent::Gone, "another's");
        assert!(becomes(key, true));
        assert_eq!(signaller.send(key, Signal::CONT), Sent::Delivered);
        assert!(!child.wait().unwrap().success());
    }

    #[test]
    fn a_stopped_process_is_killed_at_once() {
        let (mut child, key) = sleeper();
        let signaller = Signaller::open().unwrap();
        assert_eq!(signaller.send(key, Signal::STOP), Sent::Delivered);
        assert!(becomes(key, true));
        assert_eq!(signaller.send(key, Signal::KILL), Sent::Delivered);
        assert!(!child.wait().unwrap().success());
    }
}
