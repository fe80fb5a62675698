//! The command of a restart.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::api::resume::Resume;
use crate::cli::run::program::ProgramSpec;

/// The command of a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RestartCommand {
    pub(super) program: ProgramSpec,
    /// It resumes the work; else it is the original command.
    pub(super) resumes: bool,
}

impl RestartCommand {
    /// The resume command, run by the original program. The original arguments are not repeated: a prompt among them would
    /// be submitted twice. Without a `resume` it is the original command.
    pub(super) fn new(original: &ProgramSpec, resume: Option<&Resume>) -> Self {
        let split = resume.and_then(|resume| Some((resume, resume.command.split_first()?)));
        let Some((resume, (program, arguments))) = split else {
            return Self { program: original.clone(), resumes: false };
        };
        let path = if is_same(&original.path, program) { original.path.clone() } else { program.into() };
        // In a directory that has been removed meanwhile, the command could not be run.
        let directory = resume.cwd.as_ref().map(PathBuf::from).filter(|path| path.is_dir());
        let program = ProgramSpec { path, arguments: arguments.iter().map(Into::into).collect(), directory };
        Self { program, resumes: true }
    }
}

/// Whether a rule means this program by `word`: `/opt/x/claude.exe` by `claude`.
fn is_same(program: &OsStr, word: &str) -> bool {
    Path::new(program).file_stem() == Some(OsStr::new(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn original(path: &str) -> ProgramSpec {
        ProgramSpec { path: path.into(), arguments: vec!["--model".into(), "x".into()], directory: None }
    }

    fn restarted(path: &str, resume: &str, cwd: Option<&str>) -> String {
        let resume = Resume::new(resume, cwd.map(str::to_owned));
        let RestartCommand { program, resumes } = RestartCommand::new(&original(path), Some(&resume));
        assert!(resumes);
        let arguments: Vec<_> = program.arguments.iter().map(|a| a.to_string_lossy()).collect();
        let place = program.directory.map(|d| format!("{}: ", d.display())).unwrap_or_default();
        format!("{place}{} [{}]", program.path.to_string_lossy(), arguments.join("|"))
    }

    #[test]
    fn the_original_program_path_is_kept() {
        assert_eq!(restarted("claude", "claude --continue", None), "claude [--continue]");
        assert_eq!(
            restarted("/opt/x/claude.exe", "claude --continue", None),
            "/opt/x/claude.exe [--continue]"
        );
        assert_eq!(restarted("node", "claude --continue", None), "claude [--continue]");
        assert_eq!(restarted("./codex", "codex resume --last", None), "./codex [resume|--last]");
        assert_eq!(restarted("claude", "X=1 claude -c", None), "/bin/sh [-c|X=1 claude -c]");
    }

    #[test]
    fn the_command_is_resumed_in_its_directory_if_that_exists() {
        assert_eq!(restarted("claude", "claude --resume 7", Some("/")), "/: claude [--resume|7]");
        assert_eq!(restarted("claude", "claude --continue", Some("/nowhere")), "claude [--continue]");
    }

    #[test]
    fn without_a_resume_command_the_original_is_repeated() {
        let same = RestartCommand { program: original("x"), resumes: false };
        assert_eq!(RestartCommand::new(&original("x"), None), same);
    }
}
