//! Agents that started one another, taken as one: a parent and its sub-agents grow and are killed together.

use std::collections::HashMap;

use crate::model::event::Culprit;
use crate::model::{AgentRef, AgentSample, Bytes, Member, ProcessKey, Snapshot};

use super::victim::{Choice, touchable};

/// An agent with all its descendants, other agents included.
#[derive(Clone, Debug)]
pub(super) struct AgentTree {
    /// All agents merged into one, with the root of the topmost.
    pub(super) whole: AgentSample,
    /// The agents in it, the topmost first.
    pub(super) agents: Vec<AgentNode>,
}

/// One agent of a tree.
#[derive(Clone, Debug)]
pub(super) struct AgentNode {
    pub(super) agent: AgentRef,
    /// The roots of its ancestor agents, nearest first.
    above: Vec<ProcessKey>,
    pub(super) charge: Bytes,
    members: Vec<ProcessKey>,
}

/// All trees among `agents`.
pub(super) fn agent_trees(agents: &[AgentSample]) -> Vec<AgentTree> {
    let samples = by_root(agents);
    let mut agent_trees: Vec<AgentTree> = Vec::new();
    let mut index: HashMap<ProcessKey, usize> = HashMap::new();
    let mut found: Vec<(Vec<ProcessKey>, &AgentSample)> =
        agents.iter().map(|a| (above(a, &samples), a)).collect();
    found.sort_by_key(|(above, _)| above.len());
    for (above, sample) in found {
        let top = above.last().copied().unwrap_or(sample.agent.root);
        let node = AgentNode {
            agent: sample.agent.clone(),
            charge: sample.charge.total(),
            members: sample.members.iter().map(|m| m.key).collect(),
            above,
        };
        if let Some(&at) = index.get(&top) {
            let tree = &mut agent_trees[at];
            tree.whole.members.extend(descended(sample, &samples));
            tree.whole.charge = tree.whole.charge + sample.charge;
            tree.whole.unverified += sample.unverified;
            tree.whole.cgroup = None;
            tree.agents.push(node);
        } else {
            index.insert(top, agent_trees.len());
            let whole = AgentSample { members: descended(sample, &samples), ..sample.clone() };
            agent_trees.push(AgentTree { whole, agents: vec![node] });
        }
    }
    agent_trees
}

/// The agents with these roots and all below them, as trees of their own, without their ancestors.
pub(super) fn below(snapshot: &Snapshot, roots: &[ProcessKey]) -> Vec<AgentTree> {
    let samples = by_root(&snapshot.agents);
    let is_below = |a: &&AgentSample| {
        roots.contains(&a.agent.root) || above(a, &samples).iter().any(|root| roots.contains(root))
    };
    let agents: Vec<AgentSample> = snapshot.agents.iter().filter(is_below).cloned().collect();
    agent_trees(&agents)
}

fn by_root(agents: &[AgentSample]) -> HashMap<ProcessKey, &AgentSample> {
    agents.iter().map(|a| (a.agent.root, a)).collect()
}

/// The roots of the ancestor agents, nearest first. An agent that has exited ends the list.
fn above(sample: &AgentSample, samples: &HashMap<ProcessKey, &AgentSample>) -> Vec<ProcessKey> {
    let mut above = Vec::new();
    let mut current = Some(sample);
    while let Some(parent) = current.and_then(|s| s.parent.as_ref()) {
        // Only an inconsistent tree has a loop.
        if above.contains(&parent.root) || parent.root == sample.agent.root {
            break;
        }
        above.push(parent.root);
        current = samples.get(&parent.root).copied();
    }
    above
}

/// The members of an agent with their lineage up to the topmost agent.
fn descended(sample: &AgentSample, samples: &HashMap<ProcessKey, &AgentSample>) -> Vec<Member> {
    let mut beyond = Vec::new();
    let mut current = sample;
    while let (Some(started_by), Some(parent)) = (current.started_by, &current.parent) {
        if beyond.contains(&started_by) {
            break;
        }
        beyond.push(started_by);
        let Some(next) = samples.get(&parent.root).copied() else { break };
        match next.member(started_by) {
            Some(member) => beyond.extend(&member.lineage),
            None => beyond.push(parent.root),
        }
        current = next;
    }
    let extended = |member: &Member| {
        let mut member = member.clone();
        member.lineage.extend(&beyond);
        member
    };
    sample.members.iter().map(extended).collect()
}

impl AgentTree {
    /// The roots of all agents, the topmost first.
    pub(super) fn roots(&self) -> Vec<ProcessKey> {
        self.agents.iter().map(|a| a.agent.root).collect()
    }

    /// The fewest whole sub-agents that cover `shortfall`, by descending `weight`, each with its descendants; `None` if
    /// all of them do not.
    pub(super) fn sub_agents(
        &self,
        shortfall: Bytes,
        weight: impl Fn(&AgentNode) -> Bytes,
    ) -> Option<Choice> {
        let mut below: Vec<&AgentNode> = self.agents.iter().skip(1).collect();
        below.sort_by_key(|r| std::cmp::Reverse((weight(r), r.charge)));
        let touchable: Vec<&Member> = touchable(&self.whole).collect();
        let (mut freed, mut roots, mut targets) = (Bytes::ZERO, Vec::new(), Vec::new());
        for node in below {
            if freed >= shortfall {
                break;
            }
            let root = node.agent.root;
            if roots.iter().any(|r| node.above.contains(r)) {
                continue;
            }
            let descendants =
                touchable.iter().filter(|m| m.key == root || m.lineage.contains(&root)).map(|m| m.key);
            targets.extend(descendants.filter(|key| !targets.contains(key)).collect::<Vec<_>>());
            let inside = |r: &&AgentNode| r.agent.root == root || r.above.contains(&root);
            freed += self.agents.iter().filter(inside).map(|r| r.charge).sum();
            roots.push(root);
        }
        let first = roots.first().copied().filter(|_| freed >= shortfall && !targets.is_empty())?;
        let name = self.whole.member(first).map(|m| m.name.clone()).unwrap_or_default();
        let culprit = Culprit { top: first, name, charge: freed, processes: targets.len() };
        Some(Choice { culprit, whole: false, targets })
    }

    /// The agents that lose processes if `targets` are killed, and whether they lose all.
    pub(super) fn affected(&self, targets: &[ProcessKey]) -> Vec<(&AgentNode, bool)> {
        let loses = |r: &AgentNode| r.members.iter().any(|key| targets.contains(key));
        let whole = |r: &AgentNode| r.members.iter().all(|key| targets.contains(key));
        self.agents.iter().filter(|r| loses(r)).map(|r| (r, whole(r))).collect()
    }
}
