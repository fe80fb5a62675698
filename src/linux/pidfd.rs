//! Signals that cannot hit the wrong process.
//!
//! A pid may be reused between a decision and its signal. A pidfd pins one process; its start time, read after
//! the pidfd is open, proves that it is the one that was decided on.

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::process::{PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::proc::read_file;
use super::stat::Stat;
use crate::model::ProcessKey;

/// What became of one signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Delivered.
    Delivered,
    /// The process had ended before, or its pid is another's now: nothing was sent.
    Gone,
    /// The kernel refused (`EPERM` as a rule).
    Refused(Errno),
}

/// Sends signals to processes whose identity it has checked.
#[derive(Debug)]
pub struct Signaller {
    proc: OwnedFd,
}

impl Signaller {
    /// Opens the real `/proc`: signals go to the kernel's own processes, whatever tree the figures were read from.
    ///
    /// # Errors
    /// Where `/proc` is not mounted.
    pub fn open() -> Result<Self, Errno> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        Ok(Self { proc: openat(CWD, Path::new("/proc"), flags, Mode::empty())? })
    }

    /// Sends `signal` to the very process `key`, and to no other. Allocates nothing and waits for nobody.
    #[must_use]
    pub fn send(&self, key: ProcessKey, signal: Signal) -> Sent {
        match self.try_send(key, signal) {
            Ok(true) => Sent::Delivered,
            Ok(false) | Err(Errno::SRCH | Errno::NOENT) => Sent::Gone,
            Err(e) => Sent::Refused(e),
        }
    }

    fn try_send(&self, key: ProcessKey, signal: Signal) -> Result<bool, Errno> {
        let Some(pid) = rustix::process::Pid::from_raw(key.pid.get()) else { return Ok(false) };
        let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
        let mut buffer = [0u8; 1024];
        let len = read_file(&self.proc, key.pid, "stat", &mut buffer)?;
        let same = Stat::parse(&buffer[..len]).is_some_and(|stat| stat.key == key && !stat.is_dead());
        if same {
            pidfd_send_signal(&pidfd, signal)?;
        }
        Ok(same)
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use super::*;
    use crate::linux::proc::Proc;
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
    fn a_reused_pid_is_spared() {
        let (mut child, key) = sleeper();
        let stale = ProcessKey { start_ticks: key.start_ticks.wrapping_sub(1), ..key };
        assert_eq!(Signaller::open().unwrap().send(stale, Signal::KILL), Sent::Gone);
        assert!(child.try_wait().unwrap().is_none(), "it lives");
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
