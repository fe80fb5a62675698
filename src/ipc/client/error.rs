//! Why there is no answer.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::ipc::MethodError;
use crate::model::Uid;

/// Why there is no answer. Every message names the socket and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No supervisor listens anywhere.
    #[error(
        "no supervisor answers at {}; start it with `systemctl start claude-watchdog`, or without root with `claude-watchdog daemon`; `systemctl status claude-watchdog` says why it does not run",
        list(tried)
    )]
    Absent {
        /// The sockets that were tried.
        tried: Vec<PathBuf>,
    },
    /// There is a socket, but no way to it.
    #[error("{}: cannot connect: {source}; check the rights of the socket and its directory", path.display())]
    Connect {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Neither root nor the caller listens there, so nothing that it says is believed.
    #[error("{}: user {owner} listens here, and only root and yourself are trusted; see who put the socket there, or name another one with --socket", path.display())]
    Untrusted {
        /// The socket.
        path: PathBuf,
        /// Who listens.
        owner: Uid,
    },
    /// The supervisor is there but says nothing.
    #[error("{}: no answer within {}; see `systemctl status claude-watchdog`", path.display(), humantime::format_duration(*after))]
    Silent {
        /// The socket.
        path: PathBuf,
        /// How long it was waited for.
        after: Duration,
    },
    /// The supervisor went away in the middle.
    #[error("{}: the supervisor closed the connection; try again, or see `journalctl -u claude-watchdog`", path.display())]
    Closed {
        /// The socket.
        path: PathBuf,
    },
    /// What came back is no reply that this program can read.
    #[error("{}: the answer cannot be read ({reason}); are the supervisor and this command of the same version?", path.display())]
    Unreadable {
        /// The socket.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The supervisor refused the call.
    #[error("{}: the supervisor refused: {error}", path.display())]
    Refused {
        /// The socket.
        path: PathBuf,
        /// Why.
        error: MethodError,
    },
}

fn list(paths: &[PathBuf]) -> String {
    let shown: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    shown.join(" or ")
}
