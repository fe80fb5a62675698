//! The daemon as a process: passed sockets, missing kernel features, actions in progress.

#![allow(clippy::unwrap_used, reason = "in a test it is the message")]

mod activation;
mod missing_features;
mod under_way;
mod world;
