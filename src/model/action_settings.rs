//! Settings of an action, as the configuration has them and as the policy applies them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Bytes, flag, grace};

/// `[act]`: how an action is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ActionSettings {
    /// Report actions without sending signals.
    #[serde(deserialize_with = "flag::deserialize")]
    pub dry_run: bool,
    /// The longest time between `SIGTERM` and `SIGKILL`; at most 10 minutes.
    #[serde(with = "grace")]
    pub grace: Duration,
    /// Throttle a limited agent just below its limit until the culprit is identified.
    #[serde(deserialize_with = "flag::deserialize")]
    pub throttle: bool,
}

impl Default for ActionSettings {
    fn default() -> Self {
        Self { dry_run: false, grace: Duration::from_secs(10), throttle: true }
    }
}

/// Settings of the guard on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuardSettings {
    /// Agents are also killed when the machine runs out of memory, whatever their thresholds.
    pub enabled: bool,
    /// Memory that must remain available; `None`: [`super::SystemMemory::reserve`].
    pub reserve: Option<Bytes>,
}

impl Default for GuardSettings {
    fn default() -> Self {
        Self { enabled: true, reserve: None }
    }
}
