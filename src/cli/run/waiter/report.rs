//! What is said of it, in one line.

use std::ffi::OsStr;
use std::fmt::Write;
use std::path::Path;

use super::again::RestartCommand;
use super::cause::Cause;
use super::restarts::{MOST, Turn};
use super::vigil::Ended;
use crate::api::resume::Resume;
use crate::api::status::ActionInfo;
use crate::cli::run::command::Program;
use crate::cli::terminal::{cut, shown};

/// Columns of a command line that is quoted: enough to know it by.
const QUOTED: usize = 60;

/// What is told of one run.
#[derive(Debug)]
pub(super) struct Told {
    /// What memory did; `None` where it did nothing.
    story: Option<String>,
    resume: Option<Resume>,
    /// Whether there is something to take up.
    ended: bool,
}

impl Told {
    /// Of a run of `program`, whose kind takes up its work with `resume` where the supervisor does not know better.
    pub(super) fn of(ended: &Ended, cause: &Cause, program: &OsStr, resume: Option<&Resume>) -> Self {
        let told = match cause {
            Cause::Supervisor(action) => action.resume.as_ref(),
            _ => None,
        };
        let resume = told.or(resume).cloned();
        Self { story: story(ended, cause, program), resume, ended: cause.is_its_end() }
    }

    /// How its work is taken up, where that is known.
    pub(super) fn resume(&self) -> Option<&Resume> {
        self.resume.as_ref()
    }

    /// At the end; `None` where memory was not the cause.
    pub(super) fn at_the_end(&self) -> Option<String> {
        let story = self.story.as_ref()?;
        Some(match self.resume.as_ref().filter(|_| self.ended) {
            Some(resume) => format!("{story}; take up its work with: {}", shown(&resume.shell)),
            None => story.clone(),
        })
    }

    /// Before it is run again.
    pub(super) fn again(&self, turn: Turn, again: &RestartCommand) -> String {
        let story = self.story.as_deref().unwrap_or_default();
        let what = if again.resumes { "" } else { "the same command, since how to resume is not known: " };
        let pause = humantime::format_duration(turn.pause);
        let command = written(&again.program);
        format!("{story}; run again in {pause} ({} of {MOST} within an hour): {what}{command}", turn.number)
    }

    /// Where it is not run again, since it was often enough.
    pub(super) fn given_up(&self) -> String {
        let line = self.at_the_end().unwrap_or_default();
        format!("not run again after {MOST} times within an hour: {line}")
    }
}

fn story(ended: &Ended, cause: &Cause, program: &OsStr) -> Option<String> {
    let base = Path::new(program).file_name().unwrap_or(program).to_string_lossy();
    let itself = format!("{} (process {})", shown(&base), ended.pid);
    let mut story = match cause {
        Cause::Other => return None,
        Cause::Supervisor(action) => format!("the supervisor ended {itself} {}", reason(action)),
        Cause::Kernel => format!("the kernel ended {itself}{}{}", others(ended), wall(ended)),
        Cause::Part { action: Some(action) } => {
            let kernel =
                if ended.seen.taken.killed > 0 { format!("; {}", by_kernel(ended)) } else { String::new() };
            format!(
                "the supervisor ended {}, a child of {itself}, {}{kernel}",
                culprit(action),
                reason(action)
            )
        }
        Cause::Part { action: None } => by_kernel(ended),
    };
    if let Some(limit) = ended.seen.limit {
        let _ = write!(story, "; limit {limit}");
    }
    if let Some(peak) = ended.seen.peak {
        let _ = write!(story, ", peak {peak}");
    }
    if let Cause::Supervisor(action) | Cause::Part { action: Some(action) } = cause {
        let _ = write!(story, "; action {}", shown(&action.id));
    }
    Some(story)
}

/// Why the supervisor did it.
fn reason(action: &ActionInfo) -> String {
    let ActionInfo { charge, threshold, .. } = action;
    if action.cause == "guard" {
        format!("at {charge}, since the guest ran out of memory")
    } else {
        format!("at {charge}, over its kill threshold of {threshold}")
    }
}

fn culprit(action: &ActionInfo) -> String {
    let Some(culprit) = &action.culprit else { return "a process".to_owned() };
    match culprit.command.as_ref().filter(|command| !command.is_empty()) {
        Some(command) => format!("`{}` (process {})", cut(&shown(command), QUOTED), culprit.pid),
        None => format!("process {}", culprit.pid),
    }
}

