//! The decisions: a snapshot and the earlier ones go in, signals and events come out. No I/O, no clock, no async, so a
//! recorded run of snapshots replays to the same actions.

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
mod signal_batch;
mod unkillable;
pub mod victim;

#[cfg(test)]
mod tests;

pub use engine::{Engine, MemoryPoll, Step};
pub use signal_batch::SignalBatch;
