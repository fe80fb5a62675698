//! Roots of agents.

use std::collections::HashSet;

use super::{AgentEntry, Live, MemberRecord, MembershipTracker, ObservedProcess, parent};
use crate::model::{AgentId, AgentRef, MembershipReason, ProcessKey, Recognised, Role};

impl MembershipTracker {
    /// Removes agents if another rule, or none, now matches their root. Their members are assigned again.
    pub(crate) fn remove_changed(&mut self, live: &Live<'_>) {
        let pinned = &self.pinned;
        let changed = |entry: &AgentEntry| {
            if pinned.contains(&entry.agent.root) {
                return false;
            }
            let root = live.get(&entry.agent.root.pid).filter(|s| s.key == entry.agent.root);
            let recognised = root.map(|s| s.rule.as_deref().map(|rule| rule.rule.as_str()));
            recognised
                .is_some_and(|rule| rule != Some(&entry.agent.rule) && (rule.is_some() || !entry.rootless))
        };
        let changed: Vec<ProcessKey> =
            self.agents.extract_if(.., |e| changed(e)).map(|e| e.agent.root).collect();
        for root in changed {
            self.members.retain(|_, m| m.agent != root);
        }
    }

    /// Continues a service with its next process after the first has exited.
    pub(crate) fn handle_root_exit(
        &mut self,
        processes: &[ObservedProcess],
        alive: &impl Fn(ProcessKey) -> bool,
    ) {
        let mut moved = Vec::new();
        for entry in self.agents.iter_mut().filter(|e| e.role == Role::Service && !alive(e.agent.root)) {
            let next = processes.iter().filter(|s| is_service_of(s, entry)).min_by_key(|s| s.key.start_ticks);
            let Some(next) = next.map(|s| s.key) else { continue };
            let old = std::mem::replace(&mut entry.agent.root, next);
            entry.agent.id = AgentId::new(&entry.agent.rule, next);
            self.members.remove(&next);
            for membership in self.members.values_mut().filter(|m| m.agent == old) {
                membership.agent = next;
            }
            moved.push((old, entry.agent.clone()));
        }
        for (old, agent) in moved {
            self.reparent(old, &agent);
        }
    }

    /// Replaces the parent `old` of agents by `agent`, with which it was merged.
    fn reparent(&mut self, old: ProcessKey, agent: &AgentRef) {
        for entry in &mut self.agents {
            if entry.parent.as_ref().is_some_and(|parent| parent.root == old) {
                entry.parent = Some(agent.clone());
            }
        }
    }

    /// Makes an agent of each recognised process, the oldest first.
    pub(crate) fn recognise(&mut self, processes: &[ObservedProcess], live: &Live<'_>) {
        let mut roots: Vec<(&ObservedProcess, &Recognised)> =
            processes.iter().filter_map(|s| s.rule.as_deref().map(|rule| (s, rule))).collect();
        roots.sort_by_key(|(s, _)| (s.key.start_ticks, s.key.pid));
        let mut new = Vec::new();
        for (process, rule) in roots {
            if let Some(entry) = self.agents.iter_mut().find(|e| e.agent.root == process.key) {
                if entry.agent.rule != rule.rule {
                    // It is pinned.
                    continue;
                }
                // A launcher that calls exec in place is the agent itself from then on.
                entry.role = rule.role;
                if entry.rootless {
                    // An orphan that becomes an agent by exec is its root.
                    entry.rootless = false;
                    entry.sessions.clear();
                    entry.agent.resume_session = None;
                }
                // The rule may have changed.
                entry.agent.resume.clone_from(&rule.resume);
            } else if let Some(whole) = self.agent_of_part(process, rule, live) {
                self.split_off(process.key, whole);
                if let Some(entry) = self.agents.iter_mut().find(|e| e.agent.root == whole) {
                    entry.launched = Some(process.key);
                }
                let joined = MembershipReason::Child;
                self.members.insert(process.key, MemberRecord { agent: whole, started_by: whole, joined });
            } else {
                self.add_agent(process, rule, live);
                new.push(process);
            }
        }
        for process in new {
            self.find_parent_agent(process, live);
            self.merge_launched(process, live);
        }
        self.agents.sort_by_key(|e| (e.agent.root.start_ticks, e.agent.root.pid));
    }

    /// The agent of which a recognised process is only a part: its launcher's agent, or the service.
    fn agent_of_part(
        &self,
        process: &ObservedProcess,
        rule: &Recognised,
        live: &Live<'_>,
    ) -> Option<ProcessKey> {
        if rule.role == Role::Service {
            return self.agents.iter().find(|e| is_service_of(process, e)).map(|e| e.agent.root);
        }
        let parent = parent(process, live)?;
        self.entry(parent.key).filter(|e| launches(e, process, rule, live)).map(|_| parent.key)
    }

