//! Whom to end: the smallest part of an agent that covers what must be freed.

use std::collections::HashMap;

use crate::model::event::Culprit;
use crate::model::{AgentSample, Bytes, Charge, Member, ProcessKey};

/// What is to be ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The guilty subtree.
    pub culprit: Culprit,
    /// Whether that is the whole agent.
    pub whole: bool,
    /// Its processes, the topmost first.
    pub targets: Vec<ProcessKey>,
}

/// A subtree of an agent: one of its processes with all that it started.
#[derive(Clone, Copy, Debug)]
pub struct Subtree<'a> {
    /// Its topmost process.
    pub top: &'a Member,
    /// What it costs.
    pub charge: Bytes,
    /// How many processes it has.
    pub processes: usize,
    /// Whether something in it is never signalled.
    pub protected: bool,
    /// Whether another agent descends from it, and would be left without what started it.
    pub is_ancestor_of_agent: bool,
}

/// Chooses what of an agent to end so that `shortfall` is freed: the smallest subtree that covers it, one that is
/// `guilty` by its topmost process before all others, else the whole agent. The targets are empty where what may be
/// signalled does not cover it.
#[must_use]
pub fn choose(agent: &AgentSample, shortfall: Bytes, guilty: impl Fn(ProcessKey) -> bool) -> Choice {
    let smallest = subtrees(agent)
        .into_iter()
        .filter(|s| !s.protected && s.top.key != agent.agent.root && s.charge >= shortfall)
        // One that started another agent only where no other does: better than the whole agent, which holds it too.
        .min_by_key(|s| (!guilty(s.top.key), s.is_ancestor_of_agent, s.charge, s.processes));
    let Some(subtree) = smallest else {
        let all = whole(agent);
        let beyond: Charge =
            agent.members.iter().filter(|m| !all.targets.contains(&m.key)).map(|m| m.charge).sum();
        // Where protected parts hold the memory the agent would be ended in vain. What no member's part explains (a
        // fork that wrote since it was looked at, a memfd that nobody maps) ends with them.
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

/// All of an agent that may be signalled.
#[must_use]
pub fn whole(agent: &AgentSample) -> Choice {
    let targets: Vec<ProcessKey> = touchable(agent).map(|m| m.key).collect();
    Choice { culprit: named(agent, agent.agent.root, targets.len()), whole: true, targets }
}

/// A process of an agent with all below it that lives.
pub fn within(agent: &AgentSample, top: ProcessKey) -> impl Iterator<Item = &Member> {
    agent.members.iter().filter(move |m| m.key == top || m.lineage.contains(&top))
}

/// The part of an agent below `top` as it is told of, with so many processes of it.
pub(super) fn named(agent: &AgentSample, top: ProcessKey, processes: usize) -> Culprit {
    let charge = if top == agent.agent.root {
        agent.charge
    } else {
        within(agent, top).map(|m| m.charge).sum::<Charge>().at_most(agent.charge)
    };
    let name = agent.member(top).map_or_else(|| agent.agent.rule.clone(), |m| m.name.clone());
    Culprit { top, name, charge: charge.total(), processes }
}

/// The members that may be signalled when the whole agent is ended: neither protected nor below one that is, like
/// the panes of a terminal multiplexer that the agent started.
pub fn touchable(agent: &AgentSample) -> impl Iterator<Item = &Member> {
    let protected: Vec<ProcessKey> = agent.members.iter().filter(|m| m.protected).map(|m| m.key).collect();
    agent.members.iter().filter(move |m| !m.protected && !m.lineage.iter().any(|key| protected.contains(key)))
}

/// Every subtree of an agent, in the order of its members.
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

/// The subtrees that explain an agent's charge, largest first, at most `most`: one that owes nearly all of its
/// charge to a part of it is left out for that part.
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
