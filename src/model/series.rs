//! Recorded series of memory figures.

use std::sync::Arc;

use super::time::UnixSeconds;
use super::{Boottime, Bytes, ProcessKey, Uid};

/// The subject of a series, valid for one boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SeriesSubject {
    /// The machine: used memory and swap.
    Guest,
    /// An agent's charge, by its root.
    Agent(ProcessKey),
    /// A subtree of an agent: a process with all its descendants.
    Part {
        /// The agent's root.
        agent: ProcessKey,
        /// The topmost process.
        top: ProcessKey,
    },
}

/// A series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// Its subject.
    pub subject: SeriesSubject,
    /// `guest`, `claude-1234`; for a subtree the base name of its program.
    pub name: String,
    /// The agent's owner; root for the machine.
    pub uid: Uid,
}

/// The values of one sample.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesSample {
    /// Time of the sample.
    pub at: Boottime,
    /// Its wall clock time.
    pub time: UnixSeconds,
    /// Each series with its value.
    pub figures: Vec<(Arc<Series>, Bytes)>,
}
