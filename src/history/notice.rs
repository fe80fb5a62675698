//! What a person should know of the record.

use std::fmt;
use std::path::PathBuf;

/// Something about the record, told once until it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The file is broken or of a newer version; it was set aside, and the record begins anew.
    SetAside {
        /// Where it is now; `None` where it could not be moved.
        to: Option<PathBuf>,
        /// What is wrong with it.
        why: String,
    },
    /// The file is another machine's, as a clone finds its image's; it was set aside.
    AnotherMachine {
        /// Where it is now.
        to: Option<PathBuf>,
    },
    /// Nothing can be written; the record goes on in memory.
    NotWritten {
        /// Which file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// It can be written again.
    Written(PathBuf),
    /// So many looks were left out, since the disk was slow.
    LeftOut(u64),
    /// The wall clock jumped.
    ClockJumped,
    /// Nothing is recorded any more: a mistake of ours.
    Ended,
}

impl Notice {
    /// Whether something is lost, or may be.
    #[must_use]
    pub fn is_warning(&self) -> bool {
        !matches!(self, Self::Written(_) | Self::ClockJumped | Self::AnotherMachine { .. })
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let aside = |to: &Option<PathBuf>| match to {
            Some(to) => format!("it is kept as {}", to.display()),
            None => "it could not be set aside, so the record stays in memory".to_owned(),
        };
        match self {
            Self::SetAside { to, why } => {
                write!(f, "the record of memory begins anew, its file is not usable ({why}): {}", aside(to))
            }
            Self::AnotherMachine { to } => {
                write!(
                    f,
                    "the record of memory begins anew, what is there is another machine's: {}",
                    aside(to)
                )
            }
            Self::NotWritten { path, why } => {
                write!(
                    f,
                    "the record of memory stays in memory, {} cannot be written: {why}; tried again each minute",
                    path.display()
                )
            }
            Self::Written(path) => write!(f, "the record of memory is written to {} again", path.display()),
            Self::LeftOut(looks) => {
                write!(f, "{looks} looks are missing in the record of memory: writing it is slow")
            }
            Self::Ended => write!(
                f,
                "memory is not recorded any more until the supervisor is started again: its thread has failed"
            ),
            Self::ClockJumped => write!(f, "the wall clock jumped: the record of memory has a break there"),
        }
    }
}
