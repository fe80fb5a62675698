//! The error of all readers.

use std::io;
use std::path::PathBuf;

/// A file below `/proc` could not be read although its process lives.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {}: {source}", path.display())]
pub struct ReadError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}
