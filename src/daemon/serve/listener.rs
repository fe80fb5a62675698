//! The listening socket: the one that systemd opened, else our own.

use std::io::{self, Write};
use std::os::fd::RawFd;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use tracing::Level;

use crate::daemon::error::DaemonError;
use crate::daemon::report::journal::{Report, Reporter};
use crate::ipc::codec::encode;
use crate::ipc::paths::{SYSTEM_SOCKET, user_socket};
use crate::ipc::{self, MethodError, SocketFile};
use crate::linux::process::inherited_fd;
use crate::model::Uid;
use crate::systemd::activation;

/// A listener, and its file if that is ours to remove.
pub(crate) type Listening = (tokio::net::UnixListener, Option<SocketFile>);

/// Why the passed socket cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PassedError {
    /// The environment variables of the service manager are malformed.
    #[error("the service manager's LISTEN_FDS: {0}")]
    Variables(#[from] io::Error),
    /// The descriptor is not a listening socket.
    #[error("the service manager passed an unusable socket: {0}")]
    NoSocket(#[from] inherited_fd::InheritedError),
    /// Several sockets were passed.
    #[error("the service manager passed {0} sockets, expected one ListenStream=")]
    TooMany(usize),
}

/// The passed socket, if any.
pub(crate) fn passed() -> Result<Option<UnixListener>, PassedError> {
    match activation::passed_fds()?.as_slice() {
        [] => Ok(None),
        [fd] => Ok(Some(inherited_fd::listener(RawFd::from(*fd))?)),
        several => Err(PassedError::TooMany(several.len())),
    }
}

/// Replies to the clients in the queue of `listener` that the configuration is invalid: as long as one waits, systemd restarts
/// the daemon. The reply does not say where it is invalid, which is not for all users.
pub(crate) fn reply_unconfigured(listener: &UnixListener) {
    let answer = encode(&MethodError::Unconfigured {}).unwrap_or_default();
    while let Ok((mut stream, _)) = listener.accept() {
        // The buffer of a fresh socket has room for it; a client that disconnected needs none.
        let _ = stream.set_nonblocking(true).and_then(|()| stream.write_all(&answer));
    }
}

/// The socket to listen on: the passed one, else `path`, else the default. `None` if there is none, which is logged: the daemon
/// then supervises without a socket.
pub(crate) fn listen(
    passed: Result<Option<UnixListener>, PassedError>,
    path: Option<&Path>,
    uid: Uid,
    reporter: &Reporter,
) -> Result<Option<Listening>, DaemonError> {
    match passed {
        Ok(None) => {}
        Ok(Some(listener)) => return Ok(Some(adopt(listener, path, reporter)?)),
        Err(error) => {
            reporter.report(Report::Log(Level::ERROR, format!("supervising without a socket: {error}")));
            return Ok(None);
        }
    }
    let default_path = || if uid == Uid::ROOT { Some(PathBuf::from(SYSTEM_SOCKET)) } else { user_socket() };
    let Some(chosen) = path.map(Path::to_owned).or_else(default_path) else {
        let text = "supervising without a socket: XDG_RUNTIME_DIR is not set; give one with --socket";
        reporter.report(Report::Log(Level::WARN, text.to_owned()));
        return Ok(None);
    };
    match ipc::bind(&chosen) {
        Ok((listener, file)) => Ok(Some((tokio::net::UnixListener::from_std(listener)?, Some(file)))),
        // A full or missing directory must not prevent supervision, unless that very socket was requested.
        Err(error @ ipc::BindError::System { .. }) if path.is_none() => {
            reporter.report(Report::Log(Level::ERROR, format!("supervising without a socket: {error}")));
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

fn adopt(listener: UnixListener, named: Option<&Path>, reporter: &Reporter) -> io::Result<Listening> {
    let address = listener.local_addr()?;
    let path = address.as_pathname();
    if let Some(named) = named.filter(|named| path != Some(*named)) {
        let path = path.map_or_else(|| "without a name".to_owned(), |path| path.display().to_string());
        let text = format!(
            "listening on the socket that systemd opened ({path}), not on {}; change ListenStream= or stop the socket \
             unit",
            named.display()
        );
        reporter.report(Report::Log(Level::WARN, text));
    }
    Ok((tokio::net::UnixListener::from_std(listener)?, None))
}
