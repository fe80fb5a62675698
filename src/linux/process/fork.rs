//! A child that is a copy of this process.

use std::io;

use nix::sys::signal::kill;
use nix::unistd::{ForkResult, fork};
use rustix::process::{WaitOptions, WaitStatus, waitpid};

use super::signalfd::Signal;
use crate::model::Pid;

/// A child of ours. Until its end is taken its pid is nobody else's.
#[derive(Debug)]
pub struct Child {
    pid: Pid,
    ended: bool,
}

/// Who comes back from a fork.
#[derive(Debug)]
pub enum Forked {
    /// We are the child.
    Child,
    /// We have one.
    Parent(Child),
}

/// What became of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It ended with this code.
    Exited(u8),
    /// This signal ended it; a number, since some have no name.
    Killed(i32),
    /// This signal stopped it.
    Stopped(i32),
    /// It goes on.
    Continued,
}

impl Child {
    /// Copies this process, which must have one thread only: the child has no other, and what those held is held for
    /// ever.
    ///
    /// # Errors
    /// Where there is no memory or no pid left.
    #[allow(unsafe_code, reason = "no library copies a process and runs on in the copy")]
    pub fn fork() -> io::Result<Forked> {
        // SAFETY: with one thread there is no lock that another one holds, so the child may do all that we may.
        match unsafe { fork() }? {
            ForkResult::Child => Ok(Forked::Child),
            ForkResult::Parent { child } => {
                let pid = Pid::new(child.as_raw()).ok_or(io::ErrorKind::NotFound)?;
                Ok(Forked::Parent(Self { pid, ended: false }))
            }
        }
    }

    /// Which process.
    #[must_use]
    pub const fn pid(&self) -> Pid {
        self.pid
    }

    /// Hands a signal on to it. One that has ended gets none.
    ///
    /// # Errors
    /// Where it may not be signalled: it has taken on other rights (setuid).
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        if self.ended {
            return Ok(());
        }
        Ok(kill(nix::unistd::Pid::from_raw(self.pid.get()), signal)?)
    }

    /// What became of it since it was asked last; waits for nothing.
    ///
    /// # Errors
    /// Where somebody else has waited for it.
    pub fn change(&mut self) -> io::Result<Option<Change>> {
        let options = WaitOptions::NOHANG | WaitOptions::UNTRACED | WaitOptions::CONTINUED;
        let waited = waitpid(rustix::process::Pid::from_raw(self.pid.get()), options)?;
        let change = waited.and_then(|(_, status)| Change::of(status));
        self.ended |= matches!(change, Some(Change::Exited(_) | Change::Killed(_)));
        Ok(change)
    }
}

impl Change {
    fn of(status: WaitStatus) -> Option<Self> {
        if let Some(code) = status.exit_status() {
            return Some(Self::Exited(u8::try_from(code & 0xff).unwrap_or_default()));
        }
        let ended = status.terminating_signal().map(Self::Killed);
        ended
            .or_else(|| status.stopping_signal().map(Self::Stopped))
            .or_else(|| status.continued().then_some(Self::Continued))
    }
}
