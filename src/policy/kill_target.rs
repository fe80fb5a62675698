//! What an action is about, from its decision until its memory is back.

use std::borrow::Cow;

use super::agent_tree::below;
use crate::model::{AgentSample, ProcessKey, Snapshot};

/// Named by roots, because agents come and go meanwhile.
#[derive(Clone, Debug)]
pub(super) enum KillTarget {
    /// One agent; those that it started are not in question.
    Agent(ProcessKey),
    /// These agents with all that they started.
    AgentTree(Vec<ProcessKey>),
}

impl KillTarget {
    /// Whether an agent was named by the decision.
    pub(super) fn names(&self, root: ProcessKey) -> bool {
        match self {
            Self::Agent(own) => *own == root,
            Self::AgentTree(roots) => roots.contains(&root),
        }
    }

    /// What is left of it, as one agent; who was between two of them may have ended.
    pub(super) fn sample_in<'a>(&self, snapshot: &'a Snapshot) -> Option<Cow<'a, AgentSample>> {
        match self {
            Self::Agent(root) => snapshot.agents.iter().find(|a| a.agent.root == *root).map(Cow::Borrowed),
            Self::AgentTree(roots) => {
                let left = below(snapshot, roots).into_iter().map(|tree| tree.whole);
                let merged = left.reduce(|mut all, other| {
                    all.members.extend(other.members);
                    all.charge = all.charge + other.charge;
                    all.cgroup = None;
                    all
                });
                merged.map(Cow::Owned)
            }
        }
    }
}
