//! Errors of the client.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::ipc::MethodError;
use crate::model::Uid;

/// Why a call has no result. Every message names the socket and a remedy.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No socket has a listener.
    #[error(
        "no daemon answers at {}; start it with `systemctl start claude-watchdog`, or without root with `claude-watchdog daemon`; `systemctl status claude-watchdog` shows why it is not running",
        join(tried)
    )]
    Absent {
        /// The sockets that were tried.
        tried: Vec<PathBuf>,
    },
    /// The socket cannot be connected to.
    #[error("{}: cannot connect: {source}; check the rights of the socket and its directory", path.display())]
    Connect {
        /// The socket.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Neither root nor the caller owns the listener, so its replies are not trusted.
    #[error("{}: this socket belongs to user {owner}, and only root's and your own are trusted; find out how it came there, or name another one with --socket", path.display())]
    Untrusted {
        /// The socket.
        path: PathBuf,
        /// The owner of the listener.
        owner: Uid,
    },
    /// The daemon accepts connections but does not reply.
    #[error("{}: no reply within {}; see `systemctl status claude-watchdog`", path.display(), humantime::format_duration(*after))]
    Silent {
        /// The socket.
        path: PathBuf,
        /// The timeout.
        after: Duration,
    },
    /// The connection was closed before the reply.
    #[error("{}: the daemon closed the connection; try again, or see `journalctl -u claude-watchdog`", path.display())]
    Closed {
        /// The socket.
        path: PathBuf,
    },
    /// The reply cannot be parsed.
    #[error("{}: the reply cannot be read ({reason}); check that the daemon and this command have the same version", path.display())]
    Unreadable {
        /// The socket.
        path: PathBuf,
        /// The parse error.
        reason: String,
    },
    /// The daemon refused the call.
    #[error("{}: the daemon refused: {error}", path.display())]
    Refused {
        /// The socket.
        path: PathBuf,
        /// The error it returned.
        error: MethodError,
    },
}

fn join(paths: &[PathBuf]) -> String {
    let shown: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    shown.join(" or ")
}
