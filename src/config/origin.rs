//! The origin of a value, for messages.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// The layer that set a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingOrigin {
    /// A default.
    BuiltIn,
    /// A line of the file or of a drop-in.
    File {
        /// The file.
        path: PathBuf,
        /// The line of the key, from 1.
        line: usize,
    },
    /// An environment variable.
    Environment(&'static str),
    /// An option of the command line.
    Flag(&'static str),
}

impl fmt::Display for SettingOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("built in"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Environment(name) | Self::Flag(name) => f.write_str(name),
        }
    }
}

/// The origins of every key that a layer set, the effective one last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins(BTreeMap<String, Vec<SettingOrigin>>);

impl Origins {
    /// The origin of the value of `key` (see [`super::key`]).
    #[must_use]
    pub fn get(&self, key: &str) -> &SettingOrigin {
        self.0.get(key).and_then(|all| all.last()).unwrap_or(&SettingOrigin::BuiltIn)
    }

    /// Overridden origins of `key`, the nearest first.
    pub fn overridden(&self, key: &str) -> impl Iterator<Item = &SettingOrigin> {
        self.0.get(key).into_iter().flat_map(|all| all.iter().rev().skip(1))
    }

    /// The origin of the rule `name`: that of its key if set, else of its first line.
    #[must_use]
    pub fn rule(&self, name: &str, key: Option<&str>) -> &SettingOrigin {
        let table = format!("{}.{name}", super::key::RULES);
        let key = key
            .map(|key| self.get(&format!("{table}.{key}")))
            .filter(|origin| **origin != SettingOrigin::BuiltIn);
        key.unwrap_or_else(|| self.get(&table))
    }

    /// Every key that was set, with its effective origin, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &SettingOrigin)> {
        self.0.keys().map(|key| (key.as_str(), self.get(key)))
    }

    pub(super) fn set(&mut self, key: impl Into<String>, origin: SettingOrigin) {
        self.0.entry(key.into()).or_default().push(origin);
    }
}
