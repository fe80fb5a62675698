//! Monitors the command from outside of its limit: forwards signals and stops, reports a kill for memory, restarts.
//!
//! It is single-threaded: it forks without exec, and a forked child has only the calling thread.

mod cause;
mod child;
mod daemon_actions;
mod pause;
mod restart_command;
mod restarts;
mod resume_rule;
mod scope;
mod signals;
mod summary;
mod tty;

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use super::limit::LimitSetup;
use super::messages::{fail, say};
use super::program::ProgramSpec;
use crate::cli::args::{Restart, RunOptions};
use crate::cli::exit;
use crate::linux::clock;
use crate::linux::process::fork::{Child, Forked};
use crate::linux::process::signalfd::{Signal, SignalFd};
use cause::MemoryKill;
use child::{ChildMonitor, CommandExit};
use restart_command::RestartCommand;
use restarts::RestartBudget;
use resume_rule::ResumeRule;
use summary::RunSummary;
use tty::Tty;

/// Runs the command as a child. Returns in that child as well, if the command was not run.
pub(super) fn run(options: &RunOptions, setup: LimitSetup<'_>, program: ProgramSpec) -> ExitCode {
    let code = Monitor::open(options, setup, program).and_then(Monitor::run);
    ExitCode::from(
        code.unwrap_or_else(|error| fail(&format!("cannot monitor the command: {error}"), exit::UNLIMITED)),
    )
}

struct Monitor<'a> {
    options: &'a RunOptions,
    setup: LimitSetup<'a>,
    /// The original command.
    program: ProgramSpec,
    signals: SignalFd,
    tty: Option<Tty>,
    resume_rule: ResumeRule,
}

impl<'a> Monitor<'a> {
    fn open(options: &'a RunOptions, setup: LimitSetup<'a>, program: ProgramSpec) -> io::Result<Self> {
        Ok(Self {
            options,
            setup,
            program,
            signals: SignalFd::open()?,
            tty: Tty::open(),
            resume_rule: ResumeRule::default(),
        })
    }

    fn run(mut self) -> io::Result<u8> {
        let mut restarts = RestartBudget::default();
        let mut program = self.program.clone();
        loop {
            let (ours, theirs) = UnixStream::pair()?;
            let started = clock::wall();
            let child = match Child::fork()? {
                Forked::Child => {
                    drop(ours);
                    self.signals.restore()?;
                    return Ok(exec_limited(self.setup, &program, theirs));
                }
                Forked::Parent(child) => child,
            };
            drop(theirs);
            let outcome = ChildMonitor::new(&self.signals, &mut self.resume_rule, child, ours).run()?;
            let actions = daemon_actions::actions(&outcome, started, self.setup.socket);
            let kill = MemoryKill::detect(&outcome, &actions, clock::wall());
            if kill != MemoryKill::None || matches!(outcome.exit, CommandExit::Killed(_)) {
                self.tty.iter().for_each(Tty::restore);
            }
            let summary = RunSummary::new(&outcome, &kill, &program.path, self.resume_rule.resume());
            if self.options.restart == Restart::Never || !kill.is_of_command() {
                if self.options.report {
                    summary.final_line().iter().for_each(|line| say(line));
                }
                return Ok(finish(&self.signals, outcome.exit));
            }
            let Some(attempt) = restarts.next(clock::now()) else {
                say(&summary.given_up_line());
                return Ok(finish(&self.signals, outcome.exit));
            };
            let restart = RestartCommand::new(&self.program, summary.resume());
            say(&summary.restart_line(attempt, &restart));
            if let Some(signal) = pause::pause(&self.signals, attempt.pause)? {
                return Ok(finish(&self.signals, CommandExit::Killed(signal as i32)));
            }
            program = ProgramSpec { path: absolute(restart.program.path), ..restart.program };
        }
    }
}

/// Makes a relative path absolute, for a run that begins in another directory. A bare name is found in `PATH`.
fn absolute(path: OsString) -> OsString {
    let is_path = path.as_encoded_bytes().contains(&b'/');
    match std::path::absolute(&path) {
        Ok(absolute) if is_path => absolute.into_os_string(),
        _ => path,
    }
}

/// Applies the limit and replaces this process by the command, once the monitor has opened the scope of that limit.
fn exec_limited(setup: LimitSetup<'_>, program: &ProgramSpec, mut monitor: UnixStream) -> u8 {
    match setup.apply() {
        Err(code) => code,
        Ok(limited) => {
            if let Some(mut text) = limited.and_then(|limited| serde_json::to_string(&limited).ok()) {
                text.push('\n');
                // If the monitor is gone, the command runs without one.
                let _ = monitor.write_all(text.as_bytes()).and_then(|()| monitor.read(&mut [0]));
            }
            program.exec()
        }
    }
}

/// Exits as the command did, so that the parent process sees the same status as without a monitor.
fn finish(signals: &SignalFd, exit: CommandExit) -> u8 {
    match exit {
        CommandExit::Exited(code) => code,
        CommandExit::Killed(number) => {
            if let Ok(signal) = Signal::try_from(number) {
                signals.terminate_by(signal);
            }
            u8::try_from(128 + number).unwrap_or(u8::MAX)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_relative_path_is_made_absolute() {
        let here = std::env::current_dir().unwrap();
        assert_eq!(absolute("./bin/x".into()), here.join("bin/x").into_os_string());
        assert_eq!(absolute("/bin/x".into()), "/bin/x");
        assert_eq!(absolute("claude".into()), "claude", "found in PATH");
    }
}
