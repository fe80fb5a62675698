//! Reasons to refuse a limit.

use std::path::PathBuf;

use super::SLICE;
use crate::model::Bytes;

/// Why a requested limit is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// No program could run in it.
    #[error("a limit of {requested} is too small, the minimum is {min}")]
    TooSmall {
        /// The requested limit.
        requested: Bytes,
        /// The smallest limit accepted.
        min: Bytes,
    },
    /// It cannot be part of a unit's name.
    #[error(
        "invalid name `{name}`: expected 1 to 32 letters, digits, `.`, `_` or `-`, beginning with a letter or digit"
    )]
    BadName {
        /// The requested name.
        name: String,
    },
    /// A scope in [`SLICE`] would let the process escape the limit that it is under.
    #[error(
        "{} limits it to {max}, and a new limit in {SLICE} would let it escape that; \
         `systemd-run --user --scope -p MemoryMax=…` stays within, and root may have it moved",
        cgroup.display()
    )]
    Confined {
        /// The cgroup.
        cgroup: PathBuf,
        /// Its limit.
        max: Bytes,
    },
    /// Processes of the scope would be killed at once.
    #[error("{scope} uses {used}, too much for a limit of {requested}")]
    InUse {
        /// The scope.
        scope: String,
        /// Memory that its processes use now.
        used: Bytes,
        /// The limit it would get.
        requested: Bytes,
    },
}
