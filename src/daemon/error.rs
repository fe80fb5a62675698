//! Why the daemon could not start.

use std::io;
use std::path::PathBuf;

use crate::config::ConfigError;
use crate::linux::procfs::ReadError;

/// Why the daemon could not start or continue.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The configuration is invalid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// `/proc` cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The socket could not be opened.
    #[error(transparent)]
    Socket(#[from] crate::ipc::BindError),
    /// A directory could not be created.
    #[error("cannot create {}: {source}; choose another path with --socket", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The runtime or a thread could not be started.
    #[error("cannot start: {0}")]
    Start(#[from] io::Error),
}
