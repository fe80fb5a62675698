//! Chooses the victim: the smallest part of an agent that covers the memory to free.

use std::collections::HashMap;

use crate::model::event::Culprit;
use crate::model::{AgentSample, Bytes, Charge, Member, ProcessKey};

/// The processes to kill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The responsible subtree.
    pub culprit: Culprit,
    /// Whether that is the whole agent.
    pub whole: bool,
    /// Its processes, the topmost first.
    pub targets: Vec<ProcessKey>,
}

/// A subtree of an agent: one of its processes with its descendants.
#[derive(Clone, Copy, Debug)]
pub struct Subtree<'a> {
    /// Its topmost process.
    pub top: &'a Member,
    /// Its charge.
    pub charge: Bytes,
    /// Its number of processes.
    pub processes: usize,
    /// Whether it contains a protected process.
    pub protected: bool,
    /// Whether another agent descends from it, and would lose its parent.
    pub is_ancestor_of_agent: bool,
}

/// Chooses the processes of an agent that free `shortfall`: the smallest subtree that covers it, preferably one with a
/// topmost process that is `guilty`, else the whole agent. Returns no targets if the permitted ones do not cover it.
#[must_use]
pub fn choose(agent: &AgentSample, shortfall: Bytes, guilty: impl Fn(ProcessKey) -> bool) -> Choice {
    let smallest = subtrees(agent)
        .into_iter()
        .filter(|s| !s.protected && s.top.key != agent.agent.root && s.charge >= shortfall)
        // A subtree that started another agent only if no other suffices: still better than the whole agent, which
        // contains it.
        .min_by_key(|s| (!guilty(s.top.key), s.is_ancestor_of_agent, s.charge, s.processes));
    let Some(subtree) = smallest else {
        let all = whole(agent);
        let beyond: Charge =
            agent.members.iter().filter(|m| !all.targets.contains(&m.key)).map(|m| m.charge).sum();
        // If protected processes hold the memory, killing the agent would be futile. Memory that no member accounts for
        // (of a fork that wrote since its measurement, or a memfd that is mapped nowhere) is freed with the rest.
        let is_futile = agent.charge.total().saturating_sub(beyond.total()) < shortfall;
        return if is_futile { Choice { targets: Vec::new(), ..all } } else { all };
    };
    let top = subtree.top;
    Choice {
        culprit: Culprit {
            top: top.key,
            name: top.name.clone(),
            charge: subtree.charge,
            processes: subtree.processes,
        },
        whole: false,
        targets: within(agent, top.key).map(|m| m.key).collect(),
    }
}

/// All processes of an agent that may be signalled.
#[must_use]
pub fn whole(agent: &AgentSample) -> Choice {
    let targets: Vec<ProcessKey> = touchable(agent).map(|m| m.key).collect();
    Choice { culprit: named(agent, agent.agent.root, targets.len()), whole: true, targets }
}

/// A process of an agent and its living descendants.
pub fn within(agent: &AgentSample, top: ProcessKey) -> impl Iterator<Item = &Member> {
    agent.members.iter().filter(move |m| m.key == top || m.lineage.contains(&top))
}

/// The culprit to report: the part of an agent below `top`, with this number of processes.
pub(super) fn named(agent: &AgentSample, top: ProcessKey, processes: usize) -> Culprit {
    let charge = if top == agent.agent.root {
        agent.charge
    } else {
        within(agent, top).map(|m| m.charge).sum::<Charge>().at_most(agent.charge)
    };
    let name = agent.member(top).map_or_else(|| agent.agent.rule.clone(), |m| m.name.clone());
    Culprit { top, name, charge: charge.total(), processes }
}

/// The members that may be signalled when the whole agent is killed: neither protected nor below a protected one, like
/// the panes of a terminal multiplexer that the agent started.
pub fn touchable(agent: &AgentSample) -> impl Iterator<Item = &Member> {
    let protected: Vec<ProcessKey> = agent.members.iter().filter(|m| m.protected).map(|m| m.key).collect();
    agent.members.iter().filter(move |m| !m.protected && !m.lineage.iter().any(|key| protected.contains(key)))
}

/// All subtrees of an agent, in the order of its members.
#[must_use]
pub fn subtrees(agent: &AgentSample) -> Vec<Subtree<'_>> {
    let index: HashMap<ProcessKey, usize> =
        agent.members.iter().enumerate().map(|(i, m)| (m.key, i)).collect();
    let mut charges = vec![Charge::default(); agent.members.len()];
    let mut subtrees: Vec<Subtree<'_>> = agent
        .members
        .iter()
        .map(|top| Subtree {
            top,
            charge: Bytes::ZERO,
            processes: 0,
            protected: false,
            is_ancestor_of_agent: false,
        })
        .collect();
    for member in &agent.members {
        let within = std::iter::once(&member.key).chain(&member.lineage);
        for &at in within.filter_map(|key| index.get(key)) {
            charges[at] = charges[at] + member.charge;
            subtrees[at].processes += 1;
            subtrees[at].protected |= member.protected;
            subtrees[at].is_ancestor_of_agent |= member.is_ancestor_of_agent;
        }
    }
    for (subtree, charge) in subtrees.iter_mut().zip(charges) {
        subtree.charge = charge.at_most(agent.charge).total();
    }
    subtrees
}

/// The subtrees that explain an agent's charge, largest first, at most `most`. A subtree is left out if one of its
/// parts has nearly all of its charge.
#[must_use]
pub fn largest(agent: &AgentSample, most: usize) -> Vec<Subtree<'_>> {
    let all = subtrees(agent);
    let mut best_within: HashMap<ProcessKey, Bytes> = HashMap::new();
    for inner in &all {
        for outer in &inner.top.lineage {
            let best = best_within.entry(*outer).or_default();
            *best = (*best).max(inner.charge);
        }
    }
    let explained = |outer: &Subtree<'_>| {
        best_within.get(&outer.top.key).is_some_and(|best| *best >= outer.charge.share(9, 10))
    };
    let mut largest: Vec<Subtree<'_>> =
        all.iter().filter(|s| s.top.key != agent.agent.root && !explained(s)).copied().collect();
    largest.sort_by_key(|s| std::cmp::Reverse(s.charge));
    largest.truncate(most);
    largest
}
