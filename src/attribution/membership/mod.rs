//! Attribution of processes to agents.
//!
//! Parents exit, children call `setsid` and reparent. So the ancestry of a process is stored by (pid, start time) when it
//! is first observed, and membership survives later moves.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use session::SessionCreators;

use crate::model::{AgentRef, MembershipReason, Pid, ProcessKey, Recognised, Role, SpawnOrigin, Uid};

/// A live process as observed in one sample.
#[derive(Clone, Debug)]
pub struct ObservedProcess {
    /// Its key.
    pub key: ProcessKey,
    /// Its parent at this moment.
    pub parent: Option<Pid>,
    /// Its session: the pid of the process that created it, which may have exited (`setsid(2)`).
    pub session: Option<Pid>,
    /// Its owner.
    pub uid: Uid,
    /// The rule that matches it.
    pub rule: Option<Arc<Recognised>>,
    /// Its origin by its environment; `None` if that has no marker or was not read yet.
    pub origin: Option<Arc<SpawnOrigin>>,
    /// Its environment was read, or cannot be read.
    pub environment_read: bool,
    /// The first process of the scope that limits it, if that is still in the scope.
    pub scope: Option<Pid>,
}

/// One agent and its processes.
#[derive(Clone, Debug)]
pub struct Tree {
    /// Its identity.
    pub agent: AgentRef,
    /// The agent that started it.
    pub parent: Option<AgentRef>,
    /// The member of the parent agent that started it; it may have exited since.
    pub started_by: Option<ProcessKey>,
    /// The parent of its root at the time of recognition.
    pub spawner: Option<ProcessKey>,
    /// Whether its root still lives. Always `false` for processes that belong together only by their environments: the
    /// first of them stands for the root that exited.
    pub root_alive: bool,
    /// Its live processes, the root first.
    pub members: Vec<TreeMember>,
}

/// One live process of an agent.
#[derive(Clone, Debug)]
pub struct TreeMember {
    /// Its key.
    pub key: ProcessKey,
    /// Its ancestors within the agent, nearest first, including dead ones. Empty for the root.
    pub lineage: Vec<ProcessKey>,
    /// Whether another agent's root descends from it.
    pub is_ancestor_of_agent: bool,
    /// The reason for its membership.
    pub joined: MembershipReason,
}

/// Tracks agents and their members from one sample to the next.
#[derive(Debug, Default)]
pub struct MembershipTracker {
    /// Ordered by the start of their roots.
    agents: Vec<AgentEntry>,
    members: HashMap<ProcessKey, MemberRecord>,
    /// Sessions created by members, while they have processes.
    session_creators: SessionCreators,
    /// Roots of agents that keep their rule even if the rules now match differently.
    pinned: Vec<ProcessKey>,
}

#[derive(Debug)]
struct AgentEntry {
    agent: AgentRef,
    role: Role,
    parent: Option<AgentRef>,
    /// The member of the parent agent that started this one.
    started_by: Option<ProcessKey>,
    /// The parent of its root when that was recognised.
    spawner: Option<ProcessKey>,
    /// Sessions named by its members' environments, newest last: one agent may start several conversations.
    sessions: Vec<Arc<str>>,
    /// The child that it launched, if it is a launcher.
    launched: Option<ProcessKey>,
    /// Its root exited before it was observed; the first of its orphans stands for it.
    rootless: bool,
}

#[derive(Clone, Copy, Debug)]
struct MemberRecord {
    agent: ProcessKey,
    started_by: ProcessKey,
    joined: MembershipReason,
}

/// A longer chain of parents is a loop in an inconsistent sample.
const MAX_ANCESTORS: usize = 4096;

/// Ancestors stored for each member. Without a limit, a script that calls itself a thousand times would cost the square
/// of its depth.
const MAX_LINEAGE: usize = 64;

/// The live processes of one sample.
type Live<'a> = HashMap<Pid, &'a ObservedProcess>;

impl MembershipTracker {
    /// Updates all memberships from the live processes of one sample.
    pub fn update(&mut self, processes: &[ObservedProcess]) -> Vec<Tree> {
        let live: Live<'_> = processes.iter().map(|s| (s.key.pid, s)).collect();
        let alive = |key: ProcessKey| live.get(&key.pid).is_some_and(|s| s.key == key);
        self.remove_changed(&live);
        self.handle_root_exit(processes, &alive);
        self.recognise(processes, &live);
        self.assign_all(processes, &live);
        self.session_creators = self.session_creators.update(processes, |key| self.agent_of(key));
        if self.assign_by_session(processes) {
            self.assign_all(processes, &live);
        }
        if self.assign_by_environment(processes, &live) {
            self.assign_all(processes, &live);
        }
        if self.assign_by_scope(processes, &live) {
            self.assign_all(processes, &live);
        }
        self.order_orphans(processes, &live);
        self.forget(&alive);
        self.trees(processes, &alive)
    }

    /// Pins the agents with a root that `is_pinned`: they keep their rule even if the rules now match differently.
    pub fn pin(&mut self, is_pinned: impl Fn(ProcessKey) -> bool) {
        self.pinned = self.agents.iter().map(|e| e.agent.root).filter(|root| is_pinned(*root)).collect();
    }

    /// Unpins the agents with a root that is not `is_pinned` any more. Returns whether any were unpinned.
    pub fn unpin(&mut self, is_pinned: impl Fn(ProcessKey) -> bool) -> bool {
        let before = self.pinned.len();
        self.pinned.retain(|root| is_pinned(*root));
        self.pinned.len() < before
    }

