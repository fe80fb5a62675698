//! The forms that a limit and a command are written in.

use std::ffi::{OsStr, OsString};

use crate::limit;
use crate::model::{Size, SizeError};

/// What is run where nothing else is said: the original's only command.
const USUAL: &str = "claude";

/// What is to be run, and under which limit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RunArgs {
    pub(super) limit: Size,
    /// The program and its arguments.
    pub(super) command: (OsString, Vec<OsString>),
}

impl RunArgs {
    /// From what follows the options.
    pub(super) fn of(words: &[OsString]) -> Result<Self, SizeError> {
        let (limit, mut rest) = match words.split_first() {
            Some((first, rest)) if starts_with(first, |byte| byte.is_ascii_digit()) => {
                (first.to_string_lossy().parse()?, rest)
            }
            _ => (Size::Bytes(limit::DEFAULT), words),
        };
        if let Some((_, after)) = rest.split_first().filter(|(word, _)| *word == "--") {
            rest = after;
        }
        let command = match rest.split_first() {
            Some((program, arguments)) if !starts_with(program, |byte| byte == b'-') => {
                (program.clone(), arguments.to_vec())
            }
            _ => (USUAL.into(), rest.to_vec()),
        };
        Ok(Self { limit, command })
    }
}

fn starts_with(word: &OsStr, what: impl Fn(u8) -> bool) -> bool {
    word.as_encoded_bytes().first().is_some_and(|byte| what(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Bytes;

    fn of(line: &str) -> String {
        let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        let RunArgs { limit, command: (program, arguments) } = RunArgs::of(&words).unwrap();
        let mut all = vec![OsString::from(limit.to_string()), program];
        all.extend(arguments);
        all.join(" ".as_ref()).into_string().unwrap()
    }

    #[test]
    fn both_forms_run_the_command_once() {
        assert_eq!(of(""), "12G claude");
        assert_eq!(of("8G"), "8G claude");
        assert_eq!(of("8G claude"), "8G claude");
        assert_eq!(of("8G --continue"), "8G claude --continue");
        assert_eq!(of("8G --help"), "8G claude --help");
        assert_eq!(of("8G -- claude -p x"), "8G claude -p x");
        assert_eq!(of("8G node 5 -- -x"), "8G node 5 -- -x");
        assert_eq!(of("8G -- --resume"), "8G claude --resume");
        assert_eq!(of("codex resume"), "12G codex resume");
        assert_eq!(of("-- codex"), "12G codex");
        assert_eq!(of("--resume"), "12G claude --resume");
        assert_eq!(of("50% node"), "50% node");
        assert_eq!(of("./8G"), "12G ./8G");
    }

    #[test]
    fn what_starts_with_a_digit_is_a_limit_or_wrong() {
        for wrong in ["8X", "8GB", "8Gclaude", "101%", "7z", "99999999999999999999"] {
            let error = RunArgs::of(&[wrong.into()]).unwrap_err().to_string();
            assert!(error.contains(&format!("`{wrong}`")), "{error}");
        }
        assert_eq!(RunArgs::of(&["4096".into()]).unwrap().limit, Size::Bytes(Bytes::kib(4)));
    }
}
