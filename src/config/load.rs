//! Reads all layers and merges them, key by key.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, open};
use serde::Deserialize;
use toml::{Table, Value};

use super::error::{ConfigError, Position, clip};
use super::toml_layer::{self, TomlLayer};
use super::{Config, Ineffective, Origins, SettingOrigin, env, key, warnings};
use crate::model::{Bytes, Uid};

/// Reads all layers and checks them, each by itself and all together.
///
/// # Errors
/// The first error: unreadable files first, then in the order of the layers.
pub fn load(sources: &Sources<'_>) -> Result<Config, ConfigError> {
    let mut merged = MergedLayers::default();
    let files = read_files(sources)?;
    for (path, text) in files.texts {
        merged.merge(&path, toml_layer::read(&path, &text)?);
    }
    merged.add_ineffective(files.ignored);
    let (settings, empty) = env::read(sources.environment)?;
    for setting in settings {
        merged.set(setting.key, setting.bytes, SettingOrigin::Environment(setting.variable));
    }
    merged.add_ineffective(empty);
    if sources.overrides.dry_run {
        merged.set(key::DRY_RUN, true, SettingOrigin::Flag("--dry-run"));
    }
    merged.into_config()
}

/// The system's configuration file; its drop-ins are in `/etc/claude-watchdog/config.toml.d`.
const SYSTEM_PATH: &str = "/etc/claude-watchdog/config.toml";

/// The input of [`super::load()`].
pub struct Sources<'a> {
    /// The file, which also determines the directory of its drop-ins.
    pub path: ConfigPath,
    /// Reads an environment variable: `&|name| std::env::var_os(name)` outside tests.
    pub environment: &'a dyn Fn(&str) -> Option<OsString>,
    /// Options of the command line.
    pub overrides: Overrides,
}

/// The configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigPath {
    /// The default path; it need not exist.
    Default(PathBuf),
    /// The path given with `--config`; it must exist.
    Named(PathBuf),
    /// No path: a user without a home.
    NoHome,
}

impl ConfigPath {
    /// The path for `uid`: the given one, else the system's for root and the user's own for others.
    #[must_use]
    pub fn locate(named: Option<&Path>, uid: Uid, environment: &dyn Fn(&str) -> Option<OsString>) -> Self {
        match named {
            Some(path) => Self::Named(path.to_owned()),
            None if uid == Uid::ROOT => Self::system(),
            None => Self::user(environment),
        }
    }

    /// The default path of the system service.
    #[must_use]
    pub fn system() -> Self {
        Self::Default(PathBuf::from(SYSTEM_PATH))
    }

    /// The default path of a user's own daemon: `$XDG_CONFIG_HOME/claude-watchdog/config.toml`, else below `~/.config`.
    /// By the XDG specification, a relative path is ignored.
    #[must_use]
    pub fn user(environment: &dyn Fn(&str) -> Option<OsString>) -> Self {
        let directory = |name: &str| environment(name).map(PathBuf::from).filter(|path| path.is_absolute());
        directory("XDG_CONFIG_HOME")
            .or_else(|| directory("HOME").map(|home| home.join(".config")))
            .map_or(Self::NoHome, |config| Self::Default(config.join("claude-watchdog/config.toml")))
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Default(path) | Self::Named(path) => Some(path),
            Self::NoHome => None,
        }
    }
}

/// Command line options, which override all layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--dry-run` was given.
    pub dry_run: bool,
}

/// Far above any real configuration, far below what the daemon may use when memory is short.
const MAX_FILE_SIZE: Bytes = Bytes::mib(1);

/// The files on disk.
#[derive(Debug, Default)]
pub(super) struct ConfigFiles {
    /// The file and its drop-ins with their text, in the order in which they apply.
    pub(super) texts: Vec<(PathBuf, String)>,
    /// Files beside the drop-ins that are none.
    pub(super) ignored: Option<Ineffective>,
}

/// Reads the file and its drop-ins.
fn read_files(sources: &Sources<'_>) -> Result<ConfigFiles, ConfigError> {
    let Some(path) = sources.path.path() else { return Ok(ConfigFiles::default()) };
    let main = text(path)?;
    if main.is_none() && matches!(sources.path, ConfigPath::Named(_)) {
        return Err(ConfigError::Missing { path: path.to_owned() });
    }
    let mut texts: Vec<_> = main.into_iter().map(|text| (path.to_owned(), text)).collect();
    let (paths, ignored) = drop_ins(path)?;
    for drop_in in paths {
        // `None`: removed since it was listed.
        texts.extend(text(&drop_in)?.map(|text| (drop_in, text)));
    }
    Ok(ConfigFiles { texts, ignored })
}

/// `FILE.d/*.toml` sorted by name regardless of the locale, and other files there. Hidden files are leftovers of
/// editors (`.#50-x.toml`) and are not reported.
fn drop_ins(file: &Path) -> Result<(Vec<PathBuf>, Option<Ineffective>), ConfigError> {
    let mut directory = file.as_os_str().to_owned();
    directory.push(".d");
    let directory = PathBuf::from(directory);
    let unreadable = |source| ConfigError::Unreadable { path: directory.clone(), source };
    let entries = match directory.read_dir() {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound && !directory.is_symlink() => {
            return Ok((Vec::new(), None));
        }
        Err(error) => return Err(unreadable(error)),
    };
    let (mut paths, mut names) = (Vec::new(), Vec::new());
    for entry in entries {
        let entry = entry.map_err(unreadable)?;
        let (path, name) = (entry.path(), entry.file_name());
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if path.extension().is_some_and(|extension| extension == "toml") {
            paths.push(path);
        } else {
            names.push(clip(&name.to_string_lossy()));
        }
    }
    paths.sort();
    names.sort();
    let ignored = (!names.is_empty()).then_some(Ineffective::IgnoredFiles { directory, names });
    Ok((paths, ignored))
}

