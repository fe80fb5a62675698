//! `claude-watchdog run`, also called `run-claude-limited`: a command under a limit that holds.

mod ask;
mod comeback;
mod command;
mod waiter;
mod words;

pub(super) use command::{run, wrong};
