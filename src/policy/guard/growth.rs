//! Who took the memory that is missing: what each cost when the guest was comfortable last, and what each costs now.

use std::collections::HashMap;

use crate::model::{AgentSample, Bytes, Member, ProcessKey, Snapshot};

use crate::policy::agent_tree::AgentTree;

/// Less than this share of memory is missing: that says nothing of anybody.
pub(super) const MIN_GROWTH_PERCENT: u64 = 2;

/// How things stood when the guest was comfortable last, or at the first look.
#[derive(Debug, Default)]
pub(super) struct GrowthBaseline {
    taken: bool,
    used: Bytes,
    agents: HashMap<ProcessKey, Bytes>,
    members: HashMap<ProcessKey, Bytes>,
}

impl GrowthBaseline {
    /// Takes in a snapshot, of a guest that is comfortable or not.
    pub(super) fn take(&mut self, snapshot: &Snapshot, is_comfortable: bool) {
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

    /// What an agent cost then; nothing where it was not there.
    pub(super) fn baseline(&self, root: ProcessKey) -> Bytes {
        self.agents.get(&root).copied().unwrap_or_default()
    }

    /// By how much a family costs more than then.
    pub(super) fn growth(&self, whole: &AgentSample, tree: &AgentTree) -> Bytes {
        let baseline = tree.agents.iter().map(|a| self.baseline(a.agent.root)).sum();
        whole.charge.total().saturating_sub(baseline)
    }

    /// By how much a process costs more than then.
    pub(super) fn growth_of(&self, member: &Member) -> Bytes {
        let baseline = self.members.get(&member.key).copied().unwrap_or_default();
        member.charge.total().saturating_sub(baseline)
    }

    /// Whether others than agents, which have `grown` so much together, took most of what is missing: what is used now
    /// and was not then. What is left is no measure of it: room in zram that turned out to be none was taken by nobody.
    /// Where little is missing, as after a start in a guest that is full already: whether others hold most of what is
    /// in use.
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
