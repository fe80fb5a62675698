//! The socket to answer on: the one that systemd opened for us, else our own.

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

/// A socket, and its file where that is ours to remove.
pub(crate) type Listening = (tokio::net::UnixListener, Option<SocketFile>);

/// Why the socket that was passed is of no use.
#[derive(Debug, thiserror::Error)]
pub enum PassedError {
    /// The service manager's variables say nonsense.
    #[error("the service manager's LISTEN_FDS: {0}")]
    Variables(#[from] io::Error),
    /// It is not one.
    #[error("the service manager passed no socket that can be answered on: {0}")]
    NoSocket(#[from] inherited_fd::InheritedError),
    /// There are several.
    #[error("the service manager passed {0} sockets; one ListenStream= is all there is use for")]
    TooMany(usize),
}

/// The socket that was passed, where one was.
pub(crate) fn passed() -> Result<Option<UnixListener>, PassedError> {
    match activation::passed_fds()?.as_slice() {
        [] => Ok(None),
        [fd] => Ok(Some(inherited_fd::listener(RawFd::from(*fd))?)),
        several => Err(PassedError::TooMany(several.len())),
    }
}

/// Tells those who wait on `listener` that our configuration is wrong: as long as somebody waits we are started again.
/// Where it is wrong is not for everybody.
pub(crate) fn turn_away(listener: &UnixListener) {
    let answer = encode(&MethodError::Unconfigured {}).unwrap_or_default();
    while let Ok((mut stream, _)) = listener.accept() {
        // An empty socket takes it at once; whoever has left needs none.
        let _ = stream.set_nonblocking(true).and_then(|()| stream.write_all(&answer));
    }
}

/// What to answer on; `None`: nothing, and it is told why. What was passed goes before all else; where that is of no use
/// the guest is not left alone for it.
pub(crate) fn listen(
    passed: Result<Option<UnixListener>, PassedError>,
    named: Option<&Path>,
    uid: Uid,
    reporter: &Reporter,
) -> Result<Option<Listening>, DaemonError> {
    match passed {
        Ok(None) => {}
        Ok(Some(listener)) => return Ok(Some(adopt(listener, named, reporter)?)),
        Err(error) => {
            reporter.tell(Report::Log(Level::ERROR, format!("supervising without a socket: {error}")));
            return Ok(None);
        }
    }
    let usual = || if uid == Uid::ROOT { Some(PathBuf::from(SYSTEM_SOCKET)) } else { user_socket() };
    let Some(path) = named.map(Path::to_owned).or_else(usual) else {
        let text = "XDG_RUNTIME_DIR is not set: nobody can ask us over a socket; name one with --socket";
        reporter.tell(Report::Log(Level::WARN, text.to_owned()));
        return Ok(None);
    };
    match ipc::bind(&path) {
        Ok((listener, file)) => Ok(Some((tokio::net::UnixListener::from_std(listener)?, Some(file)))),
        // A full or missing directory is no reason to leave the guest alone, unless that very socket was asked for.
        Err(error @ ipc::BindError::System { .. }) if named.is_none() => {
            reporter.tell(Report::Log(Level::ERROR, format!("supervising without a socket: {error}")));
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
            "answering on the socket that systemd opened ({path}), not on {}; change ListenStream= or stop the socket \
             unit",
            named.display()
        );
        reporter.tell(Report::Log(Level::WARN, text));
    }
    Ok((tokio::net::UnixListener::from_std(listener)?, None))
}
