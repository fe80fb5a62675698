//! One action in progress: `TERM`, grace period, `KILL`, survivors, until all targets have exited.

use std::path::PathBuf;
use std::time::Duration;

use crate::model::event::EventKind;
use crate::model::{
    AgentRef, AgentSample, Boottime, Bytes, BytesPerSecond, Member, ProcessKey, Signal, SystemMemory, Uid,
};

use super::SignalBatch;
use super::agent_state::Cooldown;
use super::kill_target::KillTarget;
use super::poll_interval::MIN_SAMPLE_INTERVAL;
use super::victim::{Choice, touchable, within};

/// Time that a `KILL` may take: a process of 8 GiB needs a second to release its pages.
const KILL_RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// A process that survives the first `KILL` for this long is stuck in the kernel, or not ours to signal.
const KILL_TIMEOUT: Duration = Duration::from_secs(10);

/// The same without allocatable memory: another process may be killable.
const KILL_TIMEOUT_WITHOUT_MEMORY: Duration = Duration::from_secs(3);

/// A forking target is stopped before it is killed, in at most this many rounds. Each finds the forks since the one
/// before, while their parent still shows where they belong.
const MAX_STOP_ROUNDS: u32 = 10;

/// A target is forking if this many of its processes are younger than a second. It is stopped before its `TERM`: a
/// process forked just before the exit of its parent is reparented to process 1.
const MIN_YOUNG_PROCESSES: usize = 5;

/// One action in progress. There is never more than one.
#[derive(Debug)]
pub(super) struct KillSequence {
    pub(super) action: u64,
    pub(super) agent: AgentRef,
    pub(super) target: KillTarget,
    /// Only processes of this user may be signalled; `None`: of all users.
    reach: Option<Uid>,
    pub(super) signal: Signal,
    max_grace: Duration,
    top: ProcessKey,
    /// Its ancestors, nearest first.
    ancestors: Vec<ProcessKey>,
    targets: Vec<ProcessKey>,
    /// Processes that got a `STOP` and no signal after it.
    stopped: Vec<ProcessKey>,
    whole: bool,
    /// The agent's own cgroup at the decision.
    scope: Option<PathBuf>,
    decided: Boottime,
    peak: Bytes,
    lowest_allocatable: Bytes,
    /// The lowest charge of the targets, and since when it has not fallen.
    lowest_charge: Option<(Boottime, Bytes)>,
    phase: Phase,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// `TERM` was sent; `KILL` follows at that time.
    Grace { until: Boottime },
    /// It is forking: `STOP` was sent this many times, to this many processes; then another signal follows.
    Stopping { rounds: u32, reached: usize, then: Signal },
    /// `KILL` was sent: first and last time.
    Killing { first: Boottime, last: Boottime, reached: usize, rounds: u32 },
}

/// The progress of an action in one tick.
pub(super) enum ActionProgress {
    /// Nothing to do but wait.
    Waiting,
    /// Another batch, and its event.
    Send(SignalBatch, Option<EventKind>),
    /// All targets have exited.
    Ended(Cooldown),
    /// It failed: these processes survived their `KILL`.
    Failed(Vec<ProcessKey>),
}

/// The parameters of an action.
pub(super) struct KillSequenceParams<'a> {
    pub(super) action: u64,
    pub(super) at: Boottime,
    pub(super) agent: AgentRef,
    pub(super) target: KillTarget,
    /// The user that requested it; `None`: it frees memory.
    pub(super) by: Option<Uid>,
    pub(super) sample: &'a AgentSample,
    pub(super) guest: &'a SystemMemory,
    pub(super) choice: &'a Choice,
    /// The configured grace period.
    pub(super) max_grace: Duration,
    /// The grace period that the remaining memory allows.
    pub(super) grace: Duration,
}

