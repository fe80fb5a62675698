//! The target of an action, from its decision until its memory is back.

use std::borrow::Cow;

use super::agent_tree::below;
use crate::model::{AgentSample, ProcessKey, Snapshot};

/// Identified by roots, because agents come and go meanwhile.
#[derive(Clone, Debug)]
pub(super) enum KillTarget {
    /// One agent, without the agents that it started.
    Agent(ProcessKey),
    /// These agents and all their descendants.
    AgentTree(Vec<ProcessKey>),
}

impl KillTarget {
    /// Whether the decision named this agent.
    pub(super) fn names(&self, root: ProcessKey) -> bool {
        match self {
            Self::Agent(own) => *own == root,
            Self::AgentTree(roots) => roots.contains(&root),
        }
    }

    /// The rest of it, merged into one agent; an agent between two of them may have exited.
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
