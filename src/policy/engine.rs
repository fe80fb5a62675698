//! One step: a snapshot in, signals and tellings out.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::model::event::{Cause, Decision, Failure, What};
use crate::model::status::AgentLevel;
use crate::model::{
    AgentRef, AgentSample, Boottime, Bytes, BytesPerSecond, Event, Guest, Lines, ProcessKey, Signal, Snapshot,
};

use super::culprit::choose;
use super::ladder::{self, Ladder, Progress};
use super::watch::{Cooldown, Crossing, Freed, Watch};
use super::{Act, pace};

/// Remembers what decisions need and decides.
#[derive(Debug)]
pub struct Engine {
    lines: Lines,
    act: Act,
    watches: HashMap<ProcessKey, Watch>,
    ladder: Option<Ladder>,
    actions: u64,
    room: Option<(Boottime, Bytes)>,
}

/// What one snapshot asks for.
#[derive(Debug, Default)]
pub struct Step {
    /// Signals, to be sent before anything else is done.
    pub wave: Option<Wave>,
    /// What to tell, in order, after the signals.
    pub events: Vec<Event>,
    /// How soon to look again.
    pub next: Duration,
}

/// What a look at the guest's memory alone asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Glance {
    /// A whole snapshot is wanted now.
    pub look: bool,
    /// Otherwise: how soon to look again.
    pub next: Duration,
}

/// One signal to several processes, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wave {
    /// The action that it belongs to.
    pub action: u64,
    /// Which signal.
    pub signal: Signal,
    /// To whom.
    pub targets: Vec<ProcessKey>,
    /// A cgroup that holds nobody else: all in it is to be killed at once, what forks meanwhile included.
    pub cgroup: Option<PathBuf>,
}

impl Engine {
    /// An engine that has seen nothing yet.
    #[must_use]
    pub fn new(lines: Lines, act: Act) -> Self {
        Self { lines, act, watches: HashMap::new(), ladder: None, actions: 0, room: None }
    }

    /// Whether what the guest has left asks for a whole snapshot. Cheap: it comes before each one.
    pub fn glance(&mut self, _at: Boottime, _guest: &Guest) -> Glance {
        Glance { look: true, next: pace::QUICKEST }
    }

