//! A setting without effect: not wrong, but hardly intended.

use std::fmt;
use std::path::PathBuf;

use super::SettingOrigin;
use crate::model::Size;

/// Ignored files named per directory.
const MAX_NAMES: usize = 3;

/// A setting without effect. Its `Display` is a sentence with its origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ineffective {
    /// Files beside the drop-ins without `.toml` at the end of their names.
    IgnoredFiles {
        /// The directory of the drop-ins.
        directory: PathBuf,
        /// Sorted.
        names: Vec<String>,
    },
    /// An empty variable.
    Empty(&'static str),
    /// An unknown variable in the service's environment file.
    UnknownVariable {
        /// The file and the line.
        origin: SettingOrigin,
        /// Its name.
        variable: String,
        /// The known variable with the most similar spelling.
        nearest: &'static str,
    },
    /// A size in a list beside a smaller one of its kind.
    NeverEffective {
        /// The origin of the list.
        origin: SettingOrigin,
        /// Its key.
        key: &'static str,
        /// The size.
        size: Size,
        /// The smaller one.
        beside: Size,
    },
    /// A key of a rule that repeats its earlier value.
    Repeated {
        /// The later origin.
        origin: SettingOrigin,
        /// The key.
        key: String,
        /// The earlier origin.
        before: SettingOrigin,
    },
    /// A rule without keys.
    EmptyRule {
        /// Its origin.
        origin: SettingOrigin,
        /// Its name.
        rule: String,
    },
    /// A rule that has keys and is disabled.
    OffWithKeys {
        /// Where it is disabled.
        origin: SettingOrigin,
        /// Its name.
        rule: String,
        /// The origin of one of its other keys.
        described: SettingOrigin,
    },
}

impl fmt::Display for Ineffective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IgnoredFiles { directory, names } => {
                let more = match names.len().saturating_sub(MAX_NAMES) {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                let named = names[..names.len().min(MAX_NAMES)].join(", ");
                write!(
                    f,
                    "{}: ignored: {named}{more} (the name of a drop-in must end in .toml)",
                    directory.display()
                )
            }
            Self::Empty(variable) => {
                write!(f, "the environment variable {variable} is empty and has no effect")
            }
            Self::UnknownVariable { origin, variable, nearest } => {
                write!(f, "{origin}: unknown variable {variable}; the nearest known variable is {nearest}")
            }
            Self::NeverEffective { origin, key, size, beside } if size == beside => {
                write!(f, "{origin}: `{key}` lists {size} twice")
            }
            Self::NeverEffective { origin, key, size, beside } => {
                write!(f, "{origin}: {size} of `{key}` has no effect, {beside} in the same list is smaller")
            }
            Self::Repeated { origin, key, before } => {
                write!(f, "{origin}: `{key}` repeats the value from {before}")
            }
            Self::EmptyRule { origin, rule } => {
                write!(f, "{origin}: `rules.{rule}` has no keys and no effect")
            }
            Self::OffWithKeys { origin, rule, described } => {
                write!(f, "{origin}: `rules.{rule}` is disabled, so {described} has no effect")
            }
        }
    }
}
