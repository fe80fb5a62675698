//! What can be wrong with a configuration, each said in one sentence that can be acted upon.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::{Origin, key};
use crate::{model::Bytes, rules::rule::RuleProblem};

/// A place in a file.
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
    /// The place of the byte at `offset` of `text`, which is the content of `path`.
    pub(super) fn of(path: &Path, text: &str, offset: usize) -> Self {
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

/// Why there is no configuration. `Display` is the whole message, its cause included.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file that was asked for by name.
    #[error("{path} does not exist; create it, or name another file")]
    Missing {
        /// As it was named.
        path: PathBuf,
    },

    /// A symbolic link at the place of a file.
    #[error("{path} is a dangling symbolic link; fix it or remove it")]
    Dangling {
        /// The link.
        path: PathBuf,
    },

    /// The system refused.
    #[error("{path} cannot be read: {source}")]
    Unreadable {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// A directory, a pipe, a socket or a disk at the place of a file.
    #[error("{path} is {found}, expected a file")]
    NotAFile {
        /// Where it is.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },

    /// More than anybody writes.
    #[error("{path} is larger than {limit}; this is not a configuration file")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// What is accepted.
        limit: Bytes,
    },

    /// Binary, or text in another encoding.
    #[error("{position}: not UTF-8 text; save the file as UTF-8")]
    NotUtf8 {
        /// The first byte that is not.
        position: Position,
    },

    /// Not TOML.
    #[error("{position}: {problem}, in the line `{line}`")]
    Syntax {
        /// Where reading stopped.
        position: Position,
        /// What is wrong there.
        problem: String,
        /// The line, shortened.
        line: String,
    },

    /// A key that nobody reads.
    #[error("{position}: unknown key `{key}`; the nearest known key is `{nearest}`")]
    UnknownKey {
        /// Where it is.
        position: Position,
        /// With the tables it stands in, dotted.
        key: String,
        /// The known key that is spelled most alike.
        nearest: String,
    },

    /// A value of the wrong type or outside its limits.
    #[error("{position}: `{key}` is {found}, expected {wanted}")]
    Value {
        /// Where the value is.
        position: Position,
        /// With the tables it stands in, dotted.
        key: String,
        /// The value as written, shortened.
        found: String,
        /// What would be right.
        wanted: String,
    },

    /// An environment variable that says nothing sensible.
    #[error("the environment variable {variable} is {found}, expected {wanted}")]
    Variable {
        /// Its name.
        variable: &'static str,
        /// Its value, in quotes, shortened.
        found: String,
        /// What would be right.
        wanted: &'static str,
    },

    /// A rule that cannot be, or cannot be called so.
    #[error("{origin}: `rules.{}`: {problem}", clip(rule))]
    Rule {
        /// Where it was written.
        origin: Origin,
        /// Its name.
        rule: String,
        /// What is wrong with it.
        problem: RuleProblem,
    },

    /// Each layer is right by itself, all together are not.
    #[error("the configuration is inconsistent: {problem}")]
    Inconsistent {
        /// What is wrong.
        problem: String,
    },
}

impl ConfigError {
    /// Where in a file it is.
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
            Self::Rule { origin: Origin::File { line, .. }, .. } => Some(*line),
            _ => self.position().map(|position| position.line),
        }
    }

    /// In which file, or which file it is about.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Rule { origin: Origin::File { path, .. }, .. }
            | Self::Missing { path }
            | Self::Dangling { path }
            | Self::Unreadable { path, .. }
            | Self::NotAFile { path, .. }
            | Self::TooLarge { path, .. } => Some(path),
            _ => self.position().map(|position| position.path.as_path()),
        }
    }

    /// Which key it is about, with the tables it stands in.
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

/// What a message shows of a text from outside: its first line, and not more than a line holds.
pub(super) fn clip(text: &str) -> String {
    const MAX_CHARS: usize = 60;
    let line = text.lines().next().unwrap_or_default();
    let start: String = line.chars().take(MAX_CHARS).flat_map(clean).collect();
    if line.len() < text.trim_end().len() || line.chars().nth(MAX_CHARS).is_some() {
        return start + "…";
    }
    start
}

/// A terminal must not be steered by what a file says.
fn clean(c: char) -> impl Iterator<Item = char> {
    let escaped = c.is_control().then(|| c.escape_debug());
    let plain = escaped.is_none().then_some(c);
    escaped.into_iter().flatten().chain(plain)
}
