//! What is run when a command is run again.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::api::resume::Resume;
use crate::cli::run::command::Program;

/// What is run again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RestartCommand {
    pub(super) program: Program,
    /// It takes up its work; else it begins anew.
    pub(super) resumes: bool,
}

/// The command that resumes the work, run by the program that was named. The original arguments are not repeated: a prompt
/// among them would be submitted twice. Without a `resume` it is the original command.
pub(super) fn again(first: &Program, resume: Option<&Resume>) -> RestartCommand {
    let split = resume.and_then(|resume| Some((resume, resume.command.split_first()?)));
    let Some((resume, (program, arguments))) = split else {
        return RestartCommand { program: first.clone(), resumes: false };
    };
    let name = if is_same(&first.name, program) { first.name.clone() } else { program.into() };
    // A directory that was removed meanwhile would keep the command from being run.
    let directory = resume.cwd.as_ref().map(PathBuf::from).filter(|path| path.is_dir());
    let program = Program { name, arguments: arguments.iter().map(Into::into).collect(), directory };
    RestartCommand { program, resumes: true }
}

/// `claude.exe`, wherever it is, is what a rule means by `claude`.
fn is_same(program: &OsStr, word: &str) -> bool {
    Path::new(program).file_stem() == Some(OsStr::new(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(name: &str) -> Program {
        Program { name: name.into(), arguments: vec!["--model".into(), "x".into()], directory: None }
    }

    fn shown(name: &str, resume: &str, cwd: Option<&str>) -> String {
        let resume = Resume::new(resume, cwd.map(str::to_owned));
        let RestartCommand { program, resumes } = again(&first(name), Some(&resume));
        assert!(resumes);
        let arguments: Vec<_> = program.arguments.iter().map(|a| a.to_string_lossy()).collect();
        let place = program.directory.map(|d| format!("{}: ", d.display())).unwrap_or_default();
        format!("{place}{} [{}]", program.name.to_string_lossy(), arguments.join("|"))
    }

    #[test]
    fn the_original_program_path_is_kept() {
        assert_eq!(shown("claude", "claude --continue", None), "claude [--continue]");
        assert_eq!(shown("/opt/x/claude.exe", "claude --continue", None), "/opt/x/claude.exe [--continue]");
        assert_eq!(shown("node", "claude --continue", None), "claude [--continue]");
        assert_eq!(shown("./codex", "codex resume --last", None), "./codex [resume|--last]");
        assert_eq!(shown("claude", "X=1 claude -c", None), "/bin/sh [-c|X=1 claude -c]");
    }

    #[test]
    fn the_command_is_resumed_in_its_directory_if_that_exists() {
        assert_eq!(shown("claude", "claude --resume 7", Some("/")), "/: claude [--resume|7]");
        assert_eq!(shown("claude", "claude --continue", Some("/nowhere")), "claude [--continue]");
    }

    #[test]
    fn without_a_resume_command_the_original_is_repeated() {
        assert_eq!(again(&first("x"), None), RestartCommand { program: first("x"), resumes: false });
    }
}
