//! Stops that users requested.

use crate::model::event::{Cause, EventKind, Failure};
use crate::model::{AgentSample, Bytes, BytesPerSecond, Event, ProcessKey, Snapshot, Uid};

use super::actions::PlannedAction;
use super::{Engine, Step};
use crate::policy::agent_state::AgentState;
use crate::policy::agent_tree::below;
use crate::policy::kill_target::KillTarget;
use crate::policy::victim::whole;

/// Pending stops per user.
const MAX_REQUESTS_PER_USER: usize = 16;

/// A requested stop of an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StopRequest {
    root: ProcessKey,
    by: Uid,
}

impl Engine {
    /// Requests a stop of the agent with this root and its descendants. The caller has verified that `by` may do so. It
    /// begins in a later step: there is one action at a time, and thresholds and dangers go first. Returns `false` if
    /// this user has too many pending requests.
    pub fn request(&mut self, root: ProcessKey, by: Uid) -> bool {
        if self.is_requested(root) {
            return true;
        }
        let fits = self.requests.iter().filter(|request| request.by == by).count() < MAX_REQUESTS_PER_USER;
        if fits {
            self.requests.push(StopRequest { root, by });
        }
        fits
    }

    /// Whether a stop is requested and has not begun.
    #[must_use]
    pub fn is_requested(&self, root: ProcessKey) -> bool {
        self.requests.iter().any(|request| request.root == root)
    }

    /// Begins a requested stop if no other action has begun.
    pub(super) fn begin_requested(
        &mut self,
        snapshot: &Snapshot,
        fill_rate: BytesPerSecond,
        step: &mut Step,
    ) {
        let there = |r: &StopRequest| snapshot.agents.iter().any(|a| a.agent.root == r.root);
        self.requests.retain(there);
        // The end of the last action on such an agent is still to be reported.
        let settling = |r: &StopRequest| self.states.get(&r.root).is_some_and(AgentState::is_cooling_down);
        let Some(at) = self.requests.iter().position(|r| !settling(r)) else { return };
        if self.kill_sequence.is_some() || self.needs_action() {
            return;
        }
        let StopRequest { root, by } = self.requests.remove(at);
        let agent_trees = below(snapshot, &[root]);
        let Some(tree) = agent_trees.first() else { return };
        let sample: &AgentSample = &tree.whole;
        let charge = sample.charge.total();
        // Descendants of another user (`sudo`, `su`) are not theirs to kill.
        let may = |key: &ProcessKey| sample.member(*key).is_some_and(|m| by.may_see(m.uid));
        let mut choice = whole(sample);
        choice.targets.retain(may);
        if choice.targets.is_empty() {
            self.actions += 1;
            let kind = EventKind::Failed { action: self.actions, why: Failure::Protected };
            step.events.push(Event { agent: Some(sample.agent.clone()), charge, kind });
            return;
        }
        let affected = tree.affected(&choice.targets).len();
        let planned = PlannedAction {
            cause: Cause::Request { by },
            agent: sample.agent.clone(),
            charge,
            // Agents that it starts meanwhile belong to it.
            target: KillTarget::AgentTree(tree.roots()),
            sample,
            choice,
            whole: true,
            agents: affected,
            shortfall: charge,
            grown: Bytes::ZERO,
        };
        self.start_action(planned, snapshot, fill_rate, step);
    }
}