    fn add_agent(&mut self, process: &ObservedProcess, rule: &Recognised, live: &Live<'_>) {
        let agent =
            AgentRef { resume: rule.resume.clone(), ..AgentRef::new(&rule.rule, process.key, process.uid) };
        let before = self.members.get(&process.key).copied().filter(|_| rule.role != Role::Service);
        self.split_off(process.key, process.key);
        let owner = before.and_then(|m| self.entry(m.agent)).map(|e| e.agent.clone());
        let started_by = before.map(|m| m.started_by);
        let entry = AgentEntry {
            agent,
            role: rule.role,
            parent: owner,
            started_by,
            spawner: parent(process, live).map(|parent| parent.key),
            sessions: Vec::new(),
            launched: None,
            rootless: false,
        };
        self.agents.push(entry);
    }

    /// Moves the descendants of a member that became an agent by exec to that agent.
    fn split_off(&mut self, top: ProcessKey, agent: ProcessKey) {
        let below: Vec<ProcessKey> =
            self.members.keys().copied().filter(|key| self.lineage(*key).contains(&top)).collect();
        self.members.remove(&top);
        for key in below {
            if let Some(membership) = self.members.get_mut(&key) {
                membership.agent = agent;
            }
        }
    }

    /// Merges a launcher that is recognised after its child with the child's agent.
    fn merge_launched(&mut self, launcher: &ObservedProcess, live: &Live<'_>) {
        let Some(above) = self.entry(launcher.key).filter(|e| e.launched.is_none()) else { return };
        let agent = above.agent.clone();
        let is_launched = |e: &&AgentEntry| {
            if self.pinned.contains(&e.agent.root) {
                return false;
            }
            let root = live.get(&e.agent.root.pid).filter(|s| s.key == e.agent.root);
            root.is_some_and(|root| {
                let rule = root.rule.as_deref();
                parent(root, live).is_some_and(|p| p.key == launcher.key)
                    && rule.is_some_and(|rule| launches(above, root, rule, live))
            })
        };
        let Some(root) = self.agents.iter().find(is_launched).map(|e| e.agent.root) else { return };
        self.agents.retain(|e| e.agent.root != root);
        for membership in self.members.values_mut().filter(|m| m.agent == root) {
            membership.agent = launcher.key;
        }
        let (started_by, joined) = (launcher.key, MembershipReason::Child);
        self.members.insert(root, MemberRecord { agent: launcher.key, started_by, joined });
        self.reparent(root, &agent);
        if let Some(entry) = self.agents.iter_mut().find(|e| e.agent.root == launcher.key) {
            entry.launched = Some(root);
        }
    }

    fn find_parent_agent(&mut self, root: &ObservedProcess, live: &Live<'_>) {
        if self.entry(root.key).is_none_or(|e| e.parent.is_some() || e.role == Role::Service) {
            return;
        }
        let Some(parent) = parent(root, live) else { return };
        self.assign(parent, live, &mut HashSet::new());
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
}

fn is_service_of(process: &ObservedProcess, entry: &AgentEntry) -> bool {
    let same = |rule: &Recognised| rule.role == Role::Service && rule.rule == entry.agent.rule;
    entry.role == Role::Service && process.uid == entry.agent.uid && process.rule.as_deref().is_some_and(same)
}

/// Whether `process` is the agent that `launcher` starts: a child that the same rule matches, in the launcher's session and
/// older than all its other children; or the next such child after that one has exited. Any other match was started by a
/// tool with a shell that called exec, since the script of a launcher may also be the agent itself (Gemini that does not
/// relaunch).
///
/// The time between the two starts is no criterion: a machine that is short of memory is slow, and Node needed 10 s in one
/// emulated guest and over a minute in another. A launcher stays in its terminal's session, or its agent could not read
/// from it, and starts nothing else before. An agent runs its tools in sessions of their own.
fn launches(launcher: &AgentEntry, process: &ObservedProcess, rule: &Recognised, live: &Live<'_>) -> bool {
    let root = launcher.agent.root;
    let is_next = || match launcher.launched {
        None => {
            let age = |key: ProcessKey| (key.start_ticks, key.pid);
            let session = live.get(&root.pid).and_then(|launcher| launcher.session);
            let is_older_child = |other: &ObservedProcess| {
                age(other.key) < age(process.key) && parent(other, live).is_some_and(|p| p.key == root)
            };
            session == process.session && !live.values().any(|other| is_older_child(other))
        }
        Some(child) => child == process.key || live.get(&child.pid).is_none_or(|s| s.key != child),
    };
    launcher.role == Role::Launcher && launcher.agent.rule == rule.rule && is_next()
}
