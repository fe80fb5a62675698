//! A memory supervisor for AI coding agents.
//!
//! `ARCHITECTURE.md` draws the rooms and the imports that are allowed between them. `model`, `api`, `policy`, `forecast`, `limit`,
//! `attribution` and `rules` are pure; `linux`, `systemd`, `ipc`, `config` and `history` touch the system; `sampler`, `daemon` and
//! `cli` join them.

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
