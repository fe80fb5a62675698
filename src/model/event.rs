//! Supervisor events, as reported to the journal, the CLI and the socket.

use std::time::Duration;

use super::{AgentRef, Bytes, BytesPerSecond, ProcessKey, Uid};
use crate::model::forecast::ForecastAlert;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The agent; `None`: the machine as a whole.
    pub agent: Option<AgentRef>,
    /// Its charge at that moment; the sum of all agents for the machine.
    pub charge: Bytes,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A rule recognised a new agent.
    Found,
    /// All processes of the agent have exited.
    Gone,
    /// It lives, but no rule matches it any more.
    Unknown,
    /// It crossed its warn threshold.
    Warned {
        /// The warn threshold.
        threshold: Bytes,
    },
    /// It fell clearly below its warn threshold.
    Recovered {
        /// The warn threshold.
        threshold: Bytes,
    },
    /// An action on part or all of it was decided, and the first batch of signals was sent.
    Acted(Decision),
    /// The grace period is over and some of its processes still live.
    Killed {
        /// The number of the action.
        action: u64,
        /// Number of processes left.
        remaining: usize,
        /// Time since the decision.
        after: Duration,
    },
    /// It forks faster than it can be killed: its parent is killed, too.
    Escalated {
        /// The number of the action.
        action: u64,
        /// The subtree that is killed now.
        culprit: Culprit,
        /// Whether that is the whole agent.
        whole: bool,
    },
    /// Result of one batch of signals.
    Signalled {
        /// The number of the action.
        action: u64,
        /// The signal.
        signal: Signal,
        /// Number of processes that received it.
        delivered: usize,
        /// Number of processes that had exited before.
        gone: usize,
        /// Number of processes for which the kernel refused it.
        refused: usize,
    },
    /// All targets have exited.
    Ended {
        /// The number of the action.
        action: u64,
        /// Decrease of the agent's charge since the decision.
        freed: Bytes,
        /// The highest charge since the decision.
        peak: Bytes,
        /// Time since the decision.
        after: Duration,
        /// Whether the freed memory is available on the machine.
        back: bool,
    },
    /// It could not be killed, and is excluded for a while.
    Failed {
        /// The number of the action.
        action: u64,
        /// The reason.
        why: Failure,
    },
    /// It is over its kill threshold again soon after an action, or was restarted and is: the next action is delayed.
    RestartBackoff {
        /// Number of remembered actions on it and on its predecessors.
        actions: u32,
        /// The delay, unless the machine is in danger.
        wait: Duration,
    },
    /// It is forecast to reach its ceiling; for the machine: to run out of memory.
    ForecastAlert(ForecastAlert),
    /// The forecast no longer applies.
    ForecastCleared,
    /// The kernel's OOM killer killed some of it; for the machine: a process of no known agent.
    KernelOom {
        /// Number of processes.
        kills: u64,
        /// The largest process that has disappeared since.
        lost: Option<KilledProcess>,
        /// The agent's limit, if it has one.
        limit: Option<Bytes>,
    },
    /// The machine is in danger, and no action is taken.
    GuestInDanger {
        /// Its state.
        danger: Danger,
        /// The reason.
        why: NoActionReason,
    },
    /// The machine is out of danger.
    GuestSafe {
        /// Remaining memory.
        left: Bytes,
    },
}

/// A process that has exited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KilledProcess {
    /// Its key.
    pub key: ProcessKey,
    /// Base name of its executable.
    pub name: String,
    /// Its charge in the last sample.
    pub charge: Bytes,
}

/// How close the machine is to running out of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Danger {
    /// Available memory, and memory that swap can free.
    pub left: Bytes,
    /// Memory that should remain at this fill rate.
    pub reserve: Bytes,
    /// The fill rate.
    pub rate: BytesPerSecond,
    /// Swap is left, but the machine is thrashing.
    pub thrashing: bool,
}

/// The reason for no action while the machine is in danger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoActionReason {
    /// There is no agent.
    NoAgents,
    /// The memory is used by processes of no agent.
    Outside,
    /// No agent is large enough to free the shortfall.
    TooSmall {
        /// Memory that must be freed.
        shortfall: Bytes,
    },
    /// The agents that are large enough could not be killed before, or are protected.
    OutOfReach,
    /// The guard is disabled (`guard.enabled`).
    Off,
}

/// The cause of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The agent is over its kill threshold.
    Threshold,
    /// The machine is in danger, whatever the thresholds.
    Guard(Danger),
    /// All limited agents together are near the cap of their slice, where the kernel would choose the victim.
    Slice {
        /// How near; `left` is the memory left below the cap.
        danger: Danger,
        /// `memory.max` of the slice.
        cap: Bytes,
    },
    /// An authorized user requested it.
    Request {
        /// The user.
        by: Uid,
    },
}

impl Cause {
    /// Its name in the API.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Threshold => "threshold",
            Self::Guard(_) => "guard",
            Self::Slice { .. } => "slice",
            Self::Request { .. } => "request",
        }
    }
}

/// A decided action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Its number since this start of the supervisor, from 1.
    pub action: u64,
    /// The cause.
    pub cause: Cause,
    /// The agent's kill threshold.
    pub threshold: Bytes,
    /// Memory to free: to get back under the warn threshold, or the machine out of danger; everything for a request.
    pub shortfall: Bytes,
    /// For the guard: growth of the agent since the machine was last comfortable.
    pub grown: Bytes,
    /// The subtree to kill: the agent's root with all its descendants if no smaller one frees the shortfall.
    pub culprit: Culprit,
    /// Whether that is the whole agent.
    pub whole: bool,
    /// Number of processes to kill.
    pub processes: usize,
    /// Number of agents that lose processes: one, or several of one tree.
    pub agents: usize,
    /// The first signal: `KILL` if there is no time for another one.
    pub signal: Signal,
    /// The maximum time between `TERM` and `KILL`.
    pub grace: Duration,
    /// Reported only, not carried out.
    pub dry_run: bool,
}

/// The smallest subtree that covers the shortfall when killed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Culprit {
    /// Its topmost process.
    pub top: ProcessKey,
    /// Base name of that process's executable.
    pub name: String,
    /// Its charge, including all descendants.
    pub charge: Bytes,
    /// Number of processes.
    pub processes: usize,
}

/// Reason why an action failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// All candidates are protected.
    Protected,
    /// This number of processes still lived at the timeout: stuck in the kernel, or not ours to signal.
    Survivors(usize),
}

/// Signals that the supervisor sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signal {
    /// Asks a process to exit.
    Term,
    /// Stops it, so that it cannot fork while its descendants are found.
    Stop,
    /// Kills it.
    Kill,
}

impl Signal {
    /// The name as `kill -l` prints it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Term => "TERM",
            Self::Stop => "STOP",
            Self::Kill => "KILL",
        }
    }
}
