//! Ends of whole agents: who asks for one that has begun, or is over for a moment, is told of that very one.

use std::collections::VecDeque;

use crate::model::event::{Cause, EventKind};
use crate::model::{AgentRef, Event, ProcessKey};

/// So many are remembered, like the actions that can be told of.
const KEPT: usize = 16;

/// The last ends that have begun, oldest first. What has failed is none.
#[derive(Debug, Default)]
pub(crate) struct Ends(VecDeque<End>);

/// One agent's.
#[derive(Debug)]
pub(crate) struct End {
    agent: AgentRef,
    pub(crate) action: u64,
    /// Somebody asked for it.
    is_requested: bool,
    pub(crate) is_over: bool,
}

impl Ends {
    /// Takes in what happened; whether others are ending now than before.
    pub(crate) fn take_in(&mut self, event: &Event) -> bool {
        let begun = |action| self.0.iter().position(|end| end.action == action && !end.is_over);
        match (&event.kind, &event.agent) {
            (EventKind::Acted(decision), Some(agent)) if decision.whole && !decision.dry_run => {
                let is_requested = matches!(decision.cause, Cause::Request { .. });
                self.begin(agent, decision.action, is_requested);
                true
            }
            (EventKind::Escalated { action, whole: true, .. }, Some(agent)) if begun(*action).is_none() => {
                self.begin(agent, *action, false);
                true
            }
            (EventKind::Ended { action, .. }, _) => {
                let end = begun(*action).and_then(|at| self.0.get_mut(at));
                end.is_some_and(|end| !std::mem::replace(&mut end.is_over, true))
            }
            (EventKind::Failed { action, .. }, _) => {
                begun(*action).and_then(|at| self.0.remove(at)).is_some()
            }
            _ => false,
        }
    }

    fn begin(&mut self, agent: &AgentRef, action: u64, is_requested: bool) {
        self.0.push_back(End { agent: agent.clone(), action, is_requested, is_over: false });
        if self.0.len() > KEPT {
            self.0.pop_front();
        }
    }

    /// The newest of the agent with that root.
    pub(crate) fn of(&self, root: ProcessKey) -> Option<&End> {
        self.0.iter().rev().find(|end| end.agent.root == root)
    }

    /// The action under way by which the agent ends with all that it started, as somebody has asked for.
    pub(crate) fn asked_for(&self, root: ProcessKey) -> Option<u64> {
        self.of(root).filter(|end| end.is_requested && !end.is_over).map(|end| end.action)
    }

    /// The agents that are ending.
    pub(crate) fn under_way(&self) -> Vec<AgentRef> {
        self.0.iter().filter(|end| !end.is_over).map(|end| end.agent.clone()).collect()
    }
}