impl KillSequence {
    pub(super) fn begin(params: KillSequenceParams<'_>) -> Self {
        let KillSequenceParams { action, at, agent, target, by, sample, guest, choice, max_grace, grace } =
            params;
        let top = choice.culprit.top;
        // No process could react in so short a time, and the next tick may be too late.
        let hurried = grace <= MIN_SAMPLE_INTERVAL;
        let reached = choice.targets.len();
        let (signal, phase) = if hurried {
            (Signal::Kill, Phase::Killing { first: at, last: at, reached, rounds: 0 })
        } else if is_forking(at, &choice.targets) {
            (Signal::Stop, Phase::Stopping { rounds: 1, reached, then: Signal::Term })
        } else {
            (Signal::Term, Phase::Grace { until: at + max_grace })
        };
        Self {
            action,
            agent,
            target,
            reach: by,
            signal,
            max_grace,
            top,
            ancestors: sample.member(top).map(|m| m.lineage.clone()).unwrap_or_default(),
            targets: choice.targets.clone(),
            stopped: Vec::new(),
            whole: choice.whole,
            scope: sample.cgroup.as_ref().map(|cgroup| cgroup.path.clone()),
            decided: at,
            peak: sample.charge.total(),
            lowest_allocatable: guest.allocatable(),
            lowest_charge: None,
            phase,
        }
    }

    /// The first batch.
    pub(super) fn first_batch(&mut self, sample: &AgentSample) -> SignalBatch {
        self.batch(self.signal, self.targets.clone(), Some(sample))
    }

    /// Advances with the sample of a tick; `None` if nothing of the agent is left.
    pub(super) fn advance(
        &mut self,
        at: Boottime,
        agent: Option<&AgentSample>,
        guest: &SystemMemory,
        rate: BytesPerSecond,
        in_danger: bool,
    ) -> ActionProgress {
        self.lowest_allocatable = self.lowest_allocatable.min(guest.allocatable());
        let living = agent.map(|a| self.living(a)).unwrap_or_default();
        let Some(agent) = agent.filter(|_| !living.is_empty()) else {
            return ActionProgress::Ended(Cooldown {
                action: self.action,
                decided: self.decided,
                gone: at,
                peak: self.peak,
                lowest_allocatable: self.lowest_allocatable,
                target: self.target.clone(),
            });
        };
        self.peak = self.peak.max(agent.charge.total());
        let stands = self.time_since_release(at, agent, &living);
        let has_forked = |reached: usize| living.len() > reached;
        // Computed again in each tick, so that a burst that is over does not shorten the grace period. A machine that
        // will be full before the next sample counts as full.
        let is_full = grace(Duration::MAX, guest, rate) <= MIN_SAMPLE_INTERVAL;
        match self.phase {
            Phase::Grace { until } if at < until && !is_full => ActionProgress::Waiting,
            Phase::Grace { .. } if !is_full && has_forked(self.targets.len()) => {
                self.stop(0, living, Signal::Kill)
            }
            Phase::Stopping { rounds, reached, then }
                if !is_full && has_forked(reached) && rounds < MAX_STOP_ROUNDS =>
            {
                self.stop(rounds, living, then)
            }
            Phase::Stopping { then: Signal::Term, .. } if !is_full => {
                self.phase = Phase::Grace { until: at + self.max_grace };
                self.targets.clone_from(&living);
                ActionProgress::Send(self.batch(Signal::Term, living, None), None)
            }
            Phase::Grace { .. } | Phase::Stopping { .. } => {
                let (action, remaining, after) = (self.action, living.len(), at.since(self.decided));
                self.phase = Phase::Killing { first: at, last: at, reached: remaining, rounds: 0 };
                let kind = EventKind::Killed { action, remaining, after };
                ActionProgress::Send(self.batch(Signal::Kill, living, Some(agent)), Some(kind))
            }
            Phase::Killing { first, .. } if at.since(first) >= kill_timeout(guest) => {
                ActionProgress::Failed(living)
            }
            // The rest needs another target. A forking target is different: it is followed.
            Phase::Killing { first, reached, rounds: 0, .. }
                if in_danger
                    && !has_forked(reached)
                    && is_futile(stands.min(at.since(first)), guest, rate) =>
            {
                ActionProgress::Failed(living)
            }
            Phase::Killing { rounds, .. } if rounds >= MAX_STOP_ROUNDS && !self.target.names(self.top) => {
                self.escalate_to_parent(at, agent)
            }
            // More than were signalled: some of it forked meanwhile.
            Phase::Killing { first, last, reached, rounds }
                if at.since(last) >= KILL_RETRY_INTERVAL || has_forked(reached) =>
            {
                let rounds = rounds + u32::from(has_forked(reached));
                self.phase = Phase::Killing { first, last: at, reached: living.len(), rounds };
                ActionProgress::Send(self.batch(Signal::Kill, living, Some(agent)), None)
            }
            Phase::Killing { first, last, rounds, .. } => {
                self.phase = Phase::Killing { first, last, reached: living.len(), rounds };
                ActionProgress::Waiting
            }
        }
    }

