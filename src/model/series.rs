//! Series of memory figures, as they are recorded.

use std::sync::Arc;

use super::time::UnixSeconds;
use super::{Boottime, Bytes, ProcessKey, Uid};

/// What a series is of, for as long as the guest runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SeriesSubject {
    /// The guest: memory that is not available, and swap in use.
    Guest,
    /// An agent's charge; by its root.
    Agent(ProcessKey),
    /// A part of an agent: the process at its top, with all below it.
    Part {
        /// The agent's root.
        agent: ProcessKey,
        /// The process.
        top: ProcessKey,
    },
}

/// A series: what it is of, and what it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// What it is of.
    pub subject: SeriesSubject,
    /// `guest`, `claude-1234`; of a part the base name of its program.
    pub name: String,
    /// The agent's owner; root for the guest.
    pub uid: Uid,
}

/// What one look gives to the record.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesSample {
    /// When it was.
    pub at: Boottime,
    /// The same by the wall clock.
    pub time: UnixSeconds,
    /// Each series and where it stood.
    pub figures: Vec<(Arc<Series>, Bytes)>,
}
