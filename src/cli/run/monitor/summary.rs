//! The line that reports a kill for memory.

use std::ffi::OsStr;
use std::fmt::Write;
use std::path::Path;

use super::cause::MemoryKill;
use super::child::RunOutcome;
use super::restart_command::RestartCommand;
use super::restarts::{MAX_RESTARTS, RestartAttempt};
use crate::api::resume::Resume;
use crate::api::status::ActionInfo;
use crate::cli::run::program::ProgramSpec;
use crate::cli::terminal::{escape_for_terminal, truncate};

/// Maximum columns of a quoted command line: enough to recognise it.
const MAX_COMMAND_WIDTH: usize = 60;

/// The report on one run.
#[derive(Debug)]
pub(super) struct RunSummary {
    /// The kill for memory; `None`: there was none.
    kill: Option<String>,
    resume: Option<Resume>,
    /// The command itself was killed, so there is work to resume.
    of_command: bool,
}

impl RunSummary {
    /// Of a run of `program`. `resume` is used if the daemon does not report a resume command.
    pub(super) fn new(
        outcome: &RunOutcome,
        kill: &MemoryKill,
        program: &OsStr,
        resume: Option<&Resume>,
    ) -> Self {
        let reported = match kill {
            MemoryKill::ByDaemon(action) => action.resume.as_ref(),
            _ => None,
        };
        let resume = reported.or(resume).cloned();
        Self { kill: describe(outcome, kill, program), resume, of_command: kill.is_of_command() }
    }

    /// The command that resumes the work, if it is known.
    pub(super) fn resume(&self) -> Option<&Resume> {
        self.resume.as_ref()
    }

    /// The line after the last run; `None` without a kill for memory.
    pub(super) fn final_line(&self) -> Option<String> {
        let kill = self.kill.as_ref()?;
        Some(match self.resume.as_ref().filter(|_| self.of_command) {
            Some(resume) => format!("{kill}; resume with: {}", escape_for_terminal(&resume.shell)),
            None => kill.clone(),
        })
    }

    /// The line before a restart.
    pub(super) fn restart_line(&self, attempt: RestartAttempt, restart: &RestartCommand) -> String {
        let kill = self.kill.as_deref().unwrap_or_default();
        let note =
            if restart.resumes { "" } else { "original command, since its resume command is not known: " };
        let pause = humantime::format_duration(attempt.pause);
        let command = command_line(&restart.program);
        let number = attempt.number;
        format!("{kill}; restarting in {pause} ({number} of {MAX_RESTARTS} within an hour): {note}{command}")
    }

    /// The line if the restarts are used up.
    pub(super) fn given_up_line(&self) -> String {
        let line = self.final_line().unwrap_or_default();
        format!("not restarted after {MAX_RESTARTS} restarts within an hour: {line}")
    }
}

fn describe(outcome: &RunOutcome, kill: &MemoryKill, program: &OsStr) -> Option<String> {
    let name = Path::new(program).file_name().unwrap_or(program).to_string_lossy();
    let command = format!("{} (pid {})", escape_for_terminal(&name), outcome.pid);
    let mut text = match kill {
        MemoryKill::None => return None,
        MemoryKill::ByDaemon(action) => format!("claude-watchdog killed {command} {}", reason(action)),
        MemoryKill::ByKernel => {
            format!("the kernel killed {command}{}{}", others(outcome), kernel_reason(outcome))
        }
        MemoryKill::OfChild { action: Some(action) } => {
            let kernel = if outcome.usage.taken.killed > 0 {
                format!("; {}", by_kernel(outcome))
            } else {
                String::new()
            };
            let child = culprit(action);
            format!("claude-watchdog killed {child}, a child of {command}, {}{kernel}", reason(action))
        }
        MemoryKill::OfChild { action: None } => by_kernel(outcome),
    };
    if let Some(limit) = outcome.usage.limit {
        let _ = write!(text, "; limit {limit}");
    }
    if let Some(peak) = outcome.usage.peak {
        let _ = write!(text, ", peak {peak}");
    }
    if let MemoryKill::ByDaemon(action) | MemoryKill::OfChild { action: Some(action) } = kill {
        let _ = write!(text, "; action {}", escape_for_terminal(&action.id));
    }
    Some(text)
}

fn reason(action: &ActionInfo) -> String {
    let ActionInfo { charge, threshold, .. } = action;
    if action.cause == "guard" {
        format!("at {charge}, because the machine ran out of memory")
    } else {
        format!("at {charge}, over its kill threshold of {threshold}")
    }
}

fn culprit(action: &ActionInfo) -> String {
    let Some(culprit) = &action.culprit else { return "a process".to_owned() };
    match culprit.command.as_ref().filter(|command| !command.is_empty()) {
        Some(command) => {
            format!("`{}` (pid {})", truncate(&escape_for_terminal(command), MAX_COMMAND_WIDTH), culprit.pid)
        }
        None => format!("pid {}", culprit.pid),
    }
}

