//! How the monitor handles a signal that it receives, and a stop of the command.

// Not rustix's: 0 stands for a session or group of another pid namespace, as below `nsenter`, and cannot be in its `Pid`.
use nix::unistd::{getpgid, getpgrp, getpid, getppid, getsid};

use crate::linux::process::signalfd::{ReceivedSignal, Signal};

/// How a received signal is handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SignalAction {
    /// Forward it to the command.
    Relay,
    /// Ignore it: the command has received it already, or it is for the monitor.
    Leave,
    /// Continue the command if it is stopped.
    Continue,
}

/// A signal of the terminal reaches the whole process group; one of a process may be for the monitor only. So is the
/// hangup of a terminal for the session leader: the other processes get theirs when the leader has exited
/// (`tty_signal_session_leader` of `drivers/tty/tty_jobctrl.c`), and the monitor waits for them.
pub(super) const fn action(received: ReceivedSignal, is_session_leader: bool) -> SignalAction {
    match received.signal {
        Signal::SIGCHLD | Signal::SIGPIPE => SignalAction::Leave,
        Signal::SIGCONT => SignalAction::Continue,
        // A timer set before exec stays with this process (execve(2)); a child does not inherit it (fork(2)).
        Signal::SIGALRM | Signal::SIGVTALRM | Signal::SIGPROF => SignalAction::Relay,
        Signal::SIGHUP if is_session_leader => SignalAction::Relay,
        _ if received.by_kernel => SignalAction::Leave,
        _ => SignalAction::Relay,
    }
}

/// Whether this process leads its session: a terminal window or `ssh -t` started it without a shell.
pub(super) fn is_session_leader() -> bool {
    getsid(None).is_ok_and(|session| session == getpid())
}

/// The signal by which the monitor stops when `signal` has stopped the command, so that the shell sees a stopped job and
/// takes the terminal back.
pub(super) fn own_stop(signal: Signal) -> Option<Signal> {
    match signal {
        // The kernel ignores these in an orphaned process group, where nothing could continue us.
        Signal::SIGTSTP | Signal::SIGTTIN | Signal::SIGTTOU => Some(signal),
        // SIGSTOP always stops: without job control, a script or a service would wait forever.
        _ => is_job().then_some(signal),
    }
}

/// Whether the parent is a shell with job control: in our session, in another process group.
fn is_job() -> bool {
    let parent = getppid();
    // A parent in another pid namespace: its session and group are not visible.
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
    fn a_signal_of_the_terminal_is_not_forwarded() {
        let by = |by_kernel: bool, signal: Signal| action(ReceivedSignal { signal, by_kernel }, false);
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
        assert_eq!(by(true, Signal::SIGALRM), SignalAction::Relay, "a timer of this process");
        assert_eq!(
            (by(true, Signal::SIGCONT), by(false, Signal::SIGCONT)),
            (SignalAction::Continue, SignalAction::Continue)
        );
        assert_eq!(by(true, Signal::SIGCHLD), SignalAction::Leave);
        let hangup = ReceivedSignal { signal: Signal::SIGHUP, by_kernel: true };
        assert_eq!(action(hangup, true), SignalAction::Relay, "the kernel signals the leader only");
    }

    #[test]
    fn a_stop_by_the_terminal_is_repeated() {
        for signal in [Signal::SIGTSTP, Signal::SIGTTIN, Signal::SIGTTOU] {
            assert_eq!(own_stop(signal), Some(signal));
        }
    }
}