/// Which processes these were nobody tells us.
fn by_kernel(ended: &Ended) -> String {
    format!("the kernel ended {} in its scope{}", processes(ended.seen.taken.killed), wall(ended))
}

fn others(ended: &Ended) -> String {
    match ended.seen.taken.killed.saturating_sub(1) {
        0 => String::new(),
        more => format!(" and {} more in its scope", processes(more)),
    }
}

fn wall(ended: &Ended) -> &'static str {
    if ended.seen.taken.at_limit {
        " at the wall"
    } else {
        ", below its wall, since the memory of all ran out"
    }
}

fn processes(count: u64) -> String {
    if count == 1 { "1 process".to_owned() } else { format!("{count} processes") }
}

/// As a person would type it, where that takes no quotes.
fn written(program: &Program) -> String {
    let mut text = String::new();
    if let Some(directory) = &program.directory {
        let _ = write!(text, "in {}, ", shown(&directory.to_string_lossy()));
    }
    text += &shown(&program.name.to_string_lossy());
    for argument in &program.arguments {
        let _ = write!(text, " {}", shown(&argument.to_string_lossy()));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::api::status::ActionInfo;
    use crate::cli::run::waiter::again::again;
    use crate::cli::run::waiter::cause::tests::{NOW, action, ended};
    use crate::cli::run::waiter::vigil::End;

    fn told(ended: &Ended, actions: &[ActionInfo], resume: Option<&str>) -> Told {
        let resume = resume.map(|command| Resume::new(command, None));
        Told::of(ended, &Cause::of(ended, actions, NOW), "/opt/bin/claude".as_ref(), resume.as_ref())
    }

    #[test]
    fn one_line_says_who_why_and_how_to_go_on() {
        let rule = Some("claude --continue");
        let mut outside = ended(End::Killed(9), 1, 0);
        outside.seen.taken.at_limit = false;
        let mut unseen = ended(End::Killed(9), 3, 0);
        unseen.seen.peak = None;
        let mut unlimited = ended(End::Killed(15), 0, 0);
        unlimited.seen = crate::cli::run::waiter::scope::Seen::default();
        let lines = [
            told(&ended(End::Killed(15), 0, 0), &[action("threshold", 100, 1)], rule),
            told(&unlimited, &[action("guard", 100, 1)], None),
            told(&ended(End::Killed(9), 1, 0), &[], rule),
            told(&unseen, &[], None),
            told(&outside, &[], rule),
            told(&ended(End::Exited(0), 0, 0), &[action("threshold", 101, 900)], rule),
            told(&ended(End::Exited(0), 2, 900), &[action("guard", 101, 900)], rule),
            told(&ended(End::Exited(1), 1, 900), &[], rule),
        ];
        let lines: Vec<String> = lines.iter().map(|told| told.at_the_end().unwrap()).collect();
        insta::assert_snapshot!(lines.join("\n"));
        assert!(lines.iter().all(|line| line.lines().count() == 1), "{lines:?}");
    }

    #[test]
    fn nothing_is_said_where_memory_was_not_the_cause() {
        assert_eq!(told(&ended(End::Killed(9), 0, 0), &[], None).at_the_end(), None);
        assert_eq!(
            told(&ended(End::Killed(15), 0, 0), &[action("request", 100, 1)], None).at_the_end(),
            None
        );
    }

    #[test]
    fn each_restart_is_one_line() {
        let turn = |number: usize| Turn { pause: Duration::from_secs(1 << (number - 1)), number };
        let first =
            Program { name: "/opt/bin/claude".into(), arguments: vec!["-p\u{7}".into()], directory: None };
        let known = told(&ended(End::Killed(9), 1, 0), &[], Some("claude --continue"));
        let its = told(&ended(End::Killed(15), 0, 0), &[action("threshold", 100, 1)], None);
        let unknown = told(&ended(End::Killed(9), 1, 0), &[], None);
        let resume = Resume::new("claude --resume 7", Some("/".to_owned()));
        let lines = [
            known.again(turn(1), &again(&first, known.resume())),
            its.again(turn(2), &again(&first, Some(&resume))),
            unknown.again(turn(5), &again(&first, unknown.resume())),
            known.given_up(),
        ];
        insta::assert_snapshot!(lines.join("\n"));
    }
}
