//! Why the supervisor could not start.

use std::io;
use std::path::PathBuf;

use crate::config::ConfigError;
use crate::linux::procfs::ReadError;

/// Why the supervisor could not start, or could not go on.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The configuration is not one.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// `/proc` does not tell what is needed.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The socket could not be opened.
    #[error(transparent)]
    Socket(#[from] crate::ipc::BindError),
    /// A directory of ours could not be made.
    #[error("cannot create {}: {source}; name another place with --socket", path.display())]
    Directory {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The runtime or a thread could not be started.
    #[error("cannot start: {0}")]
    Start(#[from] io::Error),
}
