//! Why a command failed. `exit` has the exit code of each.

use std::io;

use super::terminal::escape_for_terminal;
use crate::daemon::DaemonError;
use crate::ipc::ClientError;
use crate::linux::procfs::ReadError;

/// Why a command failed. Standard error shows its message.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommandError {
    /// The daemon did not answer, or refused.
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Daemon(#[from] DaemonError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error("cannot write: {0}")]
    Write(#[from] io::Error),
    /// A daemon runs, but it cannot serve this command: it waits for a valid configuration.
    #[error("{0}")]
    NotServing(String),
    #[error("{0}")]
    InvalidArguments(String),
    /// An input file.
    #[error("{0}")]
    InvalidData(String),
    #[error("{0}")]
    InvalidConfig(String),
    /// All else.
    #[error("{0}")]
    Failed(String),
}

impl CommandError {
    /// The message, without control characters.
    pub(super) fn message(&self) -> String {
        escape_for_terminal(&self.to_string())
    }
}
