//! One action under way: `TERM`, a grace, `KILL`, survivors, until nothing of it is left.

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

/// How long a `KILL` may take to show: a process of 8 GiB takes a second to give its pages back.
const KILL_RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Who still lives this long after the first `KILL` is stuck in the kernel or beyond our rights.
const KILL_TIMEOUT: Duration = Duration::from_secs(10);

/// The same in a guest that is full: there may be another who can be ended.
const KILL_TIMEOUT_WITHOUT_MEMORY: Duration = Duration::from_secs(3);

/// What forks is held before it is killed, in so many rounds at the most. Each finds what forked since the one before,
/// while its parent is still there to tell whose it is.
const MAX_STOP_ROUNDS: u32 = 10;

/// A target forks if so many of its processes are younger than a second. It is held before its `TERM` already: what a
/// process forked just before it ends hangs below process 1.
const MIN_YOUNG_PROCESSES: usize = 5;

/// One action under way. There is never more than one.
#[derive(Debug)]
pub(super) struct KillSequence {
    pub(super) action: u64,
    pub(super) agent: AgentRef,
    pub(super) target: KillTarget,
    /// Whose processes it may reach; `None`: everybody's.
    reach: Option<Uid>,
    pub(super) signal: Signal,
    max_grace: Duration,
    top: ProcessKey,
    /// What it descends from, nearest first.
    ancestors: Vec<ProcessKey>,
    targets: Vec<ProcessKey>,
    /// Who got a `STOP` and nothing after it.
    stopped: Vec<ProcessKey>,
    whole: bool,
    /// The agent's own cgroup when it was decided.
    scope: Option<PathBuf>,
    decided: Boottime,
    peak: Bytes,
    least_room: Bytes,
    /// The least that its targets held, and since when they hold no less.
    lowest_charge: Option<(Boottime, Bytes)>,
    phase: Phase,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// `TERM` went out; `KILL` follows at that moment.
    Grace { until: Boottime },
    /// It forks: `STOP` went out so often, to so many; then follows another signal.
    Stopping { rounds: u32, reached: usize, then: Signal },
    /// `KILL` went out: first and last.
    Killing { first: Boottime, last: Boottime, reached: usize, rounds: u32 },
}

/// What a tick brought for the action under way.
pub(super) enum Progress {
    /// Nothing to do but wait.
    Waiting,
    /// Another wave, and what is to be told of it.
    Send(SignalBatch, Option<EventKind>),
    /// All are gone.
    Ended(Cooldown),
    /// It cannot be brought to an end: these have outlived their `KILL`.
    Failed(Vec<ProcessKey>),
}

/// What an action is begun with.
pub(super) struct KillSequenceParams<'a> {
    pub(super) action: u64,
    pub(super) at: Boottime,
    pub(super) agent: AgentRef,
    pub(super) target: KillTarget,
    /// Who asked for it; `None`: it is for the sake of memory.
    pub(super) by: Option<Uid>,
    pub(super) sample: &'a AgentSample,
    pub(super) guest: &'a SystemMemory,
    pub(super) choice: &'a Choice,
    /// The configured one.
    pub(super) max_grace: Duration,
    /// The one that there is time for.
    pub(super) grace: Duration,
}

