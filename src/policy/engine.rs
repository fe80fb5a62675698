//! One step: a snapshot in, signals and events out.

mod actions;
mod events;
mod slice_guard;
mod stop_requests;

use std::collections::HashMap;
use std::time::Duration;

use crate::api::status::AgentLevel;
use crate::model::event::{Danger, EventKind};
use crate::model::forecast::ForecastSummary;
use crate::model::{
    ActionSettings, AgentRef, AgentSample, Boottime, Bytes, BytesPerSecond, Event, GuardSettings, ProcessKey,
    Snapshot, SystemMemory, Thresholds,
};

use super::agent_state::AgentState;
use super::guard::Guard;
use super::kill_sequence::{self, KillSequence};
use super::oom_kill_detector::OomKillDetector;
use super::poll_interval::{
    self, Headroom, MAX_POLL_INTERVAL, MIN_POLL_INTERVAL, MIN_SAMPLE_INTERVAL, PollIntervals,
};
use super::restart_backoff::RestartBackoffs;
use super::signal_batch::SignalBatch;
use super::unkillable::Unkillable;
use slice_guard::SliceGuard;
use stop_requests::StopRequest;

/// The state between snapshots, and the decisions.
#[derive(Debug)]
pub struct Engine {
    thresholds: Thresholds,
    action: ActionSettings,
    guard_settings: GuardSettings,
    states: HashMap<ProcessKey, AgentState>,
    guard: Guard,
    slice_guard: SliceGuard,
    oom_kill_detector: OomKillDetector,
    restarts: RestartBackoffs,
    /// Processes that survived `KILL`.
    unkillable: Unkillable,
    kill_sequence: Option<KillSequence>,
    /// Requested stops that have not begun, oldest first.
    requests: Vec<StopRequest>,
    /// When the targets of the last action had exited.
    ended: Option<Boottime>,
    /// A dry run has reported its action for this danger.
    dry_run_reported: bool,
    actions: u64,
    forecast: ForecastSummary,
    danger: Option<Danger>,
    poll_intervals: PollIntervals,
    last_sample: LastSample,
}

/// The last sample of all agents, and the triggers of the next one.
#[derive(Clone, Copy, Debug, Default)]
struct LastSample {
    at: Boottime,
    next_sample: Boottime,
    used: Bytes,
    sampling_slack: Bytes,
    /// The smallest distance of an agent from its kill threshold.
    to_kill: Option<Bytes>,
}

/// The outcome of one snapshot.
#[derive(Debug, Default)]
pub struct Step {
    /// To be sent before anything else is done.
    pub signals: Option<SignalBatch>,
    /// The agent with an action in progress after this step.
    pub target: Option<AgentRef>,
    /// In order, to be reported after the signals were sent.
    pub events: Vec<Event>,
    /// Time until the next memory poll.
    pub next_poll: Duration,
}

impl Step {
    /// The events in the order in which they happened: the decision, the `outcome` of its signals, the rest.
    #[must_use]
    pub fn into_events(self, outcome: Option<EventKind>, snapshot: &Snapshot) -> Vec<Event> {
        let Self { target, mut events, .. } = self;
        let (Some(kind), Some(agent)) = (outcome, target) else { return events };
        let sample = snapshot.agents.iter().find(|a| a.agent.root == agent.root);
        let charge = sample.map(|a| a.charge.total()).unwrap_or_default();
        let is_decision = |e: &Event| matches!(e.kind, EventKind::Acted(_) | EventKind::Killed { .. });
        let at = events.iter().position(is_decision).map_or(events.len(), |decision| decision + 1);
        events.insert(at, Event { agent: Some(agent), charge, kind });
        events
    }
}

/// The outcome of a memory poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryPoll {
    /// A full sample is due now.
    pub sample_due: bool,
    /// It is due because memory use changed, not because of its interval.
    pub memory_changed: bool,
    /// Time until the next poll otherwise.
    pub next_poll: Duration,
}

impl Engine {
    /// An engine without any history.
    #[must_use]
    pub fn new(thresholds: Thresholds, action: ActionSettings, guard_settings: GuardSettings) -> Self {
        let mut guard = Guard::default();
        guard.set_reserve(guard_settings.reserve);
        Self {
            thresholds,
            action,
            guard_settings,
            states: HashMap::new(),
            guard,
            slice_guard: SliceGuard::default(),
            oom_kill_detector: OomKillDetector::default(),
            restarts: RestartBackoffs::default(),
            unkillable: Unkillable::default(),
            kill_sequence: None,
            requests: Vec::new(),
            ended: None,
            dry_run_reported: false,
            actions: 0,
            forecast: ForecastSummary::default(),
            danger: None,
            poll_intervals: PollIntervals::default(),
            last_sample: LastSample::default(),
        }
    }

