//! Parses `[LIMIT] [--] [COMMAND]`.

use std::ffi::{OsStr, OsString};

use crate::limit;
use crate::model::{Size, SizeError};

/// The command to run if none is given: the only one of the original `run-claude-limited`.
const DEFAULT_COMMAND: &str = "claude";

/// The limit, and the command to run with it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RunArgs {
    pub(super) limit: Size,
    /// The program and its arguments.
    pub(super) command: (OsString, Vec<OsString>),
}

impl RunArgs {
    /// Parses the arguments after the options.
    pub(super) fn parse(words: &[OsString]) -> Result<Self, SizeError> {
        let (limit, mut rest) = match words.split_first() {
            Some((first, rest)) if starts_with(first, |byte| byte.is_ascii_digit()) => {
                (first.to_string_lossy().parse()?, rest)
            }
            _ => (Size::Bytes(limit::DEFAULT_LIMIT), words),
        };
        if let Some((_, after)) = rest.split_first().filter(|(word, _)| *word == "--") {
            rest = after;
        }
        let command = match rest.split_first() {
            Some((program, arguments)) if !starts_with(program, |byte| byte == b'-') => {
                (program.clone(), arguments.to_vec())
            }
            _ => (DEFAULT_COMMAND.into(), rest.to_vec()),
        };
        Ok(Self { limit, command })
    }
}

fn starts_with(word: &OsStr, is: impl Fn(u8) -> bool) -> bool {
    word.as_encoded_bytes().first().is_some_and(|byte| is(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Bytes;

    fn of(line: &str) -> String {
        let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        let RunArgs { limit, command: (program, arguments) } = RunArgs::parse(&words).unwrap();
        let mut all = vec![OsString::from(limit.to_string()), program];
        all.extend(arguments);
        all.join(" ".as_ref()).into_string().unwrap()
    }

    #[test]
    fn limit_and_command_are_optional() {
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
    fn a_first_argument_with_a_digit_must_be_a_limit() {
        for wrong in ["8X", "8GB", "8Gclaude", "101%", "7z", "99999999999999999999"] {
            let error = RunArgs::parse(&[wrong.into()]).unwrap_err().to_string();
            assert!(error.contains(&format!("`{wrong}`")), "{error}");
        }
        assert_eq!(RunArgs::parse(&["4096".into()]).unwrap().limit, Size::Bytes(Bytes::kib(4)));
    }
}
