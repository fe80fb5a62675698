//! Configuration errors, each a sentence with the remedy.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::{SettingOrigin, key};
use crate::{model::Bytes, rules::rule::RuleProblem};

/// A position in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The file.
    pub path: PathBuf,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
}

impl Position {
    /// The position of the byte at `offset` of `text`, the content of `path`.
    pub(super) fn new(path: &Path, text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let start_of_line = before.rfind('\n').map_or(0, |end| end + 1);
        Self {
            path: path.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[start_of_line..].chars().count() + 1,
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.path.display(), self.line, self.column)
    }
}

/// Why a configuration was rejected. `Display` is the whole message, its cause included.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file named on the command line.
    #[error("{path} does not exist; create it, or name another file")]
    Missing {
        /// As given there.
        path: PathBuf,
    },

    /// A dangling symbolic link.
    #[error("{path} is a dangling symbolic link; fix it or remove it")]
    Dangling {
        /// The link.
        path: PathBuf,
    },

    /// The system refused to open or read it.
    #[error("{path} cannot be read: {source}")]
    Unreadable {
        /// The file or directory.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },

    /// A directory, pipe, socket or device instead of a file.
    #[error("{path} is {found}, expected a file")]
    NotAFile {
        /// Its path or position.
        path: PathBuf,
        /// Its kind.
        found: &'static str,
    },

    /// Larger than any real configuration.
    #[error("{path} is larger than {limit}; this is not a configuration file")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The accepted size.
        limit: Bytes,
    },

    /// Binary, or text in another encoding.
    #[error("{position}: not UTF-8 text; save the file as UTF-8")]
    NotUtf8 {
        /// The first invalid byte.
        position: Position,
    },

    /// Not TOML.
    #[error("{position}: {problem}, in the line `{line}`")]
    Syntax {
        /// Where parsing stopped.
        position: Position,
        /// The problem found there.
        problem: String,
        /// The line, shortened.
        line: String,
    },

    /// An unknown key.
    #[error("{position}: unknown key `{key}`; the nearest known key is `{nearest}`")]
    UnknownKey {
        /// Its path or position.
        position: Position,
        /// With its tables, dotted.
        key: String,
        /// The known key with the most similar spelling.
        nearest: String,
    },

    /// A value of the wrong type or outside its limits.
    #[error("{position}: `{key}` is {found}, expected {expected}")]
    Value {
        /// Position of the value.
        position: Position,
        /// With its tables, dotted.
        key: String,
        /// The value as written, shortened.
        found: String,
        /// The expected value.
        expected: String,
    },

    /// An environment variable with an invalid value.
    #[error("the environment variable {variable} is {found}, expected {expected}")]
    Variable {
        /// Its name.
        variable: &'static str,
        /// Its value, in quotes, shortened.
        found: String,
        /// The expected value.
        expected: &'static str,
    },

    /// An invalid rule, or an invalid name of one.
    #[error("{origin}: `rules.{}`: {problem}", clip(rule))]
    Rule {
        /// Where it was set.
        origin: SettingOrigin,
        /// Its name.
        rule: String,
        /// The problem.
        problem: RuleProblem,
    },

    /// Each layer is valid, all together are not.
    #[error("the configuration is inconsistent: {problem}")]
    Inconsistent {
        /// The problem.
        problem: String,
    },
}

impl ConfigError {
    /// The position in a file.
    #[must_use]
    pub fn position(&self) -> Option<&Position> {
        match self {
            Self::NotUtf8 { position }
            | Self::Syntax { position, .. }
            | Self::UnknownKey { position, .. }
            | Self::Value { position, .. } => Some(position),
            _ => None,
        }
    }

    /// The line in that file, from 1.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::Rule { origin: SettingOrigin::File { line, .. }, .. } => Some(*line),
            _ => self.position().map(|position| position.line),
        }
    }

    /// The file that contains it, or that it is about.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Rule { origin: SettingOrigin::File { path, .. }, .. }
            | Self::Missing { path }
            | Self::Dangling { path }
            | Self::Unreadable { path, .. }
            | Self::NotAFile { path, .. }
            | Self::TooLarge { path, .. } => Some(path),
            _ => self.position().map(|position| position.path.as_path()),
        }
    }

    /// The key that it is about, with its tables.
    #[must_use]
    pub fn key(&self) -> Option<String> {
        match self {
            Self::UnknownKey { key, .. } | Self::Value { key, .. } => Some(key.clone()),
            Self::Rule { rule, problem, .. } => {
                let below = problem.key().map(|key| format!(".{key}")).unwrap_or_default();
                Some(format!("{}.{rule}{below}", key::RULES))
            }
            _ => None,
        }
    }
}

/// Shortens text from outside for a message: its first line, up to a limit.
pub(super) fn clip(text: &str) -> String {
    const MAX_CHARS: usize = 60;
    let line = text.lines().next().unwrap_or_default();
    let start: String = line.chars().take(MAX_CHARS).flat_map(clean).collect();
    if line.len() < text.trim_end().len() || line.chars().nth(MAX_CHARS).is_some() {
        return start + "…";
    }
    start
}

/// Text from a file must not control a terminal.
fn clean(c: char) -> impl Iterator<Item = char> {
    let escaped = c.is_control().then(|| c.escape_debug());
    let plain = escaped.is_none().then_some(c);
    escaped.into_iter().flatten().chain(plain)
}
