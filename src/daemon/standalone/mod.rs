//! What the CLI uses without a daemon.

pub(crate) mod explain;
pub(crate) mod matches;
