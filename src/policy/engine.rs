//! One step: a snapshot in, signals and tellings out.

mod actions;
mod events;
mod slice_guard;
mod stop_requests;

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::api::status::AgentLevel;
use crate::model::event::Danger;
use crate::model::forecast::ForecastSummary;
use crate::model::{
    AgentRef, AgentSample, Boottime, Bytes, BytesPerSecond, Event, ProcessKey, Signal, Snapshot,
    SystemMemory, Thresholds,
};

use super::Act;
use super::agent_state::AgentState;
use super::guard::Guard;
use super::kill_sequence::{self, KillSequence};
use super::oom_kill_detector::OomKillDetector;
use super::poll_interval::{self, Headroom, Pace, QUICKEST, QUICKEST_GLANCE, SLOWEST};
use super::restart_backoff::Restarts;
use super::unkillable::Unkillable;
use slice_guard::SliceGuard;
use stop_requests::Request;

/// Remembers what decisions need and decides.
#[derive(Debug)]
pub struct Engine {
    thresholds: Thresholds,
    act: Act,
    watches: HashMap<ProcessKey, AgentState>,
    guard: Guard,
    together: SliceGuard,
    losses: OomKillDetector,
    restarts: Restarts,
    /// Who could not be ended.
    stuck: Unkillable,
    ladder: Option<KillSequence>,
    /// Ends that somebody asked for, in the order in which they did.
    requests: Vec<Request>,
    /// When the targets of the last action were gone.
    ended: Option<Boottime>,
    /// A dry run has said whom it would end in this danger.
    said: bool,
    actions: u64,
    outlook: ForecastSummary,
    danger: Option<Danger>,
    pace: Pace,
    last_look: LastLook,
}

/// When all agents were looked at last, and what then asks for the next time.
#[derive(Clone, Copy, Debug, Default)]
struct LastLook {
    at: Boottime,
    due: Boottime,
    used: Bytes,
    leeway: Bytes,
    /// From the nearest charge to its kill threshold.
    to_kill: Option<Bytes>,
}

/// What one snapshot asks for.
#[derive(Debug, Default)]
pub struct Step {
    /// Signals, to be sent before anything else is done.
    pub wave: Option<SignalBatch>,
    /// What to tell, in order, after the signals.
    pub events: Vec<Event>,
    /// How soon to look again.
    pub next: Duration,
}

/// What a look at the guest's memory alone asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryPoll {
    /// A whole snapshot is wanted now.
    pub look: bool,
    /// It is wanted because memory moves, not because it is time.
    pub moved: bool,
    /// Otherwise: how soon to look again.
    pub next: Duration,
}

/// One signal to several processes, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignalBatch {
    /// The action that it belongs to.
    pub action: u64,
    /// Which signal.
    pub signal: Signal,
    /// To whom.
    pub targets: Vec<ProcessKey>,
    /// Who was held, and is to go on instead of getting this signal.
    pub released: Vec<ProcessKey>,
    /// A cgroup that holds nobody else: all in it is to be killed at once, what forks meanwhile included.
    pub cgroup: Option<PathBuf>,
    /// The agent's own cgroup, where it had one: a brake on it is lifted before the first signal.
    pub scope: Option<PathBuf>,
}

impl Engine {
    /// An engine that has seen nothing yet.
    #[must_use]
    pub fn new(thresholds: Thresholds, act: Act) -> Self {
        let mut guard = Guard::default();
        guard.keep(act.reserve);
        Self {
            thresholds,
            act,
            watches: HashMap::new(),
            guard,
            together: SliceGuard::default(),
            losses: OomKillDetector::default(),
            restarts: Restarts::default(),
            stuck: Unkillable::default(),
            ladder: None,
            requests: Vec::new(),
            ended: None,
            said: false,
            actions: 0,
            outlook: ForecastSummary::default(),
            danger: None,
            pace: Pace::default(),
            last_look: LastLook::default(),
        }
    }

    /// The guest cannot fill faster than at `rate`, as was measured just now: looks follow that, with a margin.
    pub fn fills_at(&mut self, rate: BytesPerSecond) {
        self.pace.measured(rate);
    }

