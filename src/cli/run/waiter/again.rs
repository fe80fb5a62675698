//! What is run when a command is run again.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::cli::run::command::Program;

/// What is run again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RestartCommand {
    pub(super) program: Program,
    /// It takes up its work; else it begins anew.
    pub(super) resumes: bool,
}

/// The command as its kind takes up its work, by the program that was said. Arguments of the first time are not given
/// again: a prompt among them would be asked twice. Without a `resume` it is the same command again.
pub(super) fn again(first: &Program, resume: Option<&str>) -> RestartCommand {
    let Some(resume) = resume else { return RestartCommand { program: first.clone(), resumes: false } };
    let (directory, command) = in_directory(resume);
    let program = match words(command) {
        Some(words) if !words.is_empty() && !words[0].contains('=') => {
            let name =
                if is_same(&first.name, &words[0]) { first.name.clone() } else { words[0].clone().into() };
            Program { name, arguments: words.into_iter().skip(1).map(Into::into).collect(), directory }
        }
        // Somebody's rule says more than a program and its arguments.
        _ => Program { name: "/bin/sh".into(), arguments: vec!["-c".into(), command.into()], directory },
    };
    RestartCommand { program, resumes: true }
}

/// `claude.exe`, wherever it is, is what a rule means by `claude`.
fn is_same(program: &OsStr, word: &str) -> bool {
    Path::new(program).file_stem() == Some(OsStr::new(word))
}

/// The directory that a supervisor tells with it, as `cd DIRECTORY && COMMAND`.
fn in_directory(resume: &str) -> (Option<PathBuf>, &str) {
    let split = resume.strip_prefix("cd ").and_then(|rest| rest.rsplit_once(" && "));
    let Some((directory, command)) = split else { return (None, resume) };
    match words(directory).as_deref() {
        // One that is gone meanwhile would keep it from being run.
        Some([directory]) => (Some(PathBuf::from(directory)).filter(|path| path.is_dir()), command),
        _ => (None, resume),
    }
}

/// The words of a command that a shell would only split; `None` where it would do more.
fn words(command: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = command.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '\'' => break,
                        quoted => word.push(quoted),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(chars.next().filter(|c| *c != '\n')?),
            '|' | '&' | ';' | '<' | '>' | '(' | ')' | '$' | '`' | '"' | '*' | '?' | '[' | '{' | '\n' => {
                return None;
            }
            '~' | '#' | '!' if word.is_none() => return None,
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(name: &str) -> Program {
        Program { name: name.into(), arguments: vec!["--model".into(), "x".into()], directory: None }
    }

    fn shown(name: &str, resume: &str) -> String {
        let RestartCommand { program, resumes } = again(&first(name), Some(resume));
        assert!(resumes);
        let arguments: Vec<_> = program.arguments.iter().map(|a| a.to_string_lossy()).collect();
        let place = program.directory.map(|d| format!("{}: ", d.display())).unwrap_or_default();
        format!("{place}{} [{}]", program.name.to_string_lossy(), arguments.join("|"))
    }

    #[test]
    fn the_program_is_the_one_that_was_said() {
        assert_eq!(shown("claude", "claude --continue"), "claude [--continue]");
        assert_eq!(shown("/opt/x/claude.exe", "claude --continue"), "/opt/x/claude.exe [--continue]");
        assert_eq!(shown("node", "claude --continue"), "claude [--continue]");
        assert_eq!(shown("./codex", "codex resume --last"), "./codex [resume|--last]");
    }

    #[test]
    fn it_is_run_where_it_was() {
        assert_eq!(shown("claude", "cd / && claude --resume 7"), "/: claude [--resume|7]");
        let place = tempfile::Builder::new().prefix("it's ").tempdir().unwrap();
        let quoted = place.path().to_string_lossy().replace('\'', r"'\''");
        let expected = format!("{}: claude [--continue]", place.path().display());
        assert_eq!(shown("claude", &format!("cd '{quoted}' && claude --continue")), expected);
        assert_eq!(shown("claude", "cd /nowhere && claude --continue"), "claude [--continue]");
    }

    #[test]
    fn what_only_a_shell_understands_is_a_shells() {
        for resume in
            ["X=1 claude -c", "claude -c | tee log", "claude \"$S\"", "~/bin/claude", "a && b", "'open"]
        {
            assert_eq!(shown("claude", resume), format!("/bin/sh [-c|{resume}]"));
        }
        assert_eq!(shown("x", r"y 'a b' c\ d e=f"), "y [a b|c d|e=f]");
    }

    #[test]
    fn without_a_way_to_go_on_it_is_the_same_again() {
        assert_eq!(again(&first("x"), None), RestartCommand { program: first("x"), resumes: false });
    }
}
