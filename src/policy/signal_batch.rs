//! The signals of a decision.

use std::path::PathBuf;

use crate::model::{ProcessKey, Signal};

/// One signal to several processes, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignalBatch {
    /// The action that it belongs to.
    pub action: u64,
    /// The signal.
    pub signal: Signal,
    /// The processes that get it.
    pub targets: Vec<ProcessKey>,
    /// Stopped processes that are resumed instead of getting this signal.
    pub resumed: Vec<ProcessKey>,
    /// A cgroup of the targets alone, killed as a whole: that includes processes forked meanwhile.
    pub cgroup: Option<PathBuf>,
    /// The agent's own cgroup, if it had one: a throttle on it is removed before the first signal.
    pub scope: Option<PathBuf>,
}