    /// Time since the targets last released memory.
    fn time_since_release(&mut self, at: Boottime, agent: &AgentSample, living: &[ProcessKey]) -> Duration {
        let charge = agent.members.iter().filter(|m| living.contains(&m.key)).map(|m| m.charge.total()).sum();
        let (since, _) = *self.lowest_charge.insert(match self.lowest_charge {
            Some((since, lowest)) if charge >= lowest => (since, lowest),
            _ => (at, charge),
        });
        at.since(since)
    }

    /// Whether a user requested it.
    pub(super) fn is_requested(&self) -> bool {
        self.reach.is_some()
    }

    /// Ends the grace period: other actions are urgent.
    pub(super) fn end_grace(&mut self, at: Boottime) {
        if let Phase::Grace { until } = &mut self.phase {
            *until = (*until).min(at);
        }
    }

    /// The signal that stopped processes are still to get, if the daemon exits now.
    pub(super) fn finish(&mut self) -> Option<SignalBatch> {
        match self.phase {
            Phase::Stopping { then, .. } => Some(self.batch(then, self.targets.clone(), None)),
            Phase::Grace { .. } | Phase::Killing { .. } => self.release(),
        }
    }

    /// Resumes the stopped processes that get no further signal.
    pub(super) fn release(&mut self) -> Option<SignalBatch> {
        (!self.stopped.is_empty()).then(|| self.batch(Signal::Term, Vec::new(), None))
    }

    /// Whether only `KILL` is left, so that forks must be found soon.
    pub(super) fn is_killing(&self) -> bool {
        !matches!(self.phase, Phase::Grace { .. })
    }

    fn stop(&mut self, rounds: u32, living: Vec<ProcessKey>, then: Signal) -> ActionProgress {
        self.phase = Phase::Stopping { rounds: rounds + 1, reached: living.len(), then };
        self.targets.clone_from(&living);
        ActionProgress::Send(self.batch(Signal::Stop, living, None), None)
    }

    /// Adds the parent of the culprit, up to the whole agent at most.
    fn escalate_to_parent(&mut self, at: Boottime, agent: &AgentSample) -> ActionProgress {
        let next = self.ancestors.iter().position(|key| agent.member(*key).is_some());
        let top = next.map_or(agent.agent.root, |at| self.ancestors[at]);
        let innocent = |m: &Member| m.protected || (m.is_ancestor_of_agent && m.key != top);
        // That would kill something unrelated: then the agent as a whole, which is responsible for all of it.
        let top = if !self.target.names(top) && within(agent, top).any(innocent) {
            self.ancestors.iter().copied().find(|key| self.target.names(*key)).unwrap_or(agent.agent.root)
        } else {
            top
        };
        self.ancestors = self.ancestors.split_off(next.map_or(self.ancestors.len(), |at| at + 1));
        self.top = top;
        self.whole = top == agent.agent.root;
        let inside: Vec<ProcessKey> = within(agent, top).map(|m| m.key).collect();
        self.targets =
            touchable(agent).map(|m| m.key).filter(|key| self.whole || inside.contains(key)).collect();
        self.phase = Phase::Killing { first: at, last: at, reached: self.targets.len(), rounds: 0 };
        let kind = EventKind::Escalated {
            action: self.action,
            culprit: super::victim::named(agent, self.top, self.targets.len()),
            whole: self.target.names(top),
        };
        ActionProgress::Send(self.batch(Signal::Kill, self.targets.clone(), Some(agent)), Some(kind))
    }

