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
