//! Events besides actions: agents found and gone, threshold crossings, memory that is back.

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

    /// Upward crossings come before an action, so that no warning follows its own action.
    pub(super) fn detect_crossings(&mut self, snapshot: &Snapshot, up: bool, events: &mut Vec<Event>) {
        let acting = self.kill_sequence.as_ref().map(|l| l.agent.root);
        for sample in &snapshot.agents {
            let root = sample.agent.root;
            let Some(state) = self.states.get_mut(&root) else { continue };
            // No recovery is reported before the end of the agent's action.
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

    /// Reports actions after which the memory is back; their agents may be acted on again.
    pub(super) fn finish_cooldowns(
        &mut self,
        snapshot: &Snapshot,
        killable: &Snapshot,
        events: &mut Vec<Event>,
    ) {
        for sample in &snapshot.agents {
            let Some(state) = self.states.get_mut(&sample.agent.root) else { continue };
            let charge = remaining_charge(state, killable);
            if let Some((cooldown, back)) = state.poll_cooldown(snapshot.at, &snapshot.guest, charge) {
                events.push(event(sample, ended(&cooldown, charge, back, snapshot.at)));
            }
        }
    }

    /// Drops agents without any process.
    pub(super) fn detect_exits(&mut self, snapshot: &Snapshot, killable: &Snapshot, events: &mut Vec<Event>) {
        let present = |root: ProcessKey| snapshot.agents.iter().any(|a| a.agent.root == root);
        let acting = self.kill_sequence.as_ref().map(|l| l.agent.root);
        self.states.retain(|root, state| {
            if present(*root) || acting == Some(*root) {
                return true;
            }
            let agent = state.agent.clone();
            let event_of = |kind| Event { agent: Some(agent.clone()), charge: Bytes::ZERO, kind };
            if state.is_cooling_down() {
                // A killed agent stays until its memory is back.
                state.update(snapshot.at, Bytes::ZERO, self.thresholds);
                let charge = remaining_charge(state, killable);
                let Some((cooldown, back)) = state.poll_cooldown(snapshot.at, &snapshot.guest, charge) else {
                    return true;
                };
                events.push(event_of(ended(&cooldown, charge, back, snapshot.at)));
            }
            let is_running = snapshot.unmatched_roots.contains(root);
            events.push(event_of(if is_running { EventKind::Unknown } else { EventKind::Gone }));
            false
        });
    }

    /// Reports the end of a danger in which no action was possible.
    pub(super) fn detect_recovery(&mut self, snapshot: &Snapshot, events: &mut Vec<Event>) {
        if self.danger.or(self.slice_guard.danger).is_none() {
            self.dry_run_reported = false;
        }
        if self.guard.end_danger(&snapshot.guest) {
            let charge = snapshot.agents.iter().map(|a| a.charge.total()).sum();
            events.push(Event {
                agent: None,
                charge,
                kind: EventKind::GuestSafe { left: snapshot.guest.remaining() },
            });
        }
    }
}

/// The remaining charge of the target of the last action.
fn remaining_charge(state: &AgentState, snapshot: &Snapshot) -> Bytes {
    match &state.cooldown {
        Some(cooldown) => cooldown.target.sample_in(snapshot).map(|s| s.charge.total()).unwrap_or_default(),
        None => state.charge(),
    }
}

pub(super) fn event(sample: &AgentSample, kind: EventKind) -> Event {
    Event { agent: Some(sample.agent.clone()), charge: sample.charge.total(), kind }
}

fn ended(cooldown: &Cooldown, charge: Bytes, back: bool, at: Boottime) -> EventKind {
    EventKind::Ended {
        action: cooldown.action,
        freed: cooldown.peak.saturating_sub(charge),
        peak: cooldown.peak,
        after: at.since(cooldown.decided),
        back,
    }
}
