//! Why a limit cannot be.

use std::path::PathBuf;

use super::SLICE;
use crate::model::Bytes;

/// What is wrong with a limit that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// Nothing could run in it.
    #[error("a limit of {asked} is too small: {least} is the least")]
    TooSmall {
        /// The limit that was asked for.
        asked: Bytes,
        /// The smallest that is taken.
        least: Bytes,
    },
    /// It cannot be part of a unit's name.
    #[error(
        "`{name}` is no name: it takes 1 to 32 letters, digits, `.`, `_` or `-`, the first of them a letter or digit"
    )]
    BadName {
        /// The name that was asked for.
        name: String,
    },
    /// The scope of a limit would be a way out of what holds it now.
    #[error(
        "{} holds it to {max}, and a limit in {SLICE} would be a way out of that; \
         `systemd-run --user --scope -p MemoryMax=…` stays within, and root may have it moved",
        cgroup.display()
    )]
    Confined {
        /// The cgroup.
        cgroup: PathBuf,
        /// Its limit.
        max: Bytes,
    },
    /// It would end those who are in it at once.
    #[error("{scope} holds {held} already, too much for the {asked} that it was to be tightened to")]
    HoldsMore {
        /// The scope.
        scope: String,
        /// What its processes cost now.
        held: Bytes,
        /// The limit that was asked for.
        asked: Bytes,
    },
}
