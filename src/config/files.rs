//! The files on disk: what is there, in which order, and as text.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, open};

use super::error::{ConfigError, Spot, clip};
use super::{Ineffective, Place, Sources};
use crate::model::Bytes;

/// Far above any real configuration, far below what a supervisor may afford when memory is short.
const LARGEST: Bytes = Bytes::mib(1);

/// What is on disk.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// The file and its drop-ins with their text, in the order in which they apply.
    pub(super) texts: Vec<(PathBuf, String)>,
    /// What stands beside the drop-ins and is none.
    pub(super) passed_over: Option<Ineffective>,
}

/// Reads them.
pub(super) fn read(sources: &Sources<'_>) -> Result<Files, ConfigError> {
    let Some(path) = sources.place.path() else { return Ok(Files::default()) };
    let main = text(path)?;
    if main.is_none() && matches!(sources.place, Place::Named(_)) {
        return Err(ConfigError::Missing { path: path.to_owned() });
    }
    let mut texts: Vec<_> = main.into_iter().map(|text| (path.to_owned(), text)).collect();
    let (paths, passed_over) = drop_ins(path)?;
    for drop_in in paths {
        // `None`: removed since it was listed.
        texts.extend(text(&drop_in)?.map(|text| (drop_in, text)));
    }
    Ok(Files { texts, passed_over })
}

/// `FILE.d/*.toml` by name, whatever the locale, and what else is there. Hidden files are editors' leftovers
/// (`.#50-x.toml`), which nobody misses.
fn drop_ins(file: &Path) -> Result<(Vec<PathBuf>, Option<Ineffective>), ConfigError> {
    let mut directory = file.as_os_str().to_owned();
    directory.push(".d");
    let directory = PathBuf::from(directory);
    let refused = |source| ConfigError::Unreadable { path: directory.clone(), source };
    let entries = match directory.read_dir() {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound && !directory.is_symlink() => {
            return Ok((Vec::new(), None));
        }
        Err(error) => return Err(refused(error)),
    };
    let (mut paths, mut names) = (Vec::new(), Vec::new());
    for entry in entries {
        let entry = entry.map_err(refused)?;
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
    let passed_over = (!names.is_empty()).then_some(Ineffective::PassedOver { directory, names });
    Ok((paths, passed_over))
}

/// The text of a file without a byte order mark; `None` where there is none.
fn text(path: &Path) -> Result<Option<String>, ConfigError> {
    let refused = |source| ConfigError::Unreadable { path: path.to_owned(), source };
    // Without O_NONBLOCK the open of a named pipe waits for its writer, and the daemon would never start.
    let file = match open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())
        .map_err(io::Error::from)
    {
        Ok(file) => File::from(file),
        Err(error) if error.kind() == ErrorKind::NotFound && path.is_symlink() => {
            return Err(ConfigError::Dangling { path: path.to_owned() });
        }
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(refused(error)),
    };
    if let Some(found) = oddity(&file).map_err(refused)? {
        return Err(ConfigError::NotAFile { path: path.to_owned(), found });
    }
    let mut bytes = Vec::new();
    file.take(LARGEST.get() + 1).read_to_end(&mut bytes).map_err(refused)?;
    if Bytes::new(bytes.len() as u64) > LARGEST {
        return Err(ConfigError::TooLarge { path: path.to_owned(), limit: LARGEST });
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = String::from_utf8_lossy(&error.as_bytes()[..error.utf8_error().valid_up_to()]);
        ConfigError::NotUtf8 { spot: Spot::of(path, &valid, valid.len()) }
    })?;
    Ok(Some(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)))
}

/// What stands in place of a file. `/dev/null` may: as with systemd, a link to it masks a drop-in.
fn oddity(file: &File) -> std::io::Result<Option<&'static str>> {
    let kind = file.metadata()?.file_type();
    Ok(match kind {
        _ if kind.is_file() || kind.is_char_device() => None,
        _ if kind.is_dir() => Some("a directory"),
        _ if kind.is_fifo() => Some("a pipe"),
        _ => Some("a device"),
    })
}