    /// Takes up other lines and another way to act; what was seen and what is under way stay. An action that has begun
    /// keeps its grace.
    pub fn reconfigure(&mut self, thresholds: Thresholds, act: Act) {
        self.thresholds = thresholds;
        self.act = act;
        self.guard.keep(act.reserve);
        // What a dry run only said is to be done, or said anew.
        self.said = false;
        self.watches.values_mut().for_each(|watch| watch.said = false);
    }

    /// Takes in what is foretold: it hurries looks, and the grace of an action.
    pub fn foresee(&mut self, outlook: ForecastSummary) {
        self.outlook = outlook;
    }

    /// How fast the guest fills: as seen, or as it did over some minutes where that is a runaway. A burst that pauses for
    /// a tick is one all the same.
    fn drain(&self) -> BytesPerSecond {
        self.guard.fill.now().max(self.outlook.climb)
    }

    /// Whether what the guest has left asks for a whole snapshot. Cheap: it comes before each one.
    pub fn glance(&mut self, at: Boottime, guest: &SystemMemory) -> MemoryPoll {
        self.guard.fill.take(at, guest.used());
        self.pace.seen(self.guard.fill.now());
        let last = &self.last_look;
        let since = at.since(last.at);
        let moved = used(guest).saturating_sub(last.used) >= last.leeway && since >= QUICKEST_GLANCE;
        let moved = moved || (since >= QUICKEST_GLANCE && self.is_urgent(guest, since));
        MemoryPoll { look: moved || at >= last.due, moved, next: self.next_glance(at, guest) }
    }

    /// Whether the guest's memory alone asks for a look.
    fn is_urgent(&self, guest: &SystemMemory, since: Duration) -> bool {
        if self.ladder.is_some() {
            // What is left of the grace is told from the same figures.
            return kill_sequence::grace(Duration::MAX, guest, self.drain()) <= QUICKEST;
        }
        let has_fallen = || used(guest).saturating_sub(self.last_look.used) >= guest.mem_total.share(1, 100);
        self.guard.danger(guest).is_some() && (!self.is_in_vain() || since >= SLOWEST || has_fallen())
    }

    /// The guest is in danger, and something can be done about it.
    fn is_pressing(&self) -> bool {
        self.danger.or(self.together.danger).is_some() && !self.is_in_vain()
    }

    /// A danger in which nobody can be acted on: looking more often does not help, until somebody takes more.
    fn is_in_vain(&self) -> bool {
        self.guard.is_standing() || self.said
    }

    /// Decides what this snapshot asks for. The same history gives the same steps.
    pub fn step(&mut self, snapshot: &Snapshot) -> Step {
        let mut step = Step::default();
        self.guard.fill.take(snapshot.at, snapshot.guest.used());
        self.danger = self.guard.assess(snapshot);
        let slice = self.together.take(snapshot);
        let drain = self.drain();
        self.meet(snapshot, &mut step.events);
        self.losses.take(snapshot, &mut step.events);
        self.cross(snapshot, true, &mut step.events);
        // An action is measured by the same members from its decision until its memory is back.
        if self.ladder.is_none() && !self.watches.values().any(AgentState::is_settling) {
            self.stuck.forget(snapshot.at);
        }
        let within_reach = &*self.stuck.without(snapshot);
        match self.ladder.take() {
            Some(ladder) => self.advance(ladder, snapshot, within_reach, drain, &mut step),
            None => {
                self.begin(snapshot, within_reach, drain, &mut step);
                if let Some(slice) = &slice {
                    self.begin_for_slice(slice, within_reach, drain, &mut step);
                }
                self.begin_requested(snapshot, drain, &mut step);
            }
        }
        self.cool(snapshot, within_reach, &mut step.events);
        self.cross(snapshot, false, &mut step.events);
        self.part(snapshot, within_reach, &mut step.events);
        self.calm_down(snapshot, &mut step.events);
        self.plan(snapshot);
        step.next = self.next_glance(snapshot.at, &snapshot.guest);
        step
    }

    /// The last signals before the supervisor leaves: nobody stays held.
    #[must_use]
    pub fn leave(&mut self) -> Option<SignalBatch> {
        self.ladder.as_mut().and_then(KillSequence::leave)
    }

    /// Where an agent stands.
    #[must_use]
    pub fn level(&self, root: ProcessKey) -> AgentLevel {
        let acting = self.ladder.as_ref().is_some_and(|l| l.agent.root == root);
        match self.watches.get(&root) {
            _ if acting => AgentLevel::Acting,
            Some(watch) if watch.is_settling() => AgentLevel::Acting,
            Some(watch) if watch.warned => AgentLevel::Warned,
            _ => AgentLevel::Ok,
        }
    }