    /// Restores the tree among orphans: each is found by itself, possibly before its parent.
    fn order_orphans(&mut self, processes: &[ObservedProcess], live: &Live<'_>) {
        for orphan in processes {
            let Some(membership) =
                self.members.get(&orphan.key).filter(|m| m.joined != MembershipReason::Child)
            else {
                continue;
            };
            let agent = membership.agent;
            let is_of_it =
                |parent: &&ObservedProcess| self.members.get(&parent.key).is_some_and(|m| m.agent == agent);
            let parent = parent(orphan, live).filter(is_of_it).map(|parent| parent.key);
            if let (Some(parent), Some(membership)) = (parent, self.members.get_mut(&orphan.key)) {
                membership.started_by = parent;
            }
        }
    }

    fn assign_all(&mut self, processes: &[ObservedProcess], live: &Live<'_>) {
        let mut outside = HashSet::new();
        for process in processes {
            self.assign(process, live, &mut outside);
        }
    }

    /// Finds the agent above an unassigned process, and makes all processes between them members.
    fn assign(&mut self, process: &ObservedProcess, live: &Live<'_>, outside: &mut HashSet<ProcessKey>) {
        let mut path: Vec<(ProcessKey, ProcessKey)> = Vec::new();
        let mut current = process;
        let agent = loop {
            if self.is_root(current.key) {
                break Some(current.key);
            }
            if let Some(membership) = self.members.get(&current.key) {
                break Some(membership.agent);
            }
            if outside.contains(&current.key) || path.len() > MAX_ANCESTORS {
                break None;
            }
            let Some(parent) = parent(current, live) else { break None };
            path.push((current.key, parent.key));
            current = parent;
        };
        match agent {
            Some(agent) => self.members.extend(path.into_iter().map(|(key, started_by)| {
                (key, MemberRecord { agent, started_by, joined: MembershipReason::Child })
            })),
            None => outside.extend(path.into_iter().map(|(key, _)| key).chain([process.key])),
        }
    }

    /// Removes agents without live processes, and dead members without live descendants.
    fn forget(&mut self, alive: &impl Fn(ProcessKey) -> bool) {
        let mut needed: HashSet<ProcessKey> = self.members.keys().copied().filter(|k| alive(*k)).collect();
        let inhabited: HashSet<ProcessKey> =
            needed.iter().filter_map(|k| self.members.get(k)).map(|m| m.agent).collect();
        self.agents.retain(|e| alive(e.agent.root) || inhabited.contains(&e.agent.root));
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

    fn trees(&self, processes: &[ObservedProcess], alive: &impl Fn(ProcessKey) -> bool) -> Vec<Tree> {
        let ancestors: HashSet<ProcessKey> = self
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
                started_by: e.started_by,
                spawner: e.spawner,
                root_alive: alive(e.agent.root) && !e.rootless,
                members: Vec::new(),
            })
            .collect();
        let index: HashMap<ProcessKey, usize> =
            self.agents.iter().enumerate().map(|(i, e)| (e.agent.root, i)).collect();
        for process in processes {
            let key = process.key;
            let agent = if self.is_root(key) { Some(key) } else { self.members.get(&key).map(|m| m.agent) };
            if let Some(&at) = agent.and_then(|agent| index.get(&agent)) {
                let member = TreeMember {
                    key,
                    lineage: self.lineage(key),
                    is_ancestor_of_agent: ancestors.contains(&key),
                    joined: self.joined(key),
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

    /// The ancestors of `key` within its agent, nearest first, up to the root.
    fn lineage(&self, key: ProcessKey) -> Vec<ProcessKey> {
        let mut lineage = Vec::new();
        let mut current = self.members.get(&key);
        while let Some(membership) = current {
            lineage.push(membership.started_by);
            if membership.started_by == membership.agent {
                break;
            }
            if lineage.len() == MAX_LINEAGE {
                lineage.push(membership.agent);
                break;
            }
            current = self.members.get(&membership.started_by);
        }
        lineage
    }

    fn joined(&self, key: ProcessKey) -> MembershipReason {
        match (self.entry(key), self.members.get(&key)) {
            (Some(entry), _) if entry.rootless => MembershipReason::Environment,
            (Some(_), _) => MembershipReason::Root,
            (None, membership) => membership.map_or(MembershipReason::Child, |m| m.joined),
        }
    }

    fn agent_of(&self, key: ProcessKey) -> Option<ProcessKey> {
        if self.is_root(key) { Some(key) } else { self.members.get(&key).map(|m| m.agent) }
    }

    fn entry(&self, root: ProcessKey) -> Option<&AgentEntry> {
        self.agents.iter().find(|e| e.agent.root == root)
    }

    fn is_root(&self, key: ProcessKey) -> bool {
        self.entry(key).is_some()
    }
}

/// Its parent. A parent younger than its child is a reused pid.
fn parent<'a>(process: &ObservedProcess, live: &Live<'a>) -> Option<&'a ObservedProcess> {
    let parent = process.parent.and_then(|pid| live.get(&pid)).copied();
    parent.filter(|parent| parent.key.start_ticks <= process.key.start_ticks)
}

mod environment;
mod roots;
mod scope;
mod session;

#[cfg(test)]
mod tests;
