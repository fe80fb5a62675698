//! A configuration on disk, in a directory of its own.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::config::{Config, ConfigError, ConfigPath, MinOf, Overrides, Sources, load};
use crate::model::{Bytes, Size};

/// A directory with a `config.toml`, its drop-ins and an environment.
pub(super) struct World {
    directory: TempDir,
    environment: Vec<(&'static str, &'static str)>,
    overrides: Overrides,
    named: bool,
}

impl World {
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        Self { directory, environment: Vec::new(), overrides: Overrides::default(), named: false }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(super) fn file(self, text: impl AsRef<[u8]>) -> Self {
        fs::write(self.path("config.toml"), text).expect("written");
        self
    }

    pub(super) fn drop_in(self, name: &str, text: &str) -> Self {
        let path = self.drop_in_path(name);
        fs::write(path, text).expect("written");
        self
    }

    pub(super) fn link(self, name: &str, target: &str) -> Self {
        symlink(target, self.drop_in_path(name)).expect("linked");
        self
    }

    pub(super) fn drop_in_path(&self, name: &str) -> PathBuf {
        fs::create_dir_all(self.path("config.toml.d")).expect("a directory");
        self.path("config.toml.d").join(name)
    }

    pub(super) fn variable(mut self, name: &'static str, value: &'static str) -> Self {
        self.environment.push((name, value));
        self
    }

    pub(super) fn dry_run(mut self) -> Self {
        self.overrides.dry_run = true;
        self
    }

    pub(super) fn named(mut self) -> Self {
        self.named = true;
        self
    }

    pub(super) fn load(&self) -> Result<Config, ConfigError> {
        let path = self.path("config.toml");
        load(&Sources {
            path: if self.named { ConfigPath::Named(path) } else { ConfigPath::Default(path) },
            environment: &|name| {
                self.environment.iter().find(|(n, _)| *n == name).map(|(_, value)| OsString::from(value))
            },
            overrides: self.overrides,
        })
    }

    /// The message, with the directory as `/etc`.
    pub(super) fn error(&self) -> String {
        let error = self.load().expect_err("refused").to_string();
        assert_eq!(error.lines().count(), 1, "{error}");
        self.local(&error)
    }

    pub(super) fn origin(&self, key: &str) -> String {
        self.local(&self.load().expect("loaded").origins.get(key).to_string())
    }

    pub(super) fn local(&self, text: &str) -> String {
        text.replace(&*self.directory.path().to_string_lossy(), "/etc")
    }
}

/// A threshold in GiB.
pub(super) fn gib(n: u64) -> MinOf {
    MinOf::new(Size::Bytes(Bytes::gib(n)), [])
}