    /// Replaces the thresholds and settings; history and the action in progress stay. That action keeps its grace
    /// period.
    pub fn reconfigure(
        &mut self,
        thresholds: Thresholds,
        action: ActionSettings,
        guard_settings: GuardSettings,
    ) {
        self.thresholds = thresholds;
        self.action = action;
        self.guard_settings = guard_settings;
        self.guard.set_reserve(guard_settings.reserve);
        // A reported dry run may now be executed, or reported again.
        self.dry_run_reported = false;
        self.states.values_mut().for_each(|state| state.dry_run_reported = false);
    }

    /// Sets the forecast: it shortens the sample interval and the grace period.
    pub fn set_forecast(&mut self, forecast: ForecastSummary) {
        self.forecast = forecast;
    }

    /// The current fill rate, or that of the last minutes if those are a runaway: a burst that pauses for one tick
    /// continues.
    fn fill_rate(&self) -> BytesPerSecond {
        self.guard.fill.current().max(self.forecast.climb)
    }

    /// Polls the memory of the machine and decides whether a full sample is due. Cheap: it precedes every sample.
    pub fn poll_memory(&mut self, at: Boottime, guest: &SystemMemory) -> MemoryPoll {
        self.guard.fill.record(at, guest.used());
        self.poll_intervals.observe(self.guard.fill.current());
        let last = &self.last_sample;
        let since = at.since(last.at);
        let memory_changed =
            used(guest).saturating_sub(last.used) >= last.sampling_slack && since >= MIN_POLL_INTERVAL;
        let memory_changed = memory_changed || (since >= MIN_POLL_INTERVAL && self.is_urgent(guest, since));
        MemoryPoll {
            sample_due: memory_changed || at >= last.next_sample,
            memory_changed,
            next_poll: self.next_poll(at, guest),
        }
    }

    /// Whether the memory of the machine alone requires a sample.
    fn is_urgent(&self, guest: &SystemMemory, since: Duration) -> bool {
        if self.kill_sequence.is_some() {
            // These figures also decide the rest of the grace period.
            return kill_sequence::grace(Duration::MAX, guest, self.fill_rate()) <= MIN_SAMPLE_INTERVAL;
        }
        let has_fallen =
            || used(guest).saturating_sub(self.last_sample.used) >= guest.mem_total.share(1, 100);
        self.guard.danger(guest).is_some()
            && (!self.is_futile() || since >= MAX_POLL_INTERVAL || has_fallen())
    }

    /// Whether there is a danger that an action may end.
    fn needs_action(&self) -> bool {
        self.danger.or(self.slice_guard.danger).is_some() && !self.is_futile()
    }

    /// Whether no process can be killed to end the danger: more samples do not help until memory use grows.
    fn is_futile(&self) -> bool {
        self.guard.has_unresolved_danger() || self.dry_run_reported
    }

    /// Decides which actions this snapshot requires. The same history yields the same steps.
    pub fn step(&mut self, snapshot: &Snapshot) -> Step {
        let mut step = Step::default();
        self.guard.fill.record(snapshot.at, snapshot.guest.used());
        self.danger = self.guard.assess(snapshot);
        let slice = self.slice_guard.observe(snapshot);
        let fill_rate = self.fill_rate();
        self.detect_new_agents(snapshot, &mut step.events);
        self.oom_kill_detector.observe(snapshot, &mut step.events);
        self.detect_crossings(snapshot, true, &mut step.events);
        // An action is measured by the same members from its decision until its memory is back.
        if self.kill_sequence.is_none() && !self.states.values().any(AgentState::is_cooling_down) {
            self.unkillable.forget(snapshot.at);
        }
        let killable = &*self.unkillable.without(snapshot);
        match self.kill_sequence.take() {
            Some(kill_sequence) => self.advance(kill_sequence, snapshot, killable, fill_rate, &mut step),
            None => {
                self.begin(snapshot, killable, fill_rate, &mut step);
                if let Some(slice) = &slice {
                    self.begin_for_slice(slice, killable, fill_rate, &mut step);
                }
                self.begin_requested(snapshot, fill_rate, &mut step);
            }
        }
        self.finish_cooldowns(snapshot, killable, &mut step.events);
        self.detect_crossings(snapshot, false, &mut step.events);
        self.detect_exits(snapshot, killable, &mut step.events);
        self.detect_recovery(snapshot, &mut step.events);
        self.schedule_next_sample(snapshot);
        step.target = self.action_target().cloned();
        step.next_poll = self.next_poll(snapshot.at, &snapshot.guest);
        step
    }

    /// The last signals before the daemon exits, so that no process stays stopped.
    #[must_use]
    pub fn finish(&mut self) -> Option<SignalBatch> {
        self.kill_sequence.as_mut().and_then(KillSequence::finish)
    }

