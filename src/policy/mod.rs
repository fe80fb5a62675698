//! Decides. A snapshot and what was seen before it go in, signals and tellings come out: no I/O, no clock, no async,
//! so a recorded run of snapshots replays to the same actions.

mod agent_state;
mod agent_tree;
mod engine;
mod fill_rate;
mod guard;
mod kill_sequence;
mod kill_target;
mod oom_kill_detector;
mod poll_interval;
mod restart_backoff;
mod unkillable;
pub mod victim;

#[cfg(test)]
mod tests;

pub use engine::{Engine, MemoryPoll, SignalBatch, Step};

use std::time::Duration;

use crate::model::Bytes;
#[cfg(doc)]
use crate::model::Guest;

/// What a user may set of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Act {
    /// Say all, send nothing.
    pub dry_run: bool,
    /// The longest time between `TERM` and `KILL`.
    pub grace: Duration,
    /// Agents are ended for the guest's sake, too.
    pub guard: bool,
    /// The least that is to be left of the guest's memory; `None`: [`SystemMemory::reserve`].
    pub reserve: Option<Bytes>,
}

impl Default for Act {
    fn default() -> Self {
        Self { dry_run: false, grace: Duration::from_secs(10), guard: true, reserve: None }
    }
}
