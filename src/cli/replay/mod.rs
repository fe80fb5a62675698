//! `claude-watchdog replay`: a recorded trace through the very policy and forecaster that the supervisor uses.

mod command;
mod run;
mod trace;

pub(super) use command::run;
pub use run::{Record, Replay, Terms};
pub use trace::{Sample, Trace, TraceError};
