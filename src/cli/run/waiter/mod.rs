//! Waits for the command outside of its limit: hands on signals and stops, says what memory did to it, runs it again.
//!
//! It has one thread and starts none: what it forks runs on.

mod again;
mod cause;
mod kind;
mod pause;
mod relay;
mod report;
mod restarts;
mod scope;
mod supervisor;
mod tty;
mod vigil;

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use super::command::{Program, Terms, fail, say};
use crate::cli::args::{Restart, Run};
use crate::cli::exit;
use crate::linux::clock;
use crate::linux::process::fork::{Child, Forked};
use crate::linux::process::signalfd::{Signal, SignalFd};
use cause::Cause;
use kind::Kind;
use report::Told;
use restarts::Restarts;
use tty::Tty;
use vigil::{ChildMonitor, End};

/// Runs the command as a child. In that child it comes back, too: where the command is not run.
pub(super) fn run(options: &Run, terms: Terms<'_>, program: Program) -> ExitCode {
    let code = Waiter::open(options, terms, program).and_then(Waiter::attend);
    ExitCode::from(
        code.unwrap_or_else(|error| fail(&format!("it cannot be waited for: {error}"), exit::UNLIMITED)),
    )
}

struct Waiter<'a> {
    options: &'a Run,
    terms: Terms<'a>,
    /// As it was said.
    program: Program,
    inbox: SignalFd,
    tty: Option<Tty>,
    kind: Kind,
}

impl<'a> Waiter<'a> {
    fn open(options: &'a Run, terms: Terms<'a>, program: Program) -> io::Result<Self> {
        Ok(Self {
            options,
            terms,
            program,
            inbox: SignalFd::open()?,
            tty: Tty::found(),
            kind: Kind::default(),
        })
    }

    fn attend(mut self) -> io::Result<u8> {
        let mut restarts = Restarts::default();
        let mut program = self.program.clone();
        loop {
            let (ours, theirs) = UnixStream::pair()?;
            let began = clock::wall();
            let child = match Child::fork()? {
                Forked::Child => {
                    drop(ours);
                    self.inbox.put_back()?;
                    return Ok(as_child(self.terms, &program, theirs));
                }
                Forked::Parent(child) => child,
            };
            drop(theirs);
            let ended = ChildMonitor::new(&self.inbox, &mut self.kind, child, ours).keep()?;
            let actions = supervisor::actions(&ended, began, self.terms.socket);
            let cause = Cause::of(&ended, &actions, clock::wall());
            if cause != Cause::Other || matches!(ended.end, End::Killed(_)) {
                self.tty.iter().for_each(Tty::put_back);
            }
            let told = Told::of(&ended, &cause, &program.name, self.kind.resume());
            if self.options.restart == Restart::Never || !cause.is_its_end() {
                if self.options.report {
                    told.at_the_end().iter().for_each(|line| say(line));
                }
                return Ok(finish(&self.inbox, ended.end));
            }
            let Some(turn) = restarts.next(clock::now()) else {
                say(&told.given_up());
                return Ok(finish(&self.inbox, ended.end));
            };
            let again = again::again(&self.program, told.resume());
            say(&told.again(turn, &again));
            if let Some(signal) = pause::pause(&self.inbox, turn.pause)? {
                return Ok(finish(&self.inbox, End::Killed(signal as i32)));
            }
            program = Program { name: from_here(again.program.name), ..again.program };
        }
    }
}

/// A program that was named by a path from here, for a run that begins elsewhere.
fn from_here(name: OsString) -> OsString {
    let is_path = name.as_encoded_bytes().contains(&b'/');
    match std::path::absolute(&name) {
        Ok(path) if is_path => path.into_os_string(),
        _ => name,
    }
}

/// Takes on the limit and becomes the command, when the waiter has seen what there is to see of that limit.
fn as_child(terms: Terms<'_>, program: &Program, mut waiter: UnixStream) -> u8 {
    match terms.take_on() {
        Err(code) => code,
        Ok(limited) => {
            if let Some(mut text) = limited.and_then(|limited| serde_json::to_string(&limited).ok()) {
                text.push('\n');
                // Without a waiter it runs on.
                let _ = waiter.write_all(text.as_bytes()).and_then(|()| waiter.read(&mut [0]));
            }
            program.become_it()
        }
    }
}

/// Ends as the command did, so that whoever started us sees what they would see without us.
fn finish(inbox: &SignalFd, end: End) -> u8 {
    match end {
        End::Exited(code) => code,
        End::Killed(number) => {
            if let Ok(signal) = Signal::try_from(number) {
                inbox.end_by(signal);
            }
            u8::try_from(128 + number).unwrap_or(u8::MAX)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_from_elsewhere() {
        let here = std::env::current_dir().unwrap();
        assert_eq!(from_here("./bin/x".into()), here.join("bin/x").into_os_string());
        assert_eq!(from_here("/bin/x".into()), "/bin/x");
        assert_eq!(from_here("claude".into()), "claude", "by PATH");
    }
}
