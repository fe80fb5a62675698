//! A child that is a copy of this process.

use std::io;

use nix::sys::signal::kill;
use nix::unistd::{ForkResult, fork};
use rustix::process::{WaitOptions, WaitStatus, waitpid};

use super::signalfd::Signal;
use crate::model::Pid;

/// A child. Its pid is not reused before it is waited for.
#[derive(Debug)]
pub struct Child {
    pid: Pid,
    has_exited: bool,
}

/// The side of a fork.
#[derive(Debug)]
pub enum Forked {
    /// This is the child.
    Child,
    /// This is the parent.
    Parent(Child),
}

/// A change of state of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It exited with this code.
    Exited(u8),
    /// This signal killed it; a number, since some have no name.
    Killed(i32),
    /// This signal stopped it.
    Stopped(i32),
    /// It continues.
    Continued,
}

impl Child {
    /// Copies this process, which must have only one thread: the child would not have the others, and their locks would stay
    /// locked for ever.
    ///
    /// # Errors
    /// If no memory or no pid is left.
    #[allow(unsafe_code, reason = "no library forks a process and continues in the copy")]
    pub fn fork() -> io::Result<Forked> {
        // SAFETY: with one thread no other one holds a lock, so the child may do anything that the parent may.
        match unsafe { fork() }? {
            ForkResult::Child => Ok(Forked::Child),
            ForkResult::Parent { child } => {
                let pid = Pid::new(child.as_raw()).ok_or(io::ErrorKind::NotFound)?;
                Ok(Forked::Parent(Self { pid, has_exited: false }))
            }
        }
    }

    /// Its pid.
    #[must_use]
    pub const fn pid(&self) -> Pid {
        self.pid
    }

    /// Sends it a signal; none if it has exited.
    ///
    /// # Errors
    /// Without the permission: it may have changed its user (setuid).
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        if self.has_exited {
            return Ok(());
        }
        Ok(kill(nix::unistd::Pid::from_raw(self.pid.get()), signal)?)
    }

    /// Its change of state since the last call. Does not block.
    ///
    /// # Errors
    /// If another part of this process has waited for it.
    pub fn change(&mut self) -> io::Result<Option<Change>> {
        let options = WaitOptions::NOHANG | WaitOptions::UNTRACED | WaitOptions::CONTINUED;
        let waited = waitpid(rustix::process::Pid::from_raw(self.pid.get()), options)?;
        let change = waited.and_then(|(_, status)| Change::from_wait_status(status));
        self.has_exited |= matches!(change, Some(Change::Exited(_) | Change::Killed(_)));
        Ok(change)
    }
}

impl Change {
    fn from_wait_status(status: WaitStatus) -> Option<Self> {
        if let Some(code) = status.exit_status() {
            return Some(Self::Exited(u8::try_from(code & 0xff).unwrap_or_default()));
        }
        let killed = status.terminating_signal().map(Self::Killed);
        killed
            .or_else(|| status.stopping_signal().map(Self::Stopped))
            .or_else(|| status.continued().then_some(Self::Continued))
    }
}
