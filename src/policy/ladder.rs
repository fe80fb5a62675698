//! One action under way: `TERM`, a grace, `KILL`, survivors, until nothing of it is left.

use std::time::Duration;

use crate::model::event::{Failure, What};
use crate::model::{AgentRef, AgentSample, Boottime, Bytes, BytesPerSecond, Guest, ProcessKey, Signal};

use super::Wave;
use super::culprit::{Choice, touchable};
use super::pace::QUICKEST;
use super::watch::Freed;

/// How long a `KILL` may take to show: a process of 8 GiB takes a second to give its pages back.
const BETWEEN_KILLS: Duration = Duration::from_secs(1);

/// Who still lives this long after the first `KILL` is stuck in the kernel or beyond our rights.
const LONGEST_KILLING: Duration = Duration::from_secs(10);

/// One action under way. There is never more than one.
#[derive(Debug)]
pub(super) struct Ladder {
    pub(super) action: u64,
    pub(super) agent: AgentRef,
    targets: Vec<ProcessKey>,
    whole: bool,
    decided: Boottime,
    peak: Bytes,
    least_room: Bytes,
    phase: Phase,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// `TERM` went out; `KILL` follows at that moment.
    Grace { until: Boottime },
    /// `KILL` went out: first and last.
    Killing { first: Boottime, last: Boottime, reached: usize },
}

/// What a tick brought for the action under way.
pub(super) enum Progress {
    /// Nothing to do but wait.
    Waiting,
    /// Another wave.
    Send(Wave, What),
    /// Another wave, of which there is nothing new to tell.
    Again(Wave),
    /// All are gone.
    Ended(Freed),
    /// It cannot be brought to an end.
    Failed(Failure),
}

impl Ladder {
    pub(super) fn begin(
        action: u64,
        at: Boottime,
        agent: &AgentSample,
        guest: &Guest,
        choice: &Choice,
        grace: Duration,
    ) -> Self {
        Self {
            action,
            agent: agent.agent.clone(),
            targets: choice.targets.clone(),
            whole: choice.whole,
            decided: at,
            peak: agent.charge.total(),
            least_room: guest.room(),
            phase: Phase::Grace { until: at + grace },
        }
    }

    /// The first wave.
    pub(super) fn first_wave(&self) -> Wave {
        self.wave(Signal::Term, self.targets.clone())
    }

    /// Takes in what a tick saw of the agent; `None` where nothing of it is left.
    pub(super) fn advance(
        &mut self,
        at: Boottime,
        agent: Option<&AgentSample>,
        guest: &Guest,
        rate: BytesPerSecond,
    ) -> Progress {
        self.least_room = self.least_room.min(guest.room());
        let living = agent.map(|a| self.living(a)).unwrap_or_default();
        if let Some(agent) = agent.filter(|_| !living.is_empty()) {
            self.peak = self.peak.max(agent.charge.total());
        }
        if living.is_empty() {
            return Progress::Ended(Freed {
                action: self.action,
                decided: self.decided,
                gone: at,
                peak: self.peak,
                least_room: self.least_room,
            });
        }
        match &mut self.phase {
            Phase::Grace { until } => {
                // Looked at afresh each tick: a burst that has ended shortens nothing. A guest that is full before we
                // look again is full now.
                if at < *until && grace(Duration::MAX, guest, rate) > QUICKEST {
                    return Progress::Waiting;
                }
                self.phase = Phase::Killing { first: at, last: at, reached: living.len() };
                let what = What::Killed {
                    action: self.action,
                    remaining: living.len(),
                    after: at.since(self.decided),
                };
                Progress::Send(self.wave(Signal::Kill, living), what)
            }
            Phase::Killing { first, .. } if at.since(*first) >= LONGEST_KILLING => {
                Progress::Failed(Failure::Survivors(living.len()))
            }
            // More than were reached: something of it forked meanwhile.
            Phase::Killing { last, reached, .. }
                if at.since(*last) >= BETWEEN_KILLS || living.len() > *reached =>
            {
                (*last, *reached) = (at, living.len());
                Progress::Again(self.wave(Signal::Kill, living))
            }
            Phase::Killing { reached, .. } => {
                *reached = living.len();
                Progress::Waiting
            }
        }
    }

    /// What of the targets, and of what they started, still lives.
    fn living(&self, agent: &AgentSample) -> Vec<ProcessKey> {
        let doomed = |key: &ProcessKey, lineage: &[ProcessKey]| {
            self.targets.contains(key) || lineage.iter().any(|k| self.targets.contains(k))
        };
        if self.whole {
            return touchable(agent).map(|m| m.key).collect();
        }
        // What is protected below the culprit is spared with all in it; what is above it, as its pane's, is not asked.
        let doomed: Vec<_> = agent.members.iter().filter(|m| doomed(&m.key, &m.lineage)).collect();
        let spared: Vec<ProcessKey> = doomed.iter().filter(|m| m.protected).map(|m| m.key).collect();
        let is_spared = |key: &ProcessKey| spared.contains(key);
        doomed
            .iter()
            .filter(|m| !is_spared(&m.key) && !m.lineage.iter().any(is_spared))
            .map(|m| m.key)
            .collect()
    }

    fn wave(&self, signal: Signal, targets: Vec<ProcessKey>) -> Wave {
        Wave { action: self.action, signal, targets, cgroup: None }
    }
}

/// How long the targets get: the configured grace, less where the guest will be full before, nothing where it is.
pub(super) fn grace(longest: Duration, guest: &Guest, rate: BytesPerSecond) -> Duration {
    if guest.room() == Bytes::ZERO {
        return Duration::ZERO;
    }
    rate.time_to_fill(guest.room()).map_or(longest, |time| time.min(longest))
}
