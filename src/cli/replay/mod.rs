//! `claude-watchdog replay`: a recorded trace, or what the supervisor recorded, through the very policy and forecaster that the supervisor uses.

mod command;
mod recorded;
mod run;
mod story;
mod trace;

#[cfg(test)]
mod tests;

pub(super) use command::run;
pub use recorded::{Said, samples, terms};
pub use run::{Record, Replay, Terms};
pub use story::{Told, render, replay};
pub use trace::{Sample, Trace, TraceError};