/// The text of a file without a byte order mark; `None` if it does not exist.
fn text(path: &Path) -> Result<Option<String>, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
    // Without O_NONBLOCK opening a named pipe blocks until it has a writer, and the daemon would never start.
    let file = match open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())
        .map_err(io::Error::from)
    {
        Ok(file) => File::from(file),
        Err(error) if error.kind() == ErrorKind::NotFound && path.is_symlink() => {
            return Err(ConfigError::Dangling { path: path.to_owned() });
        }
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    if let Some(found) = unexpected_kind(&file).map_err(unreadable)? {
        return Err(ConfigError::NotAFile { path: path.to_owned(), found });
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE_SIZE.get() + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if Bytes::new(bytes.len() as u64) > MAX_FILE_SIZE {
        return Err(ConfigError::TooLarge { path: path.to_owned(), limit: MAX_FILE_SIZE });
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = String::from_utf8_lossy(&error.as_bytes()[..error.utf8_error().valid_up_to()]);
        ConfigError::NotUtf8 { position: Position::new(path, &valid, valid.len()) }
    })?;
    Ok(Some(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)))
}

/// The kind of something that is no file. `/dev/null` is accepted: as with systemd, a link to it masks a drop-in.
fn unexpected_kind(file: &File) -> std::io::Result<Option<&'static str>> {
    let kind = file.metadata()?.file_type();
    Ok(match kind {
        _ if kind.is_file() || kind.is_char_device() => None,
        _ if kind.is_dir() => Some("a directory"),
        _ if kind.is_fifo() => Some("a pipe"),
        _ => Some("a device"),
    })
}

/// All layers so far.
#[derive(Default)]
pub(super) struct MergedLayers {
    values: Table,
    origins: Origins,
    ineffective: Vec<Ineffective>,
}

impl MergedLayers {
    /// Merges a file: each of its keys replaces that key only.
    pub(super) fn merge(&mut self, path: &Path, layer: TomlLayer) {
        for (key, line) in layer.keys {
            let origin = SettingOrigin::File { path: path.to_owned(), line };
            // For rules only: the shipped file lists all other defaults, which may be repeated freely.
            let value =
                at(&layer.values, &key).filter(|value| key.starts_with(key::RULES) && !value.is_table());
            if value.is_some() && value == at(&self.values, &key) {
                let before = self.origins.get(&key).clone();
                self.ineffective.push(Ineffective::Repeated {
                    origin: origin.clone(),
                    key: key.clone(),
                    before,
                });
            }
            self.origins.set(key, origin);
        }
        merge(&mut self.values, layer.values);
    }

    /// Sets one value that does not come from a file.
    pub(super) fn set(&mut self, key: &'static str, value: impl Into<Value>, origin: SettingOrigin) {
        let mut value = value.into();
        for name in key.rsplit('.') {
            value = Value::Table(Table::from_iter([(name.to_owned(), value)]));
        }
        if let Value::Table(table) = value {
            merge(&mut self.values, table);
        }
        self.origins.set(key, origin);
    }

    pub(super) fn into_config(self) -> Result<Config, ConfigError> {
        let config = Config::deserialize(self.values)
            .map_err(|error| ConfigError::Inconsistent { problem: error.message().to_owned() })?;
        let mut config = Config { origins: self.origins, ineffective: self.ineffective, ..config };
        config.ineffective.extend(warnings::of(&config));
        Ok(config)
    }

    /// Adds settings of a layer without effect.
    pub(super) fn add_ineffective(&mut self, ineffective: impl IntoIterator<Item = Ineffective>) {
        self.ineffective.extend(ineffective);
    }
}

/// The value of a dotted key. Names that need quotes are not found, and are never known ones.
fn at<'a>(table: &'a Table, key: &str) -> Option<&'a Value> {
    let mut names = key.split('.');
    let first = table.get(names.next()?);
    names.fold(first, |value, name| value?.get(name))
}

fn merge(child: &mut Table, above: Table) {
    for (name, value) in above {
        match (child.get_mut(&name), value) {
            (Some(Value::Table(child)), Value::Table(above)) => merge(child, above),
            (_, value) => {
                child.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(variables: &[(&str, &str)]) -> ConfigPath {
        ConfigPath::user(&|name| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| value.into()))
    }

    #[test]
    fn the_user_path_follows_the_xdg_specification() {
        let default = |path: &str| ConfigPath::Default(path.into());
        assert_eq!(
            user(&[("XDG_CONFIG_HOME", "/x"), ("HOME", "/h")]),
            default("/x/claude-watchdog/config.toml")
        );
        assert_eq!(user(&[("HOME", "/h")]), default("/h/.config/claude-watchdog/config.toml"));
        assert_eq!(
            user(&[("XDG_CONFIG_HOME", "x"), ("HOME", "/h")]),
            default("/h/.config/claude-watchdog/config.toml")
        );
        assert_eq!(user(&[("XDG_CONFIG_HOME", ""), ("HOME", "")]), ConfigPath::NoHome);
    }
}
