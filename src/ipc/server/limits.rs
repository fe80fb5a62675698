//! Bounds that keep clients from delaying one another.

use std::time::Duration;

use crate::quota::{self, QuotaLimits, RateLimit};

/// Bounds on clients.
#[derive(Clone, Copy, Debug)]
pub struct ServerLimits {
    /// Concurrent connections.
    pub connections: QuotaLimits,
    /// Calls on one connection per time.
    pub calls: RateLimit,
    /// Bytes of replies that clients have requested and not read yet. One reply, however large, is always sent.
    pub unread_reply_bytes: QuotaLimits,
    /// Replies with recorded history that are being written.
    pub history_replies: QuotaLimits,
    /// How long a connection may go without a whole call. Streams are not idle.
    pub idle_timeout: Duration,
    /// How long a client may take to read one reply.
    pub write_timeout: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            connections: quota::CONNECTIONS,
            calls: quota::CALLS,
            unread_reply_bytes: quota::UNREAD_REPLY_BYTES,
            history_replies: quota::HISTORY_REPLIES,
            idle_timeout: Duration::from_mins(1),
            write_timeout: Duration::from_secs(5),
        }
    }
}
