//! A limit as it is asked for and answered.

use serde::{Deserialize, Serialize};

use crate::model::{Bytes, Pid};

/// What a process asks for, for itself as a rule.
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

/// What came of it; read back from the kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitInfo {
    /// The scope.
    pub scope: String,
    /// Its `memory.max`.
    pub limit: Bytes,
    /// Its `memory.swap.max`.
    pub swap: Bytes,
    /// Why it is not what was asked for, a sentence each.
    pub notes: Vec<String>,
}
