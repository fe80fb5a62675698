//! What is told besides actions: who came and went, who crossed a line, whose memory is back.

use crate::model::event::EventKind;
use crate::model::{AgentSample, Boottime, Bytes, Event, ProcessKey, Snapshot};

use super::Engine;
use crate::policy::agent_state::{AgentState, Cooldown, Crossing};

impl Engine {
    pub(super) fn detect_new_agents(&mut self, snapshot: &Snapshot, events: &mut Vec<Event>) {
        for sample in &snapshot.agents {
            let charge = sample.charge.total();
            let state = self.states.entry(sample.agent.root).or_insert_with(|| {
                events.push(event(sample, EventKind::Found));
                AgentState::new(sample.agent.clone(), snapshot.at, charge)
            });
            if state.agent != sample.agent {
                state.agent.clone_from(&sample.agent);
            }
            let thresholds = sample.thresholds(self.thresholds);
            state.update(snapshot.at, charge, thresholds);
            state.verify_charge(snapshot.at, sample, thresholds, &snapshot.guest);
        }
    }

    /// Tells of crossings: those upwards before an action, so that a warning never follows its own act.
    pub(super) fn detect_crossings(&mut self, snapshot: &Snapshot, up: bool, events: &mut Vec<Event>) {
        let acting = self.kill_sequence.as_ref().map(|l| l.agent.root);
        for sample in &snapshot.agents {
            let root = sample.agent.root;
            let Some(state) = self.states.get_mut(&root) else { continue };
            // Nor does an agent recover before its action is told to have ended.
            if state.warned == up || (!up && (acting == Some(root) || state.is_cooling_down())) {
                continue;
            }
            let thresholds = sample.thresholds(self.thresholds);
            let threshold = thresholds.warn;
            match state.crossing(thresholds) {
                Some(Crossing::Up) => events.push(event(sample, EventKind::Warned { threshold })),
                Some(Crossing::Down) => events.push(event(sample, EventKind::Recovered { threshold })),
                None => {}
            }
        }
    }

    /// Tells of actions whose memory is back, and lets their agents be acted on again.
    pub(super) fn finish_cooldowns(
        &mut self,
        snapshot: &Snapshot,
        killable: &Snapshot,
        events: &mut Vec<Event>,
    ) {
        for sample in &snapshot.agents {
            let Some(state) = self.states.get_mut(&sample.agent.root) else { continue };
            let charge = left_of(state, killable);
            if let Some((freed, back)) = state.poll_cooldown(snapshot.at, &snapshot.guest, charge) {
                events.push(event(sample, ended(&freed, charge, back, snapshot.at)));
            }
        }
    }

    /// Takes leave of agents of which nothing is left.
    pub(super) fn detect_exits(&mut self, snapshot: &Snapshot, killable: &Snapshot, events: &mut Vec<Event>) {
        let present = |root: ProcessKey| snapshot.agents.iter().any(|a| a.agent.root == root);
        let acting = self.kill_sequence.as_ref().map(|l| l.agent.root);
        self.states.retain(|root, state| {
            if present(*root) || acting == Some(*root) {
                return true;
            }
            let agent = state.agent.clone();
            let tell = |kind| Event { agent: Some(agent.clone()), charge: Bytes::ZERO, kind };
            if state.is_cooling_down() {
                // A whole agent was ended: it stays until its memory is back.
                state.update(snapshot.at, Bytes::ZERO, self.thresholds);
                let charge = left_of(state, killable);
                let Some((freed, back)) = state.poll_cooldown(snapshot.at, &snapshot.guest, charge) else {
                    return true;
                };
                events.push(tell(ended(&freed, charge, back, snapshot.at)));
            }
            let is_running = snapshot.unmatched_roots.contains(root);
            events.push(tell(if is_running { EventKind::Unknown } else { EventKind::Gone }));
            false
        });
    }

    /// Tells that a danger is over of which it was told that nobody is acted on.
    pub(super) fn detect_recovery(&mut self, snapshot: &Snapshot, events: &mut Vec<Event>) {
        if self.danger.or(self.slice_guard.danger).is_none() {
            self.dry_run_reported = false;
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
fn left_of(state: &AgentState, snapshot: &Snapshot) -> Bytes {
    match &state.cooldown {
        Some(freed) => freed.target.sample_in(snapshot).map(|s| s.charge.total()).unwrap_or_default(),
        None => state.charge(),
    }
}

pub(super) fn event(sample: &AgentSample, kind: EventKind) -> Event {
    Event { agent: Some(sample.agent.clone()), charge: sample.charge.total(), kind }
}

fn ended(freed: &Cooldown, charge: Bytes, back: bool, at: Boottime) -> EventKind {
    EventKind::Ended {
        action: freed.action,
        freed: freed.peak.saturating_sub(charge),
        peak: freed.peak,
        after: at.since(freed.decided),
        back,
    }
}
