//! Serves the socket: handlers of the methods, their quotas, reload, explain, limit.

pub(crate) mod explain;
pub(crate) mod handlers;
pub(crate) mod limit;
pub(crate) mod listener;
pub(crate) mod reload;
pub(crate) mod status_cache;
pub(crate) mod thread;