    /// Decides what this snapshot asks for. The same history gives the same steps.
    pub fn step(&mut self, snapshot: &Snapshot) -> Step {
        let mut step = Step::default();
        let drain = self.drain(snapshot);
        self.meet(snapshot, &mut step.events);
        self.cross(snapshot, true, &mut step.events);
        match self.ladder.take() {
            Some(ladder) => self.advance(ladder, snapshot, drain, &mut step),
            None => self.begin(snapshot, drain, &mut step),
        }
        self.cool(snapshot, &mut step.events);
        self.cross(snapshot, false, &mut step.events);
        self.part(snapshot, &mut step.events);
        step.next = self.pace(snapshot);
        step
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

    /// How fast the guest loses room, whoever takes it.
    fn drain(&mut self, snapshot: &Snapshot) -> BytesPerSecond {
        let room = snapshot.guest.room();
        let before = self.room.replace((snapshot.at, room));
        before.map_or(BytesPerSecond::default(), |(at, last)| {
            BytesPerSecond::growth(room, last, snapshot.at.since(at))
        })
    }

    fn meet(&mut self, snapshot: &Snapshot, events: &mut Vec<Event>) {
        for sample in &snapshot.agents {
            let charge = sample.charge.total();
            let watch = self.watches.entry(sample.agent.root).or_insert_with(|| {
                events.push(event(sample, What::Found));
                Watch::new(sample.agent.clone(), snapshot.at, charge)
            });
            watch.update(snapshot.at, charge, self.lines);
            watch.doubt(snapshot.at, sample, self.lines, &snapshot.guest);
        }
    }

    /// Tells of crossings: those upwards before an action, so that a warning never follows its own act.
    fn cross(&mut self, snapshot: &Snapshot, up: bool, events: &mut Vec<Event>) {
        let line = self.lines.warn;
        let acting = self.ladder.as_ref().map(|l| l.agent.root);
        for sample in &snapshot.agents {
            let root = sample.agent.root;
            let Some(watch) = self.watches.get_mut(&root) else { continue };
            // Nor does an agent recover before its action is told to have ended.
            if watch.warned == up || (!up && (acting == Some(root) || watch.is_settling())) {
                continue;
            }
            match watch.crossing(self.lines) {
                Some(Crossing::Up) => events.push(event(sample, What::Warned { line })),
                Some(Crossing::Down) => events.push(event(sample, What::Recovered { line })),
                None => {}
            }
        }
    }

    /// Begins an action on the agent furthest over its line, where there is one.
    fn begin(&mut self, snapshot: &Snapshot, drain: BytesPerSecond, step: &mut Step) {
        let over = snapshot.agents.iter().filter(|a| self.may_act(a)).max_by_key(|a| a.charge.total());
        let Some(agent) = over else { return };
        self.actions += 1;
        let shortfall = agent.charge.total().saturating_sub(self.lines.warn);
        let choice = choose(agent, shortfall);
        let Some(watch) = self.watches.get_mut(&agent.agent.root) else { return };
        if choice.targets.is_empty() {
            watch.fail(snapshot.at);
            step.events.push(event(agent, What::Failed { action: self.actions, why: Failure::Protected }));
            return;
        }
        let grace = ladder::grace(self.act.grace, &snapshot.guest, watch.rate.max(drain));
        let ladder =
            Ladder::begin(self.actions, snapshot.at, agent, &snapshot.guest, &choice, self.act.grace);
        step.events.push(event(
            agent,
            What::Acted(Decision {
                action: self.actions,
                cause: Cause::Line,
                agents: 1,
                signal: Signal::Term,
                line: self.lines.kill,
                shortfall,
                processes: choice.targets.len(),
                culprit: choice.culprit,
                whole: choice.whole,
                grace,
                dry_run: self.act.dry_run,
            }),
        ));
        if self.act.dry_run {
            watch.said = true;
        } else {
            step.wave = Some(ladder.first_wave());
            self.ladder = Some(ladder);
        }
    }

    fn may_act(&self, agent: &AgentSample) -> bool {
        let over = |w: &Watch| !w.said && w.cooldown.is_none() && w.is_proven;
        agent.charge.total() >= self.lines.kill && self.watches.get(&agent.agent.root).is_some_and(over)
    }

    fn advance(&mut self, mut ladder: Ladder, snapshot: &Snapshot, drain: BytesPerSecond, step: &mut Step) {
        let root = ladder.agent.root;
        let agent = snapshot.agents.iter().find(|a| a.agent.root == root);
        let rate = self.watches.get(&root).map(|w| w.rate).unwrap_or_default().max(drain);
        let charge = agent.map(|a| a.charge.total()).unwrap_or_default();
        let acted_on = ladder.agent.clone();
        let tell = |what| Event { agent: Some(acted_on), charge, what };
        match ladder.advance(snapshot.at, agent, &snapshot.guest, rate) {
            Progress::Waiting => {}
            Progress::Again(wave) => step.wave = Some(wave),
            Progress::Send(wave, what) => {
                step.wave = Some(wave);
                step.events.push(tell(what));
            }
            Progress::Ended(freed) => {
                if let Some(watch) = self.watches.get_mut(&root) {
                    watch.cooldown = Some(Cooldown::Freed(freed));
                }
                return;
            }
            Progress::Failed(why) => {
                step.events.push(tell(What::Failed { action: ladder.action, why }));
                if let Some(watch) = self.watches.get_mut(&root) {
                    watch.fail(snapshot.at);
                }
                return;
            }
        }
        self.ladder = Some(ladder);
    }

    /// Tells of actions whose memory is back, and lets their agents be acted on again.
    fn cool(&mut self, snapshot: &Snapshot, events: &mut Vec<Event>) {
        for sample in &snapshot.agents {
            let Some(watch) = self.watches.get_mut(&sample.agent.root) else { continue };
            if let Some((freed, back)) = watch.cool(snapshot.at, &snapshot.guest) {
                events.push(event(sample, ended(freed, sample.charge.total(), back, snapshot.at)));
            }
        }
    }

    /// Takes leave of agents of which nothing is left.
    fn part(&mut self, snapshot: &Snapshot, events: &mut Vec<Event>) {
        let present = |root: ProcessKey| snapshot.agents.iter().any(|a| a.agent.root == root);
        let acting = self.ladder.as_ref().map(|l| l.agent.root);
        self.watches.retain(|root, watch| {
            if present(*root) || acting == Some(*root) {
                return true;
            }
            let agent = watch.agent.clone();
            let tell = |what| Event { agent: Some(agent.clone()), charge: Bytes::ZERO, what };
            if let Some(Cooldown::Freed(freed)) = watch.cooldown {
                // A whole agent was ended: it stays until its memory is back.
                watch.update(snapshot.at, Bytes::ZERO, self.lines);
                let Some((_, back)) = watch.cool(snapshot.at, &snapshot.guest) else { return true };
                events.push(tell(ended(freed, Bytes::ZERO, back, snapshot.at)));
            }
            events.push(tell(What::Gone));
            false
        });
    }

    fn pace(&self, snapshot: &Snapshot) -> Duration {
        if self.ladder.is_some() || self.watches.values().any(Watch::is_settling) {
            return pace::QUICKEST;
        }
        let doubted = |a: &AgentSample| self.watches.get(&a.agent.root).is_some_and(|w| !w.is_proven);
        pace::interval(snapshot, self.lines, |a| {
            !self.may_act(a) && !doubted(a) && a.charge.total() >= self.lines.kill
        })
    }
}

fn event(sample: &AgentSample, what: What) -> Event {
    Event { agent: Some(sample.agent.clone()), charge: sample.charge.total(), what }
}

fn ended(freed: Freed, charge: Bytes, back: bool, at: Boottime) -> What {
    What::Ended {
        action: freed.action,
        freed: freed.peak.saturating_sub(charge),
        peak: freed.peak,
        after: at.since(freed.decided),
        back,
    }
}
