//! A memory supervisor for AI coding agents.
//!
//! The rooms, and who may enter whom, are drawn in `ARCHITECTURE.md`. `model`, `policy` and `agents` are pure;
//! `linux` and `systemd` touch the system; `daemon` and `cli` join them.

pub mod agents;
pub mod linux;
pub mod model;
pub mod policy;