impl KillSequence {
    pub(super) fn begin(params: KillSequenceParams<'_>) -> Self {
        let KillSequenceParams { action, at, agent, target, by, sample, guest, choice, max_grace, grace } =
            params;
        let top = choice.culprit.top;
        // Nobody could do anything in so short a time, and the next tick may be too late.
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
            least_room: guest.allocatable(),
            lowest_charge: None,
            phase,
        }
    }

    /// The first wave.
    pub(super) fn first_batch(&mut self, sample: &AgentSample) -> SignalBatch {
        self.batch(self.signal, self.targets.clone(), Some(sample))
    }

    /// Takes in what a tick saw of the agent; `None` where nothing of it is left.
    pub(super) fn advance(
        &mut self,
        at: Boottime,
        agent: Option<&AgentSample>,
        guest: &SystemMemory,
        rate: BytesPerSecond,
        in_danger: bool,
    ) -> Progress {
        self.least_room = self.least_room.min(guest.allocatable());
        let living = agent.map(|a| self.living(a)).unwrap_or_default();
        let Some(agent) = agent.filter(|_| !living.is_empty()) else {
            return Progress::Ended(Cooldown {
                action: self.action,
                decided: self.decided,
                gone: at,
                peak: self.peak,
                least_room: self.least_room,
                target: self.target.clone(),
            });
        };
        self.peak = self.peak.max(agent.charge.total());
        let stands = self.time_since_release(at, agent, &living);
        let has_forked = |reached: usize| living.len() > reached;
        // Looked at afresh each tick: a burst that has ended shortens nothing. A guest that is full before we look again
        // is full now.
        let is_full = grace(Duration::MAX, guest, rate) <= MIN_SAMPLE_INTERVAL;
        match self.phase {
            Phase::Grace { until } if at < until && !is_full => Progress::Waiting,
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
                Progress::Send(self.batch(Signal::Term, living, None), None)
            }
            Phase::Grace { .. } | Phase::Stopping { .. } => {
                let (action, remaining, after) = (self.action, living.len(), at.since(self.decided));
                self.phase = Phase::Killing { first: at, last: at, reached: remaining, rounds: 0 };
                let kind = EventKind::Killed { action, remaining, after };
                Progress::Send(self.batch(Signal::Kill, living, Some(agent)), Some(kind))
            }
            Phase::Killing { first, .. } if at.since(first) >= kill_timeout(guest) => {
                Progress::Failed(living)
            }
            // What is left is for another. What forks is another matter: it is followed.
            Phase::Killing { first, reached, rounds: 0, .. }
                if in_danger
                    && !has_forked(reached)
                    && is_futile(stands.min(at.since(first)), guest, rate) =>
            {
                Progress::Failed(living)
            }
            Phase::Killing { rounds, .. } if rounds >= MAX_STOP_ROUNDS && !self.target.names(self.top) => {
                self.escalate_to_parent(at, agent)
            }
            // More than were reached: something of it forked meanwhile.
            Phase::Killing { first, last, reached, rounds }
                if at.since(last) >= KILL_RETRY_INTERVAL || has_forked(reached) =>
            {
                let rounds = rounds + u32::from(has_forked(reached));
                self.phase = Phase::Killing { first, last: at, reached: living.len(), rounds };
                Progress::Send(self.batch(Signal::Kill, living, Some(agent)), None)
            }
            Phase::Killing { first, last, rounds, .. } => {
                self.phase = Phase::Killing { first, last, reached: living.len(), rounds };
                Progress::Waiting
            }
        }
    }

    /// For how long the targets have given nothing back.
    fn time_since_release(&mut self, at: Boottime, agent: &AgentSample, living: &[ProcessKey]) -> Duration {
        let charge = agent.members.iter().filter(|m| living.contains(&m.key)).map(|m| m.charge.total()).sum();
        let (since, _) = *self.lowest_charge.insert(match self.lowest_charge {
            Some((since, lowest)) if charge >= lowest => (since, lowest),
            _ => (at, charge),
        });
        at.since(since)
    }

    /// Whether somebody asked for it.
    pub(super) fn is_requested(&self) -> bool {
        self.reach.is_some()
    }

    /// Nobody is left any time: others wait for their turn who have none.
    pub(super) fn end_grace(&mut self, at: Boottime) {
        if let Phase::Grace { until } = &mut self.phase {
            *until = (*until).min(at);
        }
    }

    /// What is owed to those that are held when nobody goes on: the signal that was to follow.
    pub(super) fn finish(&mut self) -> Option<SignalBatch> {
        match self.phase {
            Phase::Stopping { then, .. } => Some(self.batch(then, self.targets.clone(), None)),
            Phase::Grace { .. } | Phase::Killing { .. } => self.release(),
        }
    }

    /// Lets go whom nothing more will be sent.
    pub(super) fn release(&mut self) -> Option<SignalBatch> {
        (!self.stopped.is_empty()).then(|| self.batch(Signal::Term, Vec::new(), None))
    }

    /// Whether only `KILL` is left, and what is new is to be seen soon.
    pub(super) fn is_killing(&self) -> bool {
        !matches!(self.phase, Phase::Grace { .. })
    }

    fn stop(&mut self, rounds: u32, living: Vec<ProcessKey>, then: Signal) -> Progress {
        self.phase = Phase::Stopping { rounds: rounds + 1, reached: living.len(), then };
        self.targets.clone_from(&living);
        Progress::Send(self.batch(Signal::Stop, living, None), None)
    }

    /// Takes what started the culprit into it, up to the whole agent that it belongs to and no further.
    fn escalate_to_parent(&mut self, at: Boottime, agent: &AgentSample) -> Progress {
        let next = self.ancestors.iter().position(|key| agent.member(*key).is_some());
        let top = next.map_or(agent.agent.root, |at| self.ancestors[at]);
        let innocent = |m: &Member| m.protected || (m.is_ancestor_of_agent && m.key != top);
        // With it something else would go: then the agent, which is at fault for all of it.
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
        Progress::Send(self.batch(Signal::Kill, self.targets.clone(), Some(agent)), Some(kind))
    }

    /// What of the targets, and of what they started, still lives.
    fn living(&self, agent: &AgentSample) -> Vec<ProcessKey> {
        let is_target = |key: &ProcessKey, lineage: &[ProcessKey]| {
            self.targets.contains(key) || lineage.iter().any(|k| self.targets.contains(k))
        };
        if self.whole {
            let reached = |m: &&Member| self.reach.is_none_or(|by| by.may_see(m.uid));
            return touchable(agent).filter(reached).map(|m| m.key).collect();
        }
        // What is protected below the culprit is spared with all in it; what is above it, as its pane's, is not asked.
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
            return SignalBatch { action, signal, targets, released: Vec::new(), cgroup, scope };
        }
        // One that has become somebody else meanwhile, an agent of its own, gets no signal and is not to stay held.
        let released =
            std::mem::take(&mut self.stopped).into_iter().filter(|key| !targets.contains(key)).collect();
        SignalBatch { action, signal, targets, released, cgroup, scope }
    }
}

