//! What is told: to the journal, to people, to programs.

use std::time::Duration;

use super::{AgentRef, Bytes, ProcessKey};

/// Something worth telling about one agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Which agent.
    pub agent: AgentRef,
    /// What it cost at that moment.
    pub charge: Bytes,
    /// What happened.
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A rule recognised an agent that was not there before.
    Found,
    /// Nothing of the agent is left.
    Gone,
    /// It crossed its warn line.
    Warned {
        /// The warn line.
        line: Bytes,
    },
    /// It fell back, clearly below its warn line.
    Recovered {
        /// The warn line.
        line: Bytes,
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
    /// How one wave of signals went.
    Signalled {
        /// Which action.
        action: u64,
        /// `TERM` or `KILL`.
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
}

/// What is to be ended, and why that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Numbers the actions of this run of the supervisor, from 1.
    pub action: u64,
    /// The kill line that the agent was over.
    pub line: Bytes,
    /// What must be freed to be back under the warn line.
    pub shortfall: Bytes,
    /// The guilty subtree: the agent's root with all below it where no smaller one covers the shortfall.
    pub culprit: Culprit,
    /// Whether that is the whole agent.
    pub whole: bool,
    /// How many processes are to be ended.
    pub processes: usize,
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
    /// Ends it.
    Kill,
}

impl Signal {
    /// The name as `kill -l` prints it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Term => "TERM",
            Self::Kill => "KILL",
        }
    }
}