    /// The level of an agent.
    #[must_use]
    pub fn level(&self, root: ProcessKey) -> AgentLevel {
        let acting = self.kill_sequence.as_ref().is_some_and(|l| l.agent.root == root);
        match self.states.get(&root) {
            _ if acting => AgentLevel::Acting,
            Some(state) if state.is_cooling_down() => AgentLevel::Acting,
            Some(state) if state.warned => AgentLevel::Warned,
            _ => AgentLevel::Ok,
        }
    }

    /// The agent with an action in progress.
    #[must_use]
    pub fn action_target(&self) -> Option<&AgentRef> {
        self.kill_sequence.as_ref().map(|l| &l.agent)
    }

    /// Whether an action on the agent with this root is in progress, or its memory is not back yet.
    #[must_use]
    pub fn is_action_in_progress(&self, root: ProcessKey) -> bool {
        let acting = self.kill_sequence.as_ref().is_some_and(|l| l.target.names(root));
        acting || self.states.values().any(|state| state.is_cooling_down_for(root))
    }

    /// The danger found in the last snapshot.
    #[must_use]
    pub fn danger(&self) -> Option<&Danger> {
        self.danger.as_ref()
    }

    /// Sets when the next sample is due, and how much memory use may change until then.
    fn schedule_next_sample(&mut self, snapshot: &Snapshot) {
        let mut headrooms: Vec<Headroom> =
            snapshot.agents.iter().filter_map(|a| self.headroom(snapshot.at, a)).collect();
        // An agent over its threshold that must wait may be killable at the next sample.
        let is_any_waiting = headrooms.len() < snapshot.agents.len();
        headrooms.extend(self.slice_guard.headroom());
        let is_settling = self.states.values().any(AgentState::is_cooling_down);
        let is_unverified = self.states.values().any(|w| !w.is_verified);
        let guest = &snapshot.guest;
        let next_sample = match &self.kill_sequence {
            Some(kill_sequence) if kill_sequence.is_killing() => MIN_POLL_INTERVAL,
            Some(_) => MIN_SAMPLE_INTERVAL,
            None if is_settling || is_unverified || !self.requests.is_empty() => MIN_SAMPLE_INTERVAL,
            // Thrashing is detected from full samples only.
            None if is_any_waiting || guest.mem_available < self.guard.least(guest) => {
                MAX_POLL_INTERVAL.min(PollIntervals::until_sample(headrooms.iter().copied()))
            }
            None => PollIntervals::until_sample(headrooms.iter().copied())
                .min(poll_interval::max_sample_interval(self.forecast.level)),
        };
        self.last_sample = LastSample {
            at: snapshot.at,
            next_sample: snapshot.at + next_sample,
            used: used(guest),
            sampling_slack: poll_interval::sampling_slack(headrooms.iter().copied(), self.thresholds.warn),
            to_kill: headrooms.iter().map(|w| w.to_kill).min(),
        };
    }

    /// The distance of an agent from its thresholds; `None` if no further action on it is possible.
    fn headroom(&self, at: Boottime, sample: &AgentSample) -> Option<Headroom> {
        let charge = sample.charge.total();
        let state = self.states.get(&sample.agent.root)?;
        let thresholds = sample.thresholds(self.thresholds);
        let over = charge >= thresholds.kill;
        if over && (state.is_unkillable() || !self.can_act(at, sample)) {
            return None;
        }
        let to = |threshold: Bytes| threshold.saturating_sub(charge);
        let to_kill = to(thresholds.kill);
        Some(Headroom {
            to_kill,
            to_next: if state.warned || charge >= thresholds.warn { to_kill } else { to(thresholds.warn) },
            is_small: charge < thresholds.warn.share(1, 2),
            rate: state.rate,
        })
    }

    fn next_poll(&self, at: Boottime, guest: &SystemMemory) -> Duration {
        if self.states.is_empty() {
            return poll_interval::POLL_INTERVAL_WITHOUT_AGENTS;
        }
        let mut spare = guest.remaining().saturating_sub(self.guard.reserve(guest));
        if guest.swap_headroom < guest.swap_free {
            // The compression ratio of zram is unknown until memory is full and some of it was compressed.
            spare = spare.min(guest.mem_available.saturating_sub(guest.floor()));
        }
        let to_danger =
            if self.is_futile() { MIN_SAMPLE_INTERVAL } else { self.poll_intervals.until_poll(spare) };
        let used_since = used(guest).saturating_sub(self.last_sample.used);
        let to_kill = self.last_sample.to_kill.map_or(MAX_POLL_INTERVAL, |headroom| {
            self.poll_intervals.until_poll(headroom.saturating_sub(used_since))
        });
        let next_sample = self.last_sample.next_sample.since(at).max(MIN_POLL_INTERVAL);
        to_danger.min(to_kill).min(next_sample)
    }
}

/// Memory and swap in use.
fn used(guest: &SystemMemory) -> Bytes {
    (guest.mem_total + guest.swap_total).saturating_sub(guest.mem_available + guest.swap_free)
}
