//! Actions that somebody asked for.

use crate::model::event::{Cause, Failure, What};
use crate::model::{AgentSample, Bytes, BytesPerSecond, Event, ProcessKey, Snapshot, Uid};

use super::acts::Plan;
use super::{Engine, Step};
use crate::policy::culprit::whole;
use crate::policy::family::below;
use crate::policy::subject::Subject;
use crate::policy::watch::Watch;

/// An agent that is to end, and who wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Request {
    root: ProcessKey,
    by: Uid,
}

impl Engine {
    /// The agent with that root is to end, with all that it started. Whether `by` may ask for it was asked before. It
    /// is begun by a step to come: there is one action at a time, and the guest and the lines go first.
    pub fn request(&mut self, root: ProcessKey, by: Uid) {
        if !self.is_requested(root) {
            self.requests.push(Request { root, by });
        }
    }

    /// Whether its end was asked for and is not begun yet.
    #[must_use]
    pub fn is_requested(&self, root: ProcessKey) -> bool {
        self.requests.iter().any(|request| request.root == root)
    }

    /// Begins what was asked for, where nothing else was begun.
    pub(super) fn begin_requested(&mut self, snapshot: &Snapshot, drain: BytesPerSecond, step: &mut Step) {
        let there = |r: &Request| snapshot.agents.iter().any(|a| a.agent.root == r.root);
        self.requests.retain(there);
        // Of an agent whose memory is not back yet something else is still to be told.
        let settling = |r: &Request| self.watches.get(&r.root).is_some_and(Watch::is_settling);
        let Some(at) = self.requests.iter().position(|r| !settling(r)) else { return };
        if self.ladder.is_some() {
            return;
        }
        let Request { root, by } = self.requests.remove(at);
        let families = below(snapshot, &[root]);
        let Some(family) = families.first() else { return };
        let sample: &AgentSample = &family.whole;
        let charge = sample.charge.total();
        let choice = whole(sample);
        if choice.targets.is_empty() {
            self.actions += 1;
            let what = What::Failed { action: self.actions, why: Failure::Protected };
            step.events.push(Event { agent: Some(sample.agent.clone()), charge, what });
            return;
        }
        let subject = match family.agents.as_slice() {
            [_] => Subject::Agent(root),
            _ => Subject::Family(family.roots()),
        };
        let plan = Plan {
            cause: Cause::Request { by },
            agent: sample.agent.clone(),
            charge,
            subject,
            sample,
            choice,
            whole: true,
            agents: family.agents.len(),
            shortfall: charge,
            grown: Bytes::ZERO,
        };
        self.carry_out(plan, snapshot, drain, step);
    }
}