    /// The agent whose action is under way.
    #[must_use]
    pub fn acting_on(&self) -> Option<&AgentRef> {
        self.ladder.as_ref().map(|l| &l.agent)
    }

    /// Whether an action that concerns the agent with that root has begun and is not told to be over yet.
    #[must_use]
    pub fn is_under_way(&self, root: ProcessKey) -> bool {
        let acting = self.ladder.as_ref().is_some_and(|l| l.subject.names(root));
        acting || self.watches.values().any(|watch| watch.is_settling_for(root))
    }

    /// The danger in which the last snapshot showed the guest.
    #[must_use]
    pub fn danger(&self) -> Option<&Danger> {
        self.danger.as_ref()
    }

    /// When to look at every agent again, and how much may happen until then.
    fn plan(&mut self, snapshot: &Snapshot) {
        let mut ways: Vec<Headroom> =
            snapshot.agents.iter().filter_map(|a| self.way(snapshot.at, a)).collect();
        // Who is over its line and waits for something may be acted on when that has come.
        let somebody_waits = ways.len() < snapshot.agents.len();
        ways.extend(self.together.way());
        let settling = self.watches.values().any(AgentState::is_settling);
        let doubted = self.watches.values().any(|w| !w.is_proven);
        let guest = &snapshot.guest;
        let due = match &self.ladder {
            Some(ladder) if ladder.is_killing() => QUICKEST_GLANCE,
            Some(_) => QUICKEST,
            None if settling || doubted || !self.requests.is_empty() => QUICKEST,
            // Whether it is thrashing shows in what is looked at only then.
            None if somebody_waits || guest.mem_available < self.guard.least(guest) => {
                SLOWEST.min(Pace::look(ways.iter().copied()))
            }
            None => Pace::look(ways.iter().copied()).min(poll_interval::foretold(self.outlook.level)),
        };
        self.last_look = LastLook {
            at: snapshot.at,
            due: snapshot.at + due,
            used: used(guest),
            leeway: poll_interval::leeway(ways.iter().copied(), self.thresholds.warn),
            to_kill: ways.iter().map(|w| w.to_kill).min(),
        };
    }

    /// How far an agent is from its lines; `None` where nothing more will be done about it.
    fn way(&self, at: Boottime, sample: &AgentSample) -> Option<Headroom> {
        let charge = sample.charge.total();
        let watch = self.watches.get(&sample.agent.root)?;
        let thresholds = sample.thresholds(self.thresholds);
        let over = charge >= thresholds.kill;
        if over && (watch.is_out_of_reach() || !self.may_act(at, sample)) {
            return None;
        }
        let to = |threshold: Bytes| threshold.saturating_sub(charge);
        let to_kill = to(thresholds.kill);
        Some(Headroom {
            to_kill,
            to_next: if watch.warned || charge >= thresholds.warn { to_kill } else { to(thresholds.warn) },
            is_small: charge < thresholds.warn.share(1, 2),
            rate: watch.rate,
        })
    }

    fn next_glance(&self, at: Boottime, guest: &SystemMemory) -> Duration {
        if self.watches.is_empty() {
            return poll_interval::NOBODY_GLANCE;
        }
        let mut spare = guest.remaining().saturating_sub(self.guard.reserve(guest));
        if guest.swap_headroom < guest.swap_free {
            // How what comes compresses is a guess until memory is full and some of it was stored.
            spare = spare.min(guest.mem_available.saturating_sub(guest.floor()));
        }
        let to_danger = if self.is_in_vain() { QUICKEST } else { self.pace.glance(spare) };
        let moved = used(guest).saturating_sub(self.last_look.used);
        let to_kill =
            self.last_look.to_kill.map_or(SLOWEST, |way| self.pace.glance(way.saturating_sub(moved)));
        let due = self.last_look.due.since(at).max(QUICKEST_GLANCE);
        to_danger.min(to_kill).min(due)
    }
}

/// All that is in use, in memory and in swap.
fn used(guest: &SystemMemory) -> Bytes {
    (guest.mem_total + guest.swap_total).saturating_sub(guest.mem_available + guest.swap_free)
}
