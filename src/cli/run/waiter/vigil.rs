//! One run of the command, from its fork to its end.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::kind::Kind;
use super::relay::{self, SignalAction};
use super::scope::{Scope, Seen};
use crate::api::limited::LimitInfo;
use crate::linux::clock;
use crate::linux::process::fork::{Change, Child};
use crate::linux::process::signalfd::{ReceivedSignal, Signal, SignalFd};
use crate::linux::procfs::Proc;
use crate::model::{Boottime, Pid};

/// A shell continues all of a process group, one after the other: so long the command may take to be one of them.
const OTHERS: Duration = Duration::from_millis(10);

/// How the command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// By itself, with this code.
    Exited(u8),
    /// By this signal.
    Killed(i32),
}

/// What one run came to.
#[derive(Clone, Debug)]
pub(super) struct Ended {
    pub(super) pid: Pid,
    pub(super) end: End,
    pub(super) at: Boottime,
    pub(super) seen: Seen,
}

/// Watches over one run.
pub(super) struct ChildMonitor<'a> {
    inbox: &'a SignalFd,
    kind: &'a mut Kind,
    child: Child,
    /// Until the child has become the command.
    talk: Option<BufReader<UnixStream>>,
    /// Where it has a limit.
    scope: Option<Scope>,
    /// It was stopped when it was asked last.
    stopped: bool,
    /// When it is continued by us, unless it is by others before.
    resume: Option<Boottime>,
    /// That was asked for when it was not known to be stopped.
    early: bool,
}

impl<'a> ChildMonitor<'a> {
    pub(super) fn new(inbox: &'a SignalFd, kind: &'a mut Kind, child: Child, talk: UnixStream) -> Self {
        Self {
            inbox,
            kind,
            child,
            talk: Some(BufReader::new(talk)),
            scope: None,
            stopped: false,
            resume: None,
            early: false,
        }
    }

    /// Until the command has ended.
    pub(super) fn keep(mut self) -> io::Result<Ended> {
        loop {
            while let Some(letter) = self.inbox.next()? {
                self.take(letter);
            }
            let end = match self.child.change()? {
                Some(Change::Exited(code)) => End::Exited(code),
                Some(Change::Killed(signal)) => End::Killed(signal),
                // It was to be continued before we knew that it had stopped: as it will be, nobody has to know.
                Some(Change::Stopped(_)) if self.early && self.resume.is_some() => {
                    (self.stopped, self.early) = (true, false);
                    continue;
                }
                // Where it was about to be continued: it has been, and this is another stop.
                Some(Change::Stopped(signal)) => {
                    (self.stopped, self.resume) = (true, None);
                    self.stop(signal)?;
                    continue;
                }
                Some(Change::Continued) => {
                    (self.stopped, self.resume) = (false, None);
                    continue;
                }
                None => {
                    self.wait()?;
                    continue;
                }
            };
            // At once: the service manager removes the scope as soon as it is empty.
            let killed = end == End::Killed(Signal::SIGKILL as i32);
            let seen = self.scope.take().map(|scope| scope.leave(killed)).unwrap_or_default();
            return Ok(Ended { pid: self.child.pid(), end, at: clock::now(), seen });
        }
    }

    fn take(&mut self, letter: ReceivedSignal) {
        match relay::course(letter, relay::leads()) {
            SignalAction::Relay => self.hand_on(letter.signal),
            SignalAction::Continue => {
                // Its stop may be news to us.
                self.early = !self.stopped;
                self.resume = Some(clock::now() + OTHERS);
            }
            SignalAction::Leave => {}
        }
    }

    /// What has taken on other rights gets it no more from us than it would from whoever sent it.
    fn hand_on(&self, signal: Signal) {
        let _ = self.child.signal(signal);
    }

    fn is_stopped(&self) -> bool {
        let stat =
            Proc::open(Path::new("/proc")).ok().and_then(|proc| proc.stat(self.child.pid()).ok().flatten());
        stat.is_some_and(|stat| stat.is_stopped())
    }

    fn stop(&self, signal: i32) -> io::Result<()> {
        let signal = Signal::try_from(signal).ok().and_then(relay::stop);
        // It may be continued already, and nobody would continue us.
        match signal.filter(|_| self.is_stopped()) {
            Some(signal) => self.inbox.suffer(signal),
            None => Ok(()),
        }
    }

    /// Until something happens.
    fn wait(&mut self) -> io::Result<()> {
        let now = clock::now();
        if self.resume.is_some_and(|at| at <= now) {
            (self.resume, self.early) = (None, false);
            if self.is_stopped() {
                self.hand_on(Signal::SIGCONT);
            }
        }
        let resume = self.resume.map(|at| at.since(now));
        let due = self.scope.as_ref().map_or(Ok(None), Scope::due);
        let soon = [due.as_ref().err().copied(), self.kind.due(), resume].into_iter().flatten().min();
        let toll = due.ok().flatten();
        let mut files = vec![PollFd::new(self.inbox, PollFlags::IN)];
        files.extend(self.talk.as_ref().map(|talk| PollFd::new(talk.get_ref(), PollFlags::IN)));
        files.extend(toll.map(|toll| PollFd::new(toll, PollFlags::PRI)));
        match poll(&mut files, soon.map(timespec).as_ref()) {
            Ok(_) => {}
            Err(Errno::INTR) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        let mut ready = files.iter().skip(1).map(|file| !file.revents().is_empty());
        let talks = self.talk.is_some() && ready.next().unwrap_or_default();
        let events = ready.next().unwrap_or_default();
        if talks {
            self.listen();
        }
        if events {
            self.scope.iter_mut().for_each(Scope::look);
        }
        if self.kind.due().is_some_and(|due| due.is_zero()) {
            self.kind.look(self.child.pid());
        }
        Ok(())
    }

    /// The child tells its limit and waits for us to have seen it, then runs the command, which closes the way.
    fn listen(&mut self) {
        let mut line = String::new();
        let Some(talk) = self.talk.as_mut() else { return };
        match talk.read_line(&mut line) {
            Ok(length) if length > 0 => {
                let limited = serde_json::from_str::<LimitInfo>(&line).ok();
                self.scope = limited.map(|limited| Scope::of(self.child.pid(), &limited));
                // A child that has ended meanwhile waits for nothing.
                let _ = talk.get_mut().write_all(b"\n");
            }
            _ => {
                self.talk = None;
                self.kind.begin();
            }
        }
    }
}

/// As `poll` takes it, rounded up: a wait that ends early comes back for nothing.
pub(super) fn timespec(time: Duration) -> Timespec {
    let time = time + Duration::from_millis(1);
    Timespec {
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(time.subsec_nanos()),
    }
}
