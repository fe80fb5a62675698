//! The signals that are sent to this process, read like a file instead of being suffered.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, sigaction};
use nix::sys::signalfd::{self, SfdFlags};
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

pub use nix::sys::signal::Signal;

/// What a fault of our own raises: blocked, it would end us all the same, or run on for ever (signal(7)).
const FAULTS: [Signal; 7] = [
    Signal::SIGABRT,
    Signal::SIGBUS,
    Signal::SIGFPE,
    Signal::SIGILL,
    Signal::SIGSEGV,
    Signal::SIGSYS,
    Signal::SIGTRAP,
];

/// Takes all signals that have a name; none is lost and none acts until it says so.
#[derive(Debug)]
pub struct SignalFd {
    letters: signalfd::SignalFd,
    /// What was blocked before.
    before: SigSet,
    /// What was done about ended children before.
    children: SigAction,
    /// Those of [`ENDS`] that are ignored, as `nohup` and a script's `&` have it.
    ignored: Vec<Signal>,
}

/// What asks a process to end.
const ENDS: [Signal; 4] = [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM];

/// One signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceivedSignal {
    /// Which.
    pub signal: Signal,
    /// The kernel sent it, as it does for a terminal; else a process did.
    pub by_kernel: bool,
}

impl SignalFd {
    /// Opens it, for this thread and those that it starts. Children are to be waited for from now on, whatever whoever
    /// started us thought of them.
    ///
    /// # Errors
    /// Where the system has no descriptor left.
    pub fn open() -> io::Result<Self> {
        let mut all = SigSet::empty();
        Signal::iterator().filter(|signal| !FAULTS.contains(signal)).for_each(|signal| all.add(signal));
        let before = all.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        let letters = signalfd::SignalFd::with_flags(&all, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        // Ignored, as it may be inherited, ended children leave no status behind (wait(2)).
        let children = set(Signal::SIGCHLD, &usual())?;
        let mut ignored = Vec::new();
        for signal in ENDS {
            // Blocked as they are now, it does not matter what is done about them meanwhile.
            let action = set(signal, &usual())?;
            if matches!(action.handler(), SigHandler::SigIgn) {
                ignored.push(signal);
            }
            set(signal, &action)?;
        }
        Ok(Self { letters, before, children, ignored })
    }

    /// Whether `signal` asks us to end, and is not ignored.
    #[must_use]
    pub fn is_end(&self, signal: Signal) -> bool {
        ENDS.contains(&signal) && !self.ignored.contains(&signal)
    }

    /// The next one, if there is one.
    ///
    /// # Errors
    /// None is known.
    pub fn next(&self) -> io::Result<Option<ReceivedSignal>> {
        while let Some(read) = self.letters.read_signal()? {
            let number = i32::try_from(read.ssi_signo).unwrap_or_default();
            // What has no name is not asked for.
            if let Ok(signal) = Signal::try_from(number) {
                // si_code of sigaction(2): SI_USER is 0, what else a process can send is below.
                return Ok(Some(ReceivedSignal { signal, by_kernel: read.ssi_code > 0 }));
            }
        }
        Ok(None)
    }

    /// Puts back what was before, for what is run next.
    ///
    /// # Errors
    /// None is known.
    pub fn put_back(&self) -> io::Result<()> {
        set(Signal::SIGCHLD, &self.children)?;
        Ok(self.before.thread_set_mask()?)
    }

    /// Suffers a signal as if nothing had been done about it. Comes back where that does not end us: when we are
    /// continued, or at once where the kernel takes a stop for pointless (an orphaned process group).
    ///
    /// # Errors
    /// For `KILL` and `STOP`, none is known; they act at once.
    pub fn suffer(&self, signal: Signal) -> io::Result<()> {
        let always = matches!(signal, Signal::SIGKILL | Signal::SIGSTOP);
        if always {
            return Ok(nix::sys::signal::raise(signal)?);
        }
        let before = set(signal, &usual())?;
        nix::sys::signal::raise(signal)?;
        let mut one = SigSet::empty();
        one.add(signal);
        // Here it is delivered.
        one.thread_unblock()?;
        one.thread_block()?;
        set(signal, &before)?;
        Ok(())
    }

    /// Ends this process by `signal`, without a core of ours. Comes back where it cannot be done: the first process of
    /// a pid namespace does not end so.
    pub fn end_by(&self, signal: Signal) {
        // A handler of cores is not kept away by the limit alone (core(5)).
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
        let _ = self.suffer(signal);
    }
}

impl AsFd for SignalFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.letters.as_fd()
    }
}

fn usual() -> SigAction {
    SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty())
}

#[allow(unsafe_code, reason = "what is done about a signal is set in no other way")]
fn set(signal: Signal, action: &SigAction) -> nix::Result<SigAction> {
    // SAFETY: the default action, or the one that was there before: no code of ours runs in a handler.
    unsafe { sigaction(signal, action) }
}
