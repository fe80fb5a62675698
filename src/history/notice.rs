//! Notices about the recorded history, for the log.

use std::fmt;
use std::path::PathBuf;

/// A notice, logged once until its subject changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The file is corrupt or of a newer version; it was moved aside, and recording starts anew.
    MovedAside {
        /// Its new path; `None` if it could not be moved.
        to: Option<PathBuf>,
        /// The reason.
        why: String,
    },
    /// The file belongs to another machine, as in a clone of an image; it was moved aside.
    AnotherMachine {
        /// Its new path.
        to: Option<PathBuf>,
    },
    /// The file cannot be written; recording continues in memory.
    Unwritable {
        /// The file.
        path: PathBuf,
        /// The reason.
        why: String,
    },
    /// The file can be written again.
    Written(PathBuf),
    /// Number of samples dropped because the disk is slow.
    SamplesDropped(u64),
    /// The wall clock jumped.
    ClockJumped,
    /// Recording has stopped: a bug.
    Stopped,
}

impl Notice {
    /// Whether data is lost, or may be.
    #[must_use]
    pub fn is_warning(&self) -> bool {
        !matches!(self, Self::Written(_) | Self::ClockJumped | Self::AnotherMachine { .. })
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moved = |to: &Option<PathBuf>| match to {
            Some(to) => format!("moved to {}", to.display()),
            None => "it could not be moved, keeping the history in memory".to_owned(),
        };
        match self {
            Self::MovedAside { to, why } => {
                write!(f, "history starts anew, its file is not usable ({why}): {}", moved(to))
            }
            Self::AnotherMachine { to } => {
                write!(f, "history starts anew, its file belongs to another machine: {}", moved(to))
            }
            Self::Unwritable { path, why } => {
                let path = path.display();
                write!(
                    f,
                    "cannot write history to {path}: {why}; keeping it in memory, retrying every minute"
                )
            }
            Self::Written(path) => write!(f, "history is written to {} again", path.display()),
            Self::SamplesDropped(samples) => {
                write!(f, "{samples} samples are missing in the history: writing it is slow")
            }
            Self::Stopped => {
                f.write_str("history stopped until the daemon is restarted: its thread has failed")
            }
            Self::ClockJumped => f.write_str("the wall clock jumped: the history has a break there"),
        }
    }
}
