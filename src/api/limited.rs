//! Request for a limit, and the reply.

use serde::{Deserialize, Serialize};

use crate::model::{Bytes, Pid};

/// The request of a process, usually for itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitRequest {
    /// The limit.
    pub limit: Bytes,
    /// Swap beside it; null: a little.
    pub swap: Option<Bytes>,
    /// Part of the scope's name; null: the command's.
    pub name: Option<String>,
    /// Another process of the caller's; null: the caller.
    pub pid: Option<Pid>,
}

/// The result, read back from the kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitInfo {
    /// The scope.
    pub scope: String,
    /// Its `memory.max`.
    pub limit: Bytes,
    /// Its `memory.swap.max`.
    pub swap: Bytes,
    /// The reasons for differences from the request, a sentence each.
    pub notes: Vec<String>,
}
