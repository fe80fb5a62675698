//! Signals to this process, read from a file descriptor instead of being acted on (signalfd(2)).

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, sigaction};
use nix::sys::signalfd::{self, SfdFlags};
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

pub use nix::sys::signal::Signal;

/// Raised by a fault of our own. Blocked, they would still kill the process, or repeat for ever (signal(7)).
const FAULT_SIGNALS: [Signal; 7] = [
    Signal::SIGABRT,
    Signal::SIGBUS,
    Signal::SIGFPE,
    Signal::SIGILL,
    Signal::SIGSEGV,
    Signal::SIGSYS,
    Signal::SIGTRAP,
];

/// Receives all signals that have a name. None is lost, and none takes effect before [`Self::raise_default`].
#[derive(Debug)]
pub struct SignalFd {
    signals: signalfd::SignalFd,
    /// The signal mask before.
    mask_before: SigSet,
    /// The action for SIGCHLD before.
    sigchld_before: SigAction,
    /// Those of [`TERMINATION_SIGNALS`] that are ignored, as `nohup` and a script's `&` have it.
    ignored: Vec<Signal>,
}

/// Ask a process to terminate.
const TERMINATION_SIGNALS: [Signal; 4] = [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM];

/// One signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceivedSignal {
    /// Its number.
    pub signal: Signal,
    /// The kernel sent it, for example for a terminal; otherwise a process did.
    pub by_kernel: bool,
}

impl SignalFd {
    /// Opens it, for this thread and those that it starts. From now on exited children must be waited for, even if SIGCHLD was
    /// inherited as ignored.
    ///
    /// # Errors
    /// If no file descriptor is left.
    pub fn open() -> io::Result<Self> {
        let mut all = SigSet::empty();
        Signal::iterator()
            .filter(|signal| !FAULT_SIGNALS.contains(signal))
            .for_each(|signal| all.add(signal));
        let mask_before = all.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        let signals = signalfd::SignalFd::with_flags(&all, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        // With SIGCHLD ignored, which may be inherited, exited children leave no status behind (wait(2)).
        let sigchld_before = set(Signal::SIGCHLD, &default_action())?;
        let mut ignored = Vec::new();
        for signal in TERMINATION_SIGNALS {
            // They are blocked now, so the action in between does not matter.
            let action = set(signal, &default_action())?;
            if matches!(action.handler(), SigHandler::SigIgn) {
                ignored.push(signal);
            }
            set(signal, &action)?;
        }
        Ok(Self { signals, mask_before, sigchld_before, ignored })
    }

    /// Whether `signal` asks for termination, and is not ignored.
    #[must_use]
    pub fn is_termination(&self, signal: Signal) -> bool {
        TERMINATION_SIGNALS.contains(&signal) && !self.ignored.contains(&signal)
    }

    /// The next signal, if there is one. Does not block.
    ///
    /// # Errors
    /// None is known.
    pub fn next(&self) -> io::Result<Option<ReceivedSignal>> {
        while let Some(read) = self.signals.read_signal()? {
            let number = i32::try_from(read.ssi_signo).unwrap_or_default();
            // Signals without a name are not in the mask.
            if let Ok(signal) = Signal::try_from(number) {
                // si_code of sigaction(2): SI_USER is 0, other signals by a process are below.
                return Ok(Some(ReceivedSignal { signal, by_kernel: read.ssi_code > 0 }));
            }
        }
        Ok(None)
    }

    /// Restores mask and action, for the program to execute next.
    ///
    /// # Errors
    /// None is known.
    pub fn restore(&self) -> io::Result<()> {
        set(Signal::SIGCHLD, &self.sigchld_before)?;
        Ok(self.mask_before.thread_set_mask()?)
    }

    /// Raises a signal with its default action. Returns unless that terminates the process: when it is continued, or at once
    /// where the kernel discards a stop (an orphaned process group).
    ///
    /// # Errors
    /// For `KILL` and `STOP`, none is known; they act at once.
    pub fn raise_default(&self, signal: Signal) -> io::Result<()> {
        let always = matches!(signal, Signal::SIGKILL | Signal::SIGSTOP);
        if always {
            return Ok(nix::sys::signal::raise(signal)?);
        }
        let before = set(signal, &default_action())?;
        nix::sys::signal::raise(signal)?;
        let mut one = SigSet::empty();
        one.add(signal);
        // It is delivered here.
        one.thread_unblock()?;
        one.thread_block()?;
        set(signal, &before)?;
        Ok(())
    }

    /// Terminates this process by `signal`, without a core dump. Returns if that is impossible: the first process of a pid
    /// namespace is not terminated by it.
    pub fn terminate_by(&self, signal: Signal) {
        // The limit alone does not prevent a core dump handler (core(5)).
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
        let _ = self.raise_default(signal);
    }
}

impl AsFd for SignalFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.signals.as_fd()
    }
}

fn default_action() -> SigAction {
    SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty())
}

#[allow(unsafe_code, reason = "the action for a signal can be set in no other way")]
fn set(signal: Signal, action: &SigAction) -> nix::Result<SigAction> {
    // SAFETY: it is the default action or the previous one: no code of ours runs in a handler.
    unsafe { sigaction(signal, action) }
}
