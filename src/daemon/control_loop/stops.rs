//! Actions that stop whole agents. A client that requests a stop which is in progress, or is just over, gets the
//! result of that action.

use std::collections::VecDeque;

use crate::model::event::{Cause, EventKind};
use crate::model::{AgentRef, Event, ProcessKey};

/// As many as there are actions in the action log.
const MAX_REMEMBERED_STOPS: usize = 16;

/// The latest stops that have begun, oldest first, without those that failed.
#[derive(Debug, Default)]
pub(crate) struct Stops(VecDeque<StopAction>);

/// An action that stops a whole agent.
#[derive(Debug)]
pub(crate) struct StopAction {
    agent: AgentRef,
    pub(crate) action: u64,
    /// Requested by a client.
    is_requested: bool,
    pub(crate) is_over: bool,
}

impl Stops {
    /// Records an event. Returns whether the set of agents being stopped has changed.
    pub(crate) fn observe(&mut self, event: &Event) -> bool {
        let position = |action| self.0.iter().position(|stop| stop.action == action && !stop.is_over);
        match (&event.kind, &event.agent) {
            (EventKind::Acted(decision), Some(agent)) if decision.whole && !decision.dry_run => {
                let is_requested = matches!(decision.cause, Cause::Request { .. });
                self.begin(agent, decision.action, is_requested);
                true
            }
            (EventKind::Escalated { action, whole: true, .. }, Some(agent))
                if position(*action).is_none() =>
            {
                self.begin(agent, *action, false);
                true
            }
            (EventKind::Ended { action, .. }, _) => {
                let stop = position(*action).and_then(|at| self.0.get_mut(at));
                stop.is_some_and(|stop| !std::mem::replace(&mut stop.is_over, true))
            }
            (EventKind::Failed { action, .. }, _) => {
                position(*action).and_then(|at| self.0.remove(at)).is_some()
            }
            _ => false,
        }
    }

    fn begin(&mut self, agent: &AgentRef, action: u64, is_requested: bool) {
        self.0.push_back(StopAction { agent: agent.clone(), action, is_requested, is_over: false });
        if self.0.len() > MAX_REMEMBERED_STOPS {
            self.0.pop_front();
        }
    }

    /// The latest stop of the agent with that root.
    pub(crate) fn latest(&self, root: ProcessKey) -> Option<&StopAction> {
        self.0.iter().rev().find(|stop| stop.agent.root == root)
    }

    /// The action in progress that stops the agent with that root by request.
    pub(crate) fn requested(&self, root: ProcessKey) -> Option<u64> {
        self.latest(root).filter(|stop| stop.is_requested && !stop.is_over).map(|stop| stop.action)
    }

    /// The agents that are being stopped.
    pub(crate) fn in_progress(&self) -> Vec<AgentRef> {
        self.0.iter().filter(|stop| !stop.is_over).map(|stop| stop.agent.clone()).collect()
    }
}
