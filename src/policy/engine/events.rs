//! What is told besides actions: who came and went, who crossed a line, whose memory is back.

use crate::model::event::EventKind;
use crate::model::{AgentSample, Boottime, Bytes, Event, ProcessKey, Snapshot};

use super::Engine;
use crate::policy::agent_state::{AgentState, Crossing, Freed};

impl Engine {
    pub(super) fn meet(&mut self, snapshot: &Snapshot, events: &mut Vec<Event>) {
        for sample in &snapshot.agents {
            let charge = sample.charge.total();
            let watch = self.watches.entry(sample.agent.root).or_insert_with(|| {
                events.push(event(sample, EventKind::Found));
                AgentState::new(sample.agent.clone(), snapshot.at, charge)
            });
            if watch.agent != sample.agent {
                watch.agent.clone_from(&sample.agent);
            }
            let thresholds = sample.thresholds(self.thresholds);
            watch.update(snapshot.at, charge, thresholds);
            watch.doubt(snapshot.at, sample, thresholds, &snapshot.guest);
        }
    }

    /// Tells of crossings: those upwards before an action, so that a warning never follows its own act.
    pub(super) fn cross(&mut self, snapshot: &Snapshot, up: bool, events: &mut Vec<Event>) {
        let acting = self.ladder.as_ref().map(|l| l.agent.root);
        for sample in &snapshot.agents {
            let root = sample.agent.root;
            let Some(watch) = self.watches.get_mut(&root) else { continue };
            // Nor does an agent recover before its action is told to have ended.
            if watch.warned == up || (!up && (acting == Some(root) || watch.is_settling())) {
                continue;
            }
            let thresholds = sample.thresholds(self.thresholds);
            let threshold = thresholds.warn;
            match watch.crossing(thresholds) {
                Some(Crossing::Up) => events.push(event(sample, EventKind::Warned { threshold })),
                Some(Crossing::Down) => events.push(event(sample, EventKind::Recovered { threshold })),
                None => {}
            }
        }
    }

    /// Tells of actions whose memory is back, and lets their agents be acted on again.
    pub(super) fn cool(&mut self, snapshot: &Snapshot, within_reach: &Snapshot, events: &mut Vec<Event>) {
        for sample in &snapshot.agents {
            let Some(watch) = self.watches.get_mut(&sample.agent.root) else { continue };
            let charge = left_of(watch, within_reach);
            if let Some((freed, back)) = watch.cool(snapshot.at, &snapshot.guest, charge) {
                events.push(event(sample, ended(&freed, charge, back, snapshot.at)));
            }
        }
    }

    /// Takes leave of agents of which nothing is left.
    pub(super) fn part(&mut self, snapshot: &Snapshot, within_reach: &Snapshot, events: &mut Vec<Event>) {
        let present = |root: ProcessKey| snapshot.agents.iter().any(|a| a.agent.root == root);
        let acting = self.ladder.as_ref().map(|l| l.agent.root);
        self.watches.retain(|root, watch| {
            if present(*root) || acting == Some(*root) {
                return true;
            }
            let agent = watch.agent.clone();
            let tell = |kind| Event { agent: Some(agent.clone()), charge: Bytes::ZERO, kind };
            if watch.is_settling() {
                // A whole agent was ended: it stays until its memory is back.
                watch.update(snapshot.at, Bytes::ZERO, self.thresholds);
                let charge = left_of(watch, within_reach);
                let Some((freed, back)) = watch.cool(snapshot.at, &snapshot.guest, charge) else {
                    return true;
                };
                events.push(tell(ended(&freed, charge, back, snapshot.at)));
            }
            events.push(tell(EventKind::Gone));
            false
        });
    }

    /// Tells that a danger is over of which it was told that nobody is acted on.
    pub(super) fn calm_down(&mut self, snapshot: &Snapshot, events: &mut Vec<Event>) {
        if self.danger.or(self.together.danger).is_none() {
            self.said = false;
        }
        if self.guard.is_over(&snapshot.guest) {
            let charge = snapshot.agents.iter().map(|a| a.charge.total()).sum();
            events.push(Event {
                agent: None,
                charge,
                kind: EventKind::GuestSafe { left: snapshot.guest.remaining() },
            });
        }
    }
}

/// What is left of what the last action on an agent was about.
fn left_of(watch: &AgentState, snapshot: &Snapshot) -> Bytes {
    match &watch.cooldown {
        Some(freed) => freed.subject.seen(snapshot).map(|s| s.charge.total()).unwrap_or_default(),
        None => watch.charge(),
    }
}

pub(super) fn event(sample: &AgentSample, kind: EventKind) -> Event {
    Event { agent: Some(sample.agent.clone()), charge: sample.charge.total(), kind }
}

fn ended(freed: &Freed, charge: Bytes, back: bool, at: Boottime) -> EventKind {
    EventKind::Ended {
        action: freed.action,
        freed: freed.peak.saturating_sub(charge),
        peak: freed.peak,
        after: at.since(freed.decided),
        back,
    }
}