    /// Targets and their descendants that are still alive.
    fn living(&self, agent: &AgentSample) -> Vec<ProcessKey> {
        let is_target = |key: &ProcessKey, lineage: &[ProcessKey]| {
            self.targets.contains(key) || lineage.iter().any(|k| self.targets.contains(k))
        };
        if self.whole {
            let reached = |m: &&Member| self.reach.is_none_or(|by| by.may_see(m.uid));
            return touchable(agent).filter(reached).map(|m| m.key).collect();
        }
        // A protected process below the culprit is spared with its descendants. One above it, such as that of its pane,
        // does not matter.
        let remaining: Vec<_> = agent.members.iter().filter(|m| is_target(&m.key, &m.lineage)).collect();
        let spared: Vec<ProcessKey> = remaining.iter().filter(|m| m.protected).map(|m| m.key).collect();
        let is_spared = |key: &ProcessKey| spared.contains(key);
        remaining
            .iter()
            .filter(|m| !is_spared(&m.key) && !m.lineage.iter().any(is_spared))
            .map(|m| m.key)
            .collect()
    }

    fn batch(
        &mut self,
        signal: Signal,
        targets: Vec<ProcessKey>,
        agent: Option<&AgentSample>,
    ) -> SignalBatch {
        let kills_all = self.whole && signal == Signal::Kill;
        let cgroup = agent.filter(|_| kills_all).and_then(|agent| killable_cgroup(agent, &targets));
        let (action, scope) = (self.action, self.scope.clone());
        if signal == Signal::Stop {
            // Not the agent itself: its shell would take the terminal back from it, and never return it.
            let targets: Vec<ProcessKey> =
                targets.into_iter().filter(|key| !self.target.names(*key)).collect();
            self.stopped.extend(
                targets.iter().filter(|key| !self.stopped.contains(key)).copied().collect::<Vec<_>>(),
            );
            return SignalBatch { action, signal, targets, resumed: Vec::new(), cgroup, scope };
        }
        // A process that has become an agent of its own meanwhile gets no signal, and must not stay stopped.
        let resumed =
            std::mem::take(&mut self.stopped).into_iter().filter(|key| !targets.contains(key)).collect();
        SignalBatch { action, signal, targets, resumed, cgroup, scope }
    }
}

fn is_forking(at: Boottime, targets: &[ProcessKey]) -> bool {
    let is_young =
        |key: &&ProcessKey| at.since(Boottime::from_ticks(key.start_ticks)) < Duration::from_secs(1);
    targets.iter().filter(is_young).count() >= MIN_YOUNG_PROCESSES
}

/// Whether memory lasts no longer than a `KILL` has been without effect, which normally shows within a second.
fn is_futile(waited: Duration, guest: &SystemMemory, rate: BytesPerSecond) -> bool {
    let lasts = grace(Duration::MAX, guest, rate);
    waited >= KILL_RETRY_INTERVAL && guest.allocatable() > Bytes::ZERO && lasts <= waited
}

fn kill_timeout(guest: &SystemMemory) -> Duration {
    if guest.allocatable() == Bytes::ZERO { KILL_TIMEOUT_WITHOUT_MEMORY } else { KILL_TIMEOUT }
}

/// The cgroup that may be killed as a whole: the agent is alone in it, and all of it is a target.
fn killable_cgroup(agent: &AgentSample, targets: &[ProcessKey]) -> Option<PathBuf> {
    let all = agent.members.iter().all(|m| targets.contains(&m.key));
    agent.cgroup.as_ref().filter(|cgroup| all && cgroup.alone).map(|cgroup| cgroup.path.clone())
}

/// The grace period: the configured one, less if the machine will be full before, none if it is full.
pub(super) fn grace(max_grace: Duration, guest: &SystemMemory, rate: BytesPerSecond) -> Duration {
    if guest.allocatable() == Bytes::ZERO {
        return Duration::ZERO;
    }
    rate.time_to_fill(guest.allocatable()).map_or(max_grace, |time| time.min(max_grace))
}
