//! The socket as a file: creating, taking over and removing it.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;

use super::connect::connect_with_timeout;

/// All users may connect; the peer's user determines its permissions.
const SOCKET_MODE: u32 = 0o666;

/// Timeout for connecting to an existing socket; a listener with a full queue then counts as alive.
const PROBE_TIMEOUT: Duration = Duration::from_millis(200);

/// Why the socket cannot be bound.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another supervisor listens at this path.
    #[error("{}: another supervisor answers here; stop it first, or give this one another --socket", path.display())]
    Alive {
        /// The socket.
        path: PathBuf,
    },
    /// The path exists and is not a socket.
    #[error("{}: exists and is not a socket; give another --socket", path.display())]
    NoSocket {
        /// The path.
        path: PathBuf,
    },
    /// A system call failed.
    #[error("{}: cannot listen here: {source}", path.display())]
    System {
        /// The socket.
        path: PathBuf,
        /// Its error.
        source: io::Error,
    },
}

/// A socket's file. Dropping it removes the file if it is still the one that was created.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    /// Device and inode: another supervisor may have replaced the file by the time of the drop.
    identity: (u64, u64),
}

impl SocketFile {
    /// The path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // The lock prevents a replacement between the check and the removal.
        let _lock = lock(&self.path);
        let ours =
            fs::symlink_metadata(&self.path).is_ok_and(|found| (found.dev(), found.ino()) == self.identity);
        if ours && let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(path = %self.path.display(), %error, "cannot remove the socket");
        }
    }
}

/// Listens at `path` with a socket open to all users. Creates a missing directory, replaces the socket of a dead supervisor and
/// refuses if a live one answers. The listener is non-blocking.
///
/// # Errors
/// [`BindError`], with the path.
pub fn bind(path: &Path) -> Result<(UnixListener, SocketFile), BindError> {
    let system = |source| BindError::System { path: path.to_owned(), source };
    make_directory(path).map_err(system)?;
    let _lock = lock(path).map_err(system)?;
    refuse_to_displace(path)?;
    // Renaming makes the socket appear with its final mode, or not at all.
    let fresh = beside(path, "new");
    let listener = listen(&fresh).map_err(system)?;
    let made = fs::symlink_metadata(&fresh).map_err(system)?;
    fs::rename(&fresh, path).map_err(system)?;
    Ok((listener, SocketFile { path: path.to_owned(), identity: (made.dev(), made.ino()) }))
}

fn listen(fresh: &Path) -> io::Result<UnixListener> {
    match fs::remove_file(fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(fresh)?;
    fs::set_permissions(fresh, Permissions::from_mode(SOCKET_MODE))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn make_directory(path: &Path) -> io::Result<()> {
    let Some(directory) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) else {
        return Ok(());
    };
    match DirBuilder::new().mode(0o755).create(directory) {
        // Undo the umask: other users must be able to reach the socket.
        Ok(()) => fs::set_permissions(directory, Permissions::from_mode(0o755)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

fn refuse_to_displace(path: &Path) -> Result<(), BindError> {
    let system = |source| BindError::System { path: path.to_owned(), source };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(system(error)),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(BindError::NoSocket { path: path.to_owned() });
        }
        Ok(_) => {}
    }
    match connect_with_timeout(path, PROBE_TIMEOUT) {
        Ok(_) | Err(Errno::AGAIN) => Err(BindError::Alive { path: path.to_owned() }),
        Err(Errno::CONNREFUSED | Errno::NOENT) => Ok(()),
        Err(error) => Err(system(error.into())),
    }
}

/// Serialises supervisors that check and replace the socket. The lock is a file that only its owner may open: a lock on the
/// directory could be held by any user that can read it.
fn lock(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(beside(path, "lock"))?;
    flock(&file, FlockOperation::LockExclusive)?;
    Ok(file)
}

/// `/run/x/name` and `new` to `/run/x/.name.new`.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".");
    name.push(suffix);
    path.with_file_name(name)
}
