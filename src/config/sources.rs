//! What a configuration is read from.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::model::Uid;

/// The system's configuration file; its drop-ins stand in `/etc/claude-watchdog/config.toml.d`.
const SYSTEM: &str = "/etc/claude-watchdog/config.toml";

/// Everything [`super::load()`] reads.
pub struct Sources<'a> {
    /// The file, and with it the directory of its drop-ins.
    pub place: Place,
    /// Looks up an environment variable: `&|name| std::env::var_os(name)` outside tests.
    pub environment: &'a dyn Fn(&str) -> Option<OsString>,
    /// What was said on the command line.
    pub overrides: Overrides,
}

/// Where the file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Where it usually is; it need not be there.
    Usual(PathBuf),
    /// Where the user said it is (`--config`); it has to be there.
    Named(PathBuf),
    /// There is no place for one: a user without a home.
    Nowhere,
}

impl Place {
    /// The place that counts for `uid`: the named one, else the system's for root and their own for others.
    #[must_use]
    pub fn of(named: Option<&Path>, uid: Uid, environment: &dyn Fn(&str) -> Option<OsString>) -> Self {
        match named {
            Some(path) => Self::Named(path.to_owned()),
            None if uid == Uid::ROOT => Self::system(),
            None => Self::user(environment),
        }
    }

    /// The usual place of the system's service.
    #[must_use]
    pub fn system() -> Self {
        Self::Usual(PathBuf::from(SYSTEM))
    }

    /// The usual place of a user's own supervisor: `$XDG_CONFIG_HOME/claude-watchdog/config.toml`, else under
    /// `~/.config`. As the XDG specification has it, a path that is not absolute does not count.
    #[must_use]
    pub fn user(environment: &dyn Fn(&str) -> Option<OsString>) -> Self {
        let directory = |name: &str| environment(name).map(PathBuf::from).filter(|path| path.is_absolute());
        directory("XDG_CONFIG_HOME")
            .or_else(|| directory("HOME").map(|home| home.join(".config")))
            .map_or(Self::Nowhere, |config| Self::Usual(config.join("claude-watchdog/config.toml")))
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Usual(path) | Self::Named(path) => Some(path),
            Self::Nowhere => None,
        }
    }
}

/// The last word: options of the command line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--dry-run` was given.
    pub dry_run: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(variables: &[(&str, &str)]) -> Place {
        Place::user(&|name| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| value.into()))
    }

    #[test]
    fn a_users_file_follows_the_xdg_specification() {
        let usual = |path: &str| Place::Usual(path.into());
        assert_eq!(
            user(&[("XDG_CONFIG_HOME", "/x"), ("HOME", "/h")]),
            usual("/x/claude-watchdog/config.toml")
        );
        assert_eq!(user(&[("HOME", "/h")]), usual("/h/.config/claude-watchdog/config.toml"));
        assert_eq!(
            user(&[("XDG_CONFIG_HOME", "x"), ("HOME", "/h")]),
            usual("/h/.config/claude-watchdog/config.toml")
        );
        assert_eq!(user(&[("XDG_CONFIG_HOME", ""), ("HOME", "")]), Place::Nowhere);
    }
}
