//! What is told: to the journal, to people, to programs.

use std::time::Duration;

use super::{AgentRef, Bytes, BytesPerSecond, ProcessKey, Uid};
use crate::model::forecast::ForecastAlert;

/// Something worth telling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Of which agent; `None`: of the guest as a whole.
    pub agent: Option<AgentRef>,
    /// What it cost at that moment; all agents together where it is of the guest.
    pub charge: Bytes,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A rule recognised an agent that was not there before.
    Found,
    /// Nothing of the agent is left.
    Gone,
    /// It lives, and is an agent by no rule any more.
    Unknown,
    /// It crossed its warn threshold.
    Warned {
        /// The warn threshold.
        threshold: Bytes,
    },
    /// It fell back, clearly below its warn threshold.
    Recovered {
        /// The warn threshold.
        threshold: Bytes,
    },
    /// It was decided to end part or all of it, and the first wave went out.
    Acted(Decision),
    /// The grace is over and some of it still lives.
    Killed {
        /// Which action.
        action: u64,
        /// How many processes were left.
        remaining: usize,
        /// How long after the decision.
        after: Duration,
    },
    /// It forks faster than it can be ended: what started it ends, too.
    Escalated {
        /// Which action.
        action: u64,
        /// What is to end now.
        culprit: Culprit,
        /// Whether that is the whole agent.
        whole: bool,
    },
    /// How one wave of signals went.
    Signalled {
        /// Which action.
        action: u64,
        /// Which one.
        signal: Signal,
        /// How many processes it reached.
        delivered: usize,
        /// How many had ended before.
        gone: usize,
        /// How many the kernel refused.
        refused: usize,
    },
    /// All that was to end has ended.
    Ended {
        /// Which action.
        action: u64,
        /// How much less the agent costs than at the decision.
        freed: Bytes,
        /// The highest charge seen since the decision.
        peak: Bytes,
        /// How long after the decision.
        after: Duration,
        /// Whether the guest shows the memory again.
        back: bool,
    },
    /// It could not be ended, and is left alone for a while.
    Failed {
        /// Which action.
        action: u64,
        /// Why.
        why: Failure,
    },
    /// It is over its kill threshold again soon after an action, or was started anew and is: the next action waits.
    RestartBackoff {
        /// How many actions there were on it and those that it follows, within the memory of such things.
        actions: u32,
        /// How long nothing is done, unless the guest is in danger.
        wait: Duration,
    },
    /// It is foretold to reach its ceiling; of the guest: that its memory ends.
    ForecastAlert(ForecastAlert),
    /// That is no longer foretold.
    ForecastCleared,
    /// The kernel's OOM killer has ended some of it; of the guest: somebody who is no agent's, as far as is known.
    KernelOom {
        /// How many.
        kills: u64,
        /// The largest process that is missing since.
        lost: Option<KilledProcess>,
        /// The agent's limit, where it has one.
        limit: Option<Bytes>,
    },
    /// The guest is in danger, and nobody is acted on.
    GuestInDanger {
        /// How it stands.
        danger: Danger,
        /// Why nobody.
        why: NoActionReason,
    },
    /// The guest is out of danger again.
    GuestSafe {
        /// What is left.
        left: Bytes,
    },
}

/// A process that is not there any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KilledProcess {
    /// Which.
    pub key: ProcessKey,
    /// Base name of its executable.
    pub name: String,
    /// What it cost when it was seen last.
    pub charge: Bytes,
}

/// How near the guest is to having no memory left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Danger {
    /// Available memory, and what swap can take.
    pub left: Bytes,
    /// What should be left at this rate.
    pub reserve: Bytes,
    /// How fast it fills.
    pub rate: BytesPerSecond,
    /// There is swap left, but everything waits for it.
    pub thrashing: bool,
}

/// Why nobody is acted on though the guest is in danger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoActionReason {
    /// There is no agent.
    NoAgents,
    /// Others than agents took the memory.
    Outside,
    /// No agent is large enough for its end to help.
    TooSmall {
        /// What must be freed.
        shortfall: Bytes,
    },
    /// Those that are large enough were tried in vain, or are protected.
    OutOfReach,
    /// The user wants none of it (`guard.enabled`).
    Off,
}

/// What a decision rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The agent is over its kill threshold.
    Threshold,
    /// The guest is in danger, whatever the lines.
    Guard(Danger),
    /// All limited agents together are near the cap of their slice, where the kernel ends whomever it likes.
    Slice {
        /// How near; `left` is what is left below the cap.
        danger: Danger,
        /// `memory.max` of the slice.
        cap: Bytes,
    },
    /// Somebody who may asked for its end.
    Request {
        /// Who.
        by: Uid,
    },
}

impl Cause {
    /// The word for it.
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

/// What is to be ended, and why that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Numbers the actions of this run of the supervisor, from 1.
    pub action: u64,
    /// Why.
    pub cause: Cause,
    /// The agent's kill threshold.
    pub threshold: Bytes,
    /// What must be freed: to be back under the warn threshold, or for the guest to be out of danger; all of it where its end
    /// was asked for.
    pub shortfall: Bytes,
    /// Under the guard: what the agent took since the guest was comfortable.
    pub grown: Bytes,
    /// The guilty subtree: the agent's root with all below it where no smaller one covers the shortfall.
    pub culprit: Culprit,
    /// Whether that is the whole agent.
    pub whole: bool,
    /// How many processes are to be ended.
    pub processes: usize,
    /// How many agents lose a part or all of themselves: one, or several that belong to one tree.
    pub agents: usize,
    /// The first signal: `KILL` where there is no time for another one.
    pub signal: Signal,
    /// How long they get between `TERM` and `KILL`, at most.
    pub grace: Duration,
    /// Said, not done.
    pub dry_run: bool,
}

/// The smallest subtree whose removal covers the shortfall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Culprit {
    /// Its topmost process.
    pub top: ProcessKey,
    /// Base name of that process's executable.
    pub name: String,
    /// What it costs with all below it.
    pub charge: Bytes,
    /// How many processes that is.
    pub processes: usize,
}

/// Why an action failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Every process that could have been ended is protected.
    Protected,
    /// So many processes were still there when the time for it had passed: stuck in the kernel, or not ours to signal.
    Survivors(usize),
}

/// The signals that are ever sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signal {
    /// Asks a process to end.
    Term,
    /// Holds it, so that it cannot fork away while all of it is found.
    Stop,
    /// Ends it.
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
