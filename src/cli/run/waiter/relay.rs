//! What is done about a signal that reaches the waiter, and about a stop of the command.

// Not rustix's: 0 stands for a session or group of another pid namespace, as below `nsenter`, and cannot be in its `Pid`.
use nix::unistd::{getpgid, getpgrp, getpid, getppid, getsid};

use crate::linux::process::signalfd::{ReceivedSignal, Signal};

/// What is done about a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SignalAction {
    /// The command gets it from us.
    Relay,
    /// Nothing: the command has it already, or it is ours.
    Leave,
    /// The command goes on, where it is stopped.
    Continue,
}

/// The terminal reaches the whole process group; what a process sends may be for us alone. So is the hangup of a terminal for
/// whoever `leads` its session: the others get theirs when that one has ended (`tty_signal_session_leader` of
/// `drivers/tty/tty_jobctrl.c`), and we wait for them.
pub(super) const fn course(letter: ReceivedSignal, leads: bool) -> SignalAction {
    match letter.signal {
        Signal::SIGCHLD | Signal::SIGPIPE => SignalAction::Leave,
        Signal::SIGCONT => SignalAction::Continue,
        // A timer that was set before us stays with this process (execve(2)) and does not reach a child (fork(2)).
        Signal::SIGALRM | Signal::SIGVTALRM | Signal::SIGPROF => SignalAction::Relay,
        Signal::SIGHUP if leads => SignalAction::Relay,
        _ if letter.by_kernel => SignalAction::Leave,
        _ => SignalAction::Relay,
    }
}

/// Whether our session is our own: a terminal's window or `ssh -t` has started us without a shell.
pub(super) fn leads() -> bool {
    getsid(None).is_ok_and(|session| session == getpid())
}

/// How we stop when `signal` has stopped the command, so that a shell sees its job stopped and takes the terminal back.
pub(super) fn stop(signal: Signal) -> Option<Signal> {
    match signal {
        // The kernel knows whether anybody could continue us, and otherwise takes no notice.
        Signal::SIGTSTP | Signal::SIGTTIN | Signal::SIGTTOU => Some(signal),
        // This one it always obeys: a script or a service would wait for us for ever.
        _ => is_job().then_some(signal),
    }
}

/// Whoever started us has a process group of its own in our session: a shell with job control.
fn is_job() -> bool {
    let parent = getppid();
    // One of another pid namespace: nothing is told of it.
    if parent.as_raw() == 0 {
        return false;
    }
    let same_session = getsid(Some(parent)).is_ok_and(|session| getsid(None) == Ok(session));
    same_session && getpgid(Some(parent)).is_ok_and(|group| group != getpgrp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_terminal_sends_is_not_sent_twice() {
        let by = |by_kernel: bool, signal: Signal| course(ReceivedSignal { signal, by_kernel }, false);
        for signal in [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGHUP, Signal::SIGWINCH, Signal::SIGTSTP] {
            assert_eq!(
                (by(true, signal), by(false, signal)),
                (SignalAction::Leave, SignalAction::Relay),
                "{signal}"
            );
        }
        for signal in [Signal::SIGTERM, Signal::SIGUSR1, Signal::SIGUSR2] {
            assert_eq!(by(false, signal), SignalAction::Relay, "{signal}");
        }
        assert_eq!(by(true, Signal::SIGALRM), SignalAction::Relay, "it is ours alone");
        assert_eq!(
            (by(true, Signal::SIGCONT), by(false, Signal::SIGCONT)),
            (SignalAction::Continue, SignalAction::Continue)
        );
        assert_eq!(by(true, Signal::SIGCHLD), SignalAction::Leave);
        let hangup = ReceivedSignal { signal: Signal::SIGHUP, by_kernel: true };
        assert_eq!(course(hangup, true), SignalAction::Relay, "the kernel tells the leader alone");
    }

    #[test]
    fn a_stop_is_of_the_same_kind() {
        for signal in [Signal::SIGTSTP, Signal::SIGTTIN, Signal::SIGTTOU] {
            assert_eq!(stop(signal), Some(signal));
        }
    }
}
