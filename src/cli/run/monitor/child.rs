//! One run of the command, from fork to exit.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::resume_rule::ResumeRule;
use super::scope::{ScopeMonitor, ScopeUsage};
use super::signals::{self, SignalAction};
use crate::api::limited::LimitInfo;
use crate::linux::clock;
use crate::linux::process::fork::{Change, Child};
use crate::linux::process::signalfd::{ReceivedSignal, Signal, SignalFd};
use crate::linux::procfs::Proc;
use crate::model::{Boottime, Pid};

/// Wait for the shell to continue the command before the monitor does: it continues a process group one by one.
const CONTINUE_DELAY: Duration = Duration::from_millis(10);

/// How the command exited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CommandExit {
    /// With this code.
    Exited(u8),
    /// By this signal.
    Killed(i32),
}

/// The result of one run.
#[derive(Clone, Debug)]
pub(super) struct RunOutcome {
    pub(super) pid: Pid,
    pub(super) exit: CommandExit,
    /// When it exited.
    pub(super) at: Boottime,
    pub(super) usage: ScopeUsage,
}

/// Waits for one run, and meanwhile forwards signals and watches the scope.
pub(super) struct ChildMonitor<'a> {
    signals: &'a SignalFd,
    resume_rule: &'a mut ResumeRule,
    child: Child,
    /// The connection to the child, until it has exec'ed the command.
    channel: Option<BufReader<UnixStream>>,
    /// If it has a limit.
    scope: Option<ScopeMonitor>,
    /// Whether it was stopped at the last change.
    stopped: bool,
    /// When the monitor continues it, unless others did before.
    continue_at: Option<Boottime>,
    /// SIGCONT was received before the stop of the command was noticed.
    continued_early: bool,
}

impl<'a> ChildMonitor<'a> {
    pub(super) fn new(
        signals: &'a SignalFd,
        resume_rule: &'a mut ResumeRule,
        child: Child,
        channel: UnixStream,
    ) -> Self {
        Self {
            signals,
            resume_rule,
            child,
            channel: Some(BufReader::new(channel)),
            scope: None,
            stopped: false,
            continue_at: None,
            continued_early: false,
        }
    }

    /// Returns when the command has exited.
    pub(super) fn run(mut self) -> io::Result<RunOutcome> {
        loop {
            while let Some(received) = self.signals.next()? {
                self.handle(received);
            }
            let exit = match self.child.change()? {
                Some(Change::Exited(code)) => CommandExit::Exited(code),
                Some(Change::Killed(signal)) => CommandExit::Killed(signal),
                // Its SIGCONT came before this stop was noticed. It will be continued, so the monitor does not stop.
                Some(Change::Stopped(_)) if self.continued_early && self.continue_at.is_some() => {
                    (self.stopped, self.continued_early) = (true, false);
                    continue;
                }
                // If it was about to be continued, others have done so, and this is another stop.
                Some(Change::Stopped(signal)) => {
                    (self.stopped, self.continue_at) = (true, None);
                    self.stop(signal)?;
                    continue;
                }
                Some(Change::Continued) => {
                    (self.stopped, self.continue_at) = (false, None);
                    continue;
                }
                None => {
                    self.wait()?;
                    continue;
                }
            };
            // At once: the service manager removes the scope as soon as it is empty.
            let killed = exit == CommandExit::Killed(Signal::SIGKILL as i32);
            let usage = self.scope.take().map(|scope| scope.finish(killed)).unwrap_or_default();
            return Ok(RunOutcome { pid: self.child.pid(), exit, at: clock::now(), usage });
        }
    }

    fn handle(&mut self, received: ReceivedSignal) {
        match signals::action(received, signals::is_session_leader()) {
            SignalAction::Relay => self.forward(received.signal),
            SignalAction::Continue => {
                // Its stop may not have been noticed yet.
                self.continued_early = !self.stopped;
                self.continue_at = Some(clock::now() + CONTINUE_DELAY);
            }
            SignalAction::Leave => {}
        }
    }

    /// A command that changed its user does not receive it, as it would not from the sender.
    fn forward(&self, signal: Signal) {
        let _ = self.child.signal(signal);
    }

    fn is_stopped(&self) -> bool {
        let stat =
            Proc::open(Path::new("/proc")).ok().and_then(|proc| proc.stat(self.child.pid()).ok().flatten());
        stat.is_some_and(|stat| stat.is_stopped())
    }

    fn stop(&self, signal: i32) -> io::Result<()> {
        let signal = Signal::try_from(signal).ok().and_then(signals::own_stop);
        // If it was continued already, nothing would continue the monitor.
        match signal.filter(|_| self.is_stopped()) {
            Some(signal) => self.signals.raise_default(signal),
            None => Ok(()),
        }
    }

    /// Waits for a signal, an event of the scope or a timeout.
    fn wait(&mut self) -> io::Result<()> {
        let now = clock::now();
        if self.continue_at.is_some_and(|at| at <= now) {
            (self.continue_at, self.continued_early) = (None, false);
            if self.is_stopped() {
                self.forward(Signal::SIGCONT);
            }
        }
        let until_continue = self.continue_at.map(|at| at.since(now));
        let due = self.scope.as_ref().map_or(Ok(None), ScopeMonitor::due);
        let timeout = [due.as_ref().err().copied(), self.resume_rule.due(), until_continue];
        let timeout = timeout.into_iter().flatten().min();
        let memory_events = due.ok().flatten();
        let mut files = vec![PollFd::new(self.signals, PollFlags::IN)];
        files.extend(self.channel.as_ref().map(|channel| PollFd::new(channel.get_ref(), PollFlags::IN)));
        files.extend(memory_events.map(|events| PollFd::new(events, PollFlags::PRI)));
        match poll(&mut files, timeout.map(timespec).as_ref()) {
            Ok(_) => {}
            Err(Errno::INTR) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        let mut ready = files.iter().skip(1).map(|file| !file.revents().is_empty());
        let has_message = self.channel.is_some() && ready.next().unwrap_or_default();
        let has_events = ready.next().unwrap_or_default();
        if has_message {
            self.read_channel();
        }
        if has_events {
            self.scope.iter_mut().for_each(ScopeMonitor::read);
        }
        if self.resume_rule.due().is_some_and(|due| due.is_zero()) {
            self.resume_rule.check(self.child.pid());
        }
        Ok(())
    }

    /// The child sends its limit, waits until the scope is open, and execs the command, which closes the channel.
    fn read_channel(&mut self) {
        let mut line = String::new();
        let Some(channel) = self.channel.as_mut() else { return };
        match channel.read_line(&mut line) {
            Ok(length) if length > 0 => {
                let limited = serde_json::from_str::<LimitInfo>(&line).ok();
                self.scope = limited.map(|limited| ScopeMonitor::open(self.child.pid(), &limited));
                // A child that has exited meanwhile does not wait for this.
                let _ = channel.get_mut().write_all(b"\n");
            }
            _ => {
                self.channel = None;
                self.resume_rule.command_started();
            }
        }
    }
}

/// Converts for `poll`, rounded up: it must not return before the time.
pub(super) fn timespec(time: Duration) -> Timespec {
    let time = time + Duration::from_millis(1);
    Timespec {
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(time.subsec_nanos()),
    }
}