fn is_forking(at: Boottime, targets: &[ProcessKey]) -> bool {
    let is_young =
        |key: &&ProcessKey| at.since(Boottime::from_ticks(key.start_ticks)) < Duration::from_secs(1);
    targets.iter().filter(is_young).count() >= MIN_YOUNG_PROCESSES
}

/// Whether what is left lasts no longer than a `KILL` has shown nothing, which it does within a second.
fn is_futile(waited: Duration, guest: &SystemMemory, rate: BytesPerSecond) -> bool {
    let lasts = grace(Duration::MAX, guest, rate);
    waited >= KILL_RETRY_INTERVAL && guest.allocatable() > Bytes::ZERO && lasts <= waited
}

fn kill_timeout(guest: &SystemMemory) -> Duration {
    if guest.allocatable() == Bytes::ZERO { KILL_TIMEOUT_WITHOUT_MEMORY } else { KILL_TIMEOUT }
}

/// The cgroup that may be killed as a whole: the agent lives alone there, and all of it is to end.
fn killable_cgroup(agent: &AgentSample, targets: &[ProcessKey]) -> Option<PathBuf> {
    let all = agent.members.iter().all(|m| targets.contains(&m.key));
    agent.cgroup.as_ref().filter(|cgroup| all && cgroup.alone).map(|cgroup| cgroup.path.clone())
}

/// How long the targets get: the configured grace, less where the guest will be full before, nothing where it is.
pub(super) fn grace(max_grace: Duration, guest: &SystemMemory, rate: BytesPerSecond) -> Duration {
    if guest.allocatable() == Bytes::ZERO {
        return Duration::ZERO;
    }
    rate.time_to_fill(guest.allocatable()).map_or(max_grace, |time| time.min(max_grace))
}
