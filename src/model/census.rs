//! Which process belongs to which agent.
//!
//! Parents die, children call `setsid` and reparent: where a process came from is remembered from the first time
//! it was seen, by (pid, start time), so a member stays a member wherever it moves.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::snapshot::Joined;
use super::{AgentId, AgentRef, Pid, ProcessKey, Recognised, Uid};

/// A live process as the census is told of it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Which process.
    pub key: ProcessKey,
    /// Its parent at this moment.
    pub parent: Option<Pid>,
    /// Its owner.
    pub uid: Uid,
    /// The rule that recognises an agent in it.
    pub rule: Option<Arc<Recognised>>,
}

/// One agent and its processes.
#[derive(Clone, Debug)]
pub struct Tree {
    /// Who it is.
    pub agent: AgentRef,
    /// The agent that started it.
    pub parent: Option<AgentRef>,
    /// Whether its root still lives.
    pub root_alive: bool,
    /// Its live processes, the root first.
    pub members: Vec<TreeMember>,
}

/// One live process of an agent.
#[derive(Clone, Debug)]
pub struct TreeMember {
    /// Which process.
    pub key: ProcessKey,
    /// Those that it descends from within the agent, nearest first, dead ones included. Empty for the root.
    pub lineage: Vec<ProcessKey>,
    /// Whether another agent's root descends from it.
    pub carries_agent: bool,
    /// How it came to be a member.
    pub joined: Joined,
}

/// Remembers agents and their members from one tick to the next.
#[derive(Debug, Default)]
pub struct Census {
    /// In order of their roots' start.
    agents: Vec<Entry>,
    members: HashMap<ProcessKey, Membership>,
}

#[derive(Debug)]
struct Entry {
    agent: AgentRef,
    parent: Option<AgentRef>,
    /// The member of the parent agent that started this one.
    started_by: Option<ProcessKey>,
}

#[derive(Clone, Copy, Debug)]
struct Membership {
    agent: ProcessKey,
    started_by: ProcessKey,
}

/// A chain of parents longer than this is a loop in a broken tree, not a family.
const DEEPEST: usize = 4096;

/// A member knows so many of those that it descends from: a script that calls itself a thousand times over would
/// otherwise cost the square of its depth.
const LINEAGE: usize = 64;

impl Census {
    /// Takes in all live processes and tells who belongs to whom.
    pub fn update(&mut self, seen: &[Seen]) -> Vec<Tree> {
        let live: HashMap<Pid, &Seen> = seen.iter().map(|s| (s.key.pid, s)).collect();
        let alive = |key: ProcessKey| live.get(&key.pid).is_some_and(|s| s.key == key);
        self.retire(&live);
        self.recognise(seen, &live);
        let mut outside = HashSet::new();
        for process in seen {
            self.adopt(process, &live, &mut outside);
        }
        self.forget(&alive);
        self.trees(seen, &alive)
    }

    /// Drops agents whose root became something else; their members are looked at afresh.
    fn retire(&mut self, live: &HashMap<Pid, &Seen>) {
        let retired = |entry: &Entry| {
            live.get(&entry.agent.root.pid).is_some_and(|s| s.key == entry.agent.root && s.rule.is_none())
        };
        for root in self.agents.extract_if(.., |e| retired(e)).map(|e| e.agent.root) {
            self.members.retain(|_, m| m.agent != root);
        }
    }

    /// Makes an agent of each process that a rule recognised, the oldest first.
    fn recognise(&mut self, seen: &[Seen], live: &HashMap<Pid, &Seen>) {
        let mut roots: Vec<(&Seen, &Recognised)> = seen
            .iter()
            .filter_map(|s| s.rule.as_deref().map(|rule| (s, rule)))
            .filter(|(s, _)| !self.is_root(s.key))
            .collect();
        roots.sort_by_key(|(s, _)| s.key.start_ticks);
        for (process, rule) in &roots {
            let agent = AgentRef {
                id: AgentId::new(&rule.rule, process.key),
                rule: rule.rule.clone(),
                root: process.key,
                uid: process.uid,
                resume: rule.resume.clone(),
            };
            let before = self.members.get(&process.key).copied();
            self.split_off(process.key);
            let parent = before.and_then(|m| self.entry(m.agent)).map(|e| e.agent.clone());
            self.agents.push(Entry { agent, parent, started_by: before.map(|m| m.started_by) });
        }
        for (process, _) in roots {
            self.find_parent_agent(process, live);
        }
        self.agents.sort_by_key(|e| e.agent.root.start_ticks);
    }

    /// A member that became an agent by exec takes along what it has started so far.
    fn split_off(&mut self, root: ProcessKey) {
        let moved: Vec<ProcessKey> =
            self.members.keys().copied().filter(|key| self.lineage(*key).contains(&root)).collect();
        self.members.remove(&root);
        for key in moved {
            if let Some(membership) = self.members.get_mut(&key) {
                membership.agent = root;
            }
        }
    }