/// The kernel's events count its kills, but do not name the processes.
fn by_kernel(outcome: &RunOutcome) -> String {
    let count = processes(outcome.usage.taken.killed);
    format!("the kernel killed {count} in its scope{}", kernel_reason(outcome))
}

fn others(outcome: &RunOutcome) -> String {
    match outcome.usage.taken.killed.saturating_sub(1) {
        0 => String::new(),
        1 => " and 1 other process in its scope".to_owned(),
        more => format!(" and {more} other processes in its scope"),
    }
}

fn kernel_reason(outcome: &RunOutcome) -> &'static str {
    if outcome.usage.taken.at_limit {
        " at its limit"
    } else {
        ", below its limit, because the machine ran out of memory"
    }
}

fn processes(count: u64) -> String {
    if count == 1 { "1 process".to_owned() } else { format!("{count} processes") }
}

/// The command as typed, without quotes.
fn command_line(program: &ProgramSpec) -> String {
    let mut text = String::new();
    if let Some(directory) = &program.directory {
        let _ = write!(text, "in {}, ", escape_for_terminal(&directory.to_string_lossy()));
    }
    text += &escape_for_terminal(&program.path.to_string_lossy());
    for argument in &program.arguments {
        let _ = write!(text, " {}", escape_for_terminal(&argument.to_string_lossy()));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::api::status::ActionInfo;
    use crate::cli::run::monitor::cause::tests::{NOW, action, outcome};
    use crate::cli::run::monitor::child::CommandExit;
    use crate::cli::run::monitor::scope::ScopeUsage;

    fn summary(outcome: &RunOutcome, actions: &[ActionInfo], resume: Option<&str>) -> RunSummary {
        let resume = resume.map(|command| Resume::new(command, None));
        let kill = MemoryKill::detect(outcome, actions, NOW);
        RunSummary::new(outcome, &kill, "/opt/bin/claude".as_ref(), resume.as_ref())
    }

    #[test]
    fn one_line_reports_process_cause_and_resume_command() {
        let rule = Some("claude --continue");
        let mut outside = outcome(CommandExit::Killed(9), 1, 0);
        outside.usage.taken.at_limit = false;
        let mut without_peak = outcome(CommandExit::Killed(9), 3, 0);
        without_peak.usage.peak = None;
        let mut unlimited = outcome(CommandExit::Killed(15), 0, 0);
        unlimited.usage = ScopeUsage::default();
        let lines = [
            summary(&outcome(CommandExit::Killed(15), 0, 0), &[action("threshold", 100, 1)], rule),
            summary(&unlimited, &[action("guard", 100, 1)], None),
            summary(&outcome(CommandExit::Killed(9), 1, 0), &[], rule),
            summary(&without_peak, &[], None),
            summary(&outside, &[], rule),
            summary(&outcome(CommandExit::Exited(0), 0, 0), &[action("threshold", 101, 900)], rule),
            summary(&outcome(CommandExit::Exited(0), 2, 900), &[action("guard", 101, 900)], rule),
            summary(&outcome(CommandExit::Exited(1), 1, 900), &[], rule),
        ];
        let lines: Vec<String> = lines.iter().map(|summary| summary.final_line().unwrap()).collect();
        insta::assert_snapshot!(lines.join("\n"));
        assert!(lines.iter().all(|line| line.lines().count() == 1), "{lines:?}");
    }

    #[test]
    fn a_run_without_a_memory_kill_has_no_line() {
        assert_eq!(summary(&outcome(CommandExit::Killed(9), 0, 0), &[], None).final_line(), None);
        assert_eq!(
            summary(&outcome(CommandExit::Killed(15), 0, 0), &[action("request", 100, 1)], None).final_line(),
            None
        );
    }

    #[test]
    fn each_restart_is_one_line() {
        let attempt =
            |number: usize| RestartAttempt { pause: Duration::from_secs(1 << (number - 1)), number };
        let first = ProgramSpec {
            path: "/opt/bin/claude".into(),
            arguments: vec!["-p\u{7}".into()],
            directory: None,
        };
        let known = summary(&outcome(CommandExit::Killed(9), 1, 0), &[], Some("claude --continue"));
        let its = summary(&outcome(CommandExit::Killed(15), 0, 0), &[action("threshold", 100, 1)], None);
        let unknown = summary(&outcome(CommandExit::Killed(9), 1, 0), &[], None);
        let resume = Resume::new("claude --resume 7", Some("/".to_owned()));
        let lines = [
            known.restart_line(attempt(1), &RestartCommand::new(&first, known.resume())),
            its.restart_line(attempt(2), &RestartCommand::new(&first, Some(&resume))),
            unknown.restart_line(attempt(5), &RestartCommand::new(&first, unknown.resume())),
            known.given_up_line(),
        ];
        insta::assert_snapshot!(lines.join("\n"));
    }
}
