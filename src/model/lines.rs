//! The two thresholds on an agent's charge.

use super::Bytes;

/// The lines that count in this guest: `warn` is below `kill`, and `kill` is a line the guest can reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lines {
    /// From here an agent is warned of.
    pub warn: Bytes,
    /// From here an agent is acted upon.
    pub kill: Bytes,
}
