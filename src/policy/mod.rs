//! Decides. A snapshot and what was seen before it go in, signals and tellings come out: no I/O, no clock, no async,
//! so a recorded run of snapshots replays to the same actions.

pub mod culprit;
mod engine;
mod family;
mod fill;
mod guard;
mod ladder;
mod pace;
pub mod protected;
mod restarts;
mod subject;
mod watch;

#[cfg(test)]
mod tests;

pub use engine::{Engine, Glance, Step, Wave};

use std::time::Duration;

/// What a user may set of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Act {
    /// Say all, send nothing.
    pub dry_run: bool,
    /// The longest time between `TERM` and `KILL`.
    pub grace: Duration,
}
