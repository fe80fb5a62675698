//! A memory supervisor for AI coding agents.
//!
//! The rooms, and who may enter whom, are drawn in `ARCHITECTURE.md`. `model`, `policy`, `forecast`, `limit` and `agents` are
//! pure;
//! `linux`, `systemd`, `ipc` and `config` touch the system; `daemon` and `cli` join them.

pub mod api;
pub mod attribution;
pub mod cli;
pub mod config;
pub mod daemon;
pub mod forecast;
pub mod history;
pub mod ipc;
pub mod limit;
pub mod linux;
pub mod model;
pub mod policy;
pub mod quota;
pub mod rules;
pub(crate) mod sampler;
pub mod systemd;