    fn find_parent_agent(&mut self, root: &Seen, live: &HashMap<Pid, &Seen>) {
        if self.entry(root.key).is_none_or(|e| e.parent.is_some()) {
            return;
        }
        let Some(parent) = root.parent.and_then(|pid| live.get(&pid)) else { return };
        if parent.key.start_ticks > root.key.start_ticks {
            return;
        }
        self.adopt(parent, live, &mut HashSet::new());
        let owner = if self.is_root(parent.key) {
            Some(parent.key)
        } else {
            self.members.get(&parent.key).map(|m| m.agent)
        };
        let owner = owner.and_then(|key| self.entry(key)).map(|e| e.agent.clone());
        if let Some(entry) = self.agents.iter_mut().find(|e| e.agent.root == root.key) {
            entry.started_by = owner.is_some().then_some(parent.key);
            entry.parent = owner;
        }
    }

    /// Finds the agent above a process that belongs to none yet, and makes all between them members.
    fn adopt(&mut self, process: &Seen, live: &HashMap<Pid, &Seen>, outside: &mut HashSet<ProcessKey>) {
        let mut path: Vec<(ProcessKey, ProcessKey)> = Vec::new();
        let mut current = process;
        let agent = loop {
            if self.is_root(current.key) {
                break Some(current.key);
            }
            if let Some(membership) = self.members.get(&current.key) {
                break Some(membership.agent);
            }
            if outside.contains(&current.key) || path.len() > DEEPEST {
                break None;
            }
            // A parent is never younger than its child: where it is, its pid was reused while we looked.
            let parent = current.parent.and_then(|pid| live.get(&pid)).copied();
            let Some(parent) = parent.filter(|p| p.key.start_ticks <= current.key.start_ticks) else {
                break None;
            };
            path.push((current.key, parent.key));
            current = parent;
        };
        match agent {
            Some(agent) => self
                .members
                .extend(path.into_iter().map(|(key, started_by)| (key, Membership { agent, started_by }))),
            None => outside.extend(path.into_iter().map(|(key, _)| key).chain([process.key])),
        }
    }

    /// Forgets agents of which nothing lives, and dead processes that no live one descends from.
    fn forget(&mut self, alive: &impl Fn(ProcessKey) -> bool) {
        let mut needed: HashSet<ProcessKey> = self.members.keys().copied().filter(|k| alive(*k)).collect();
        let peopled: HashSet<ProcessKey> =
            needed.iter().filter_map(|k| self.members.get(k)).map(|m| m.agent).collect();
        self.agents.retain(|e| alive(e.agent.root) || peopled.contains(&e.agent.root));
        for key in needed.clone() {
            needed.extend(self.lineage(key));
        }
        for entry in &self.agents {
            if let Some(key) = entry.started_by {
                needed.insert(key);
                needed.extend(self.lineage(key));
            }
        }
        self.members.retain(|key, _| needed.contains(key));
    }

    fn trees(&self, seen: &[Seen], alive: &impl Fn(ProcessKey) -> bool) -> Vec<Tree> {
        let carriers: HashSet<ProcessKey> = self
            .agents
            .iter()
            .filter(|e| alive(e.agent.root))
            .filter_map(|e| e.started_by)
            .flat_map(|key| std::iter::once(key).chain(self.lineage(key)))
            .collect();
        let mut trees: Vec<Tree> = self
            .agents
            .iter()
            .map(|e| Tree {
                agent: e.agent.clone(),
                parent: e.parent.clone(),
                root_alive: alive(e.agent.root),
                members: Vec::new(),
            })
            .collect();
        let index: HashMap<ProcessKey, usize> =
            self.agents.iter().enumerate().map(|(i, e)| (e.agent.root, i)).collect();
        for process in seen {
            let key = process.key;
            let agent = if self.is_root(key) { Some(key) } else { self.members.get(&key).map(|m| m.agent) };
            if let Some(&at) = agent.and_then(|agent| index.get(&agent)) {
                let member = TreeMember {
                    key,
                    lineage: self.lineage(key),
                    carries_agent: carriers.contains(&key),
                    joined: if agent == Some(key) { Joined::Root } else { Joined::Child },
                };
                trees[at].members.push(member);
            }
        }
        for tree in &mut trees {
            let root = tree.agent.root;
            tree.members.sort_by_key(|m| (m.key != root, m.key.start_ticks, m.key.pid));
        }
        trees
    }

    /// Those that `key` descends from within its agent, nearest first, up to the root.
    fn lineage(&self, key: ProcessKey) -> Vec<ProcessKey> {
        let mut lineage = Vec::new();
        let mut current = self.members.get(&key);
        while let Some(membership) = current {
            lineage.push(membership.started_by);
            if membership.started_by == membership.agent {
                break;
            }
            if lineage.len() == LINEAGE {
                lineage.push(membership.agent);
                break;
            }
            current = self.members.get(&membership.started_by);
        }
        lineage
    }

    fn entry(&self, root: ProcessKey) -> Option<&Entry> {
        self.agents.iter().find(|e| e.agent.root == root)
    }

    fn is_root(&self, key: ProcessKey) -> bool {
        self.entry(key).is_some()
    }
}

#[cfg(test)]
mod tests;
