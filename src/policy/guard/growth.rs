//! Growth per agent and process since memory was last comfortable.

use std::collections::HashMap;

use crate::model::{AgentSample, Bytes, Member, ProcessKey, Snapshot};

use crate::policy::agent_tree::AgentTree;

/// Below this share of memory, growth is not significant.
pub(super) const MIN_GROWTH_PERCENT: u64 = 2;

/// The baseline: memory use at the last comfortable sample, or at the first sample.
#[derive(Debug, Default)]
pub(super) struct GrowthBaseline {
    taken: bool,
    used: Bytes,
    agents: HashMap<ProcessKey, Bytes>,
    members: HashMap<ProcessKey, Bytes>,
}

impl GrowthBaseline {
    /// Observes a snapshot; its memory is comfortable or not.
    pub(super) fn observe(&mut self, snapshot: &Snapshot, is_comfortable: bool) {
        if self.taken && !is_comfortable {
            return;
        }
        self.taken = true;
        self.used = snapshot.guest.used();
        self.agents.clear();
        self.members.clear();
        for agent in &snapshot.agents {
            self.agents.insert(agent.agent.root, agent.charge.total());
            self.members.extend(agent.members.iter().map(|m| (m.key, m.charge.total())));
        }
    }

    /// The charge of an agent at the baseline; zero if it did not exist.
    pub(super) fn baseline(&self, root: ProcessKey) -> Bytes {
        self.agents.get(&root).copied().unwrap_or_default()
    }

    /// Growth of a tree since the baseline.
    pub(super) fn growth(&self, whole: &AgentSample, tree: &AgentTree) -> Bytes {
        let baseline = tree.agents.iter().map(|a| self.baseline(a.agent.root)).sum();
        whole.charge.total().saturating_sub(baseline)
    }

    /// Growth of a process since the baseline.
    pub(super) fn growth_of(&self, member: &Member) -> Bytes {
        let baseline = self.members.get(&member.key).copied().unwrap_or_default();
        member.charge.total().saturating_sub(baseline)
    }

    /// Whether processes outside agents took most of the memory, given that the agents have `grown`. Based on used
    /// memory: zram with an estimated capacity that proves wrong was taken by no process. Without significant growth, as after
    /// a start on a full machine: whether processes outside agents use most of the memory.
    pub(super) fn is_growth_outside_agents(&self, snapshot: &Snapshot, grown: Bytes) -> bool {
        let guest = &snapshot.guest;
        let missing = guest.used().saturating_sub(self.used);
        if missing >= guest.mem_total.share(MIN_GROWTH_PERCENT, 100) {
            return grown + grown < missing;
        }
        let agents: Bytes = snapshot.agents.iter().map(|a| a.charge.total()).sum();
        agents + agents < guest.used()
    }
}
