//! Assigns orphans by their environments. The parent of an orphan exited before it was observed.
//!
//! Claude runs its tools in sessions of their own and passes the id of the conversation to them. After its shell has
//! exited, a tool is a child of process 1, and no ancestor leads back to the agent.

use std::sync::Arc;

use super::{AgentEntry, Live, MemberRecord, MembershipTracker, ObservedProcess};
use crate::model::{AgentRef, MembershipReason, ProcessKey, Role, SpawnOrigin};

/// Sessions remembered for each agent: `/clear` starts another one.
const MAX_SESSIONS: usize = 8;

impl MembershipTracker {
    /// Assigns processes that no ancestor explains. Returns whether there were any.
    pub(crate) fn assign_by_environment(&mut self, processes: &[ObservedProcess], live: &Live<'_>) -> bool {
        self.learn_sessions(processes, live);
        self.revise(processes);
        let mut orphans: Vec<(&ObservedProcess, &SpawnOrigin)> = processes
            .iter()
            .filter(|s| s.rule.is_none() && !self.members.contains_key(&s.key) && !self.is_root(s.key))
            .filter_map(|s| s.origin.as_deref().map(|origin| (s, origin)))
            .filter(|(orphan, origin)| !self.is_pending(orphan, origin, live))
            .collect();
        orphans.sort_by_key(|(s, _)| (s.key.start_ticks, s.key.pid));
        for (orphan, origin) in &orphans {
            let live_agent =
                self.by_session(origin, orphan).or_else(|| self.only_candidate(origin, orphan, live));
            let joined = MembershipReason::Environment;
            match live_agent {
                Some(agent) => {
                    self.members.insert(orphan.key, MemberRecord { agent, started_by: agent, joined });
                }
                None => self.add_rootless(orphan, origin),
            }
        }
        self.agents.sort_by_key(|e| (e.agent.root.start_ticks, e.agent.root.pid));
        !orphans.is_empty()
    }

    /// Learns the sessions of agents from the environments of their members. An agent's own process does not carry its
    /// session, its children do; the root carries the session of the agent that started it.
    fn learn_sessions(&mut self, processes: &[ObservedProcess], live: &Live<'_>) {
        let mut members: Vec<(&ObservedProcess, &SpawnOrigin, ProcessKey)> = processes
            .iter()
            .filter_map(|s| {
                let membership = self.members.get(&s.key).filter(|m| m.joined == MembershipReason::Child)?;
                Some((s, s.origin.as_deref()?, membership.agent))
            })
            .collect();
        members.sort_by_key(|(s, ..)| (s.key.start_ticks, s.key.pid));
        for (_, origin, agent) in members {
            let root = live.get(&agent.pid).filter(|s| s.key == agent);
            // Not before the root's own environment was read: its session would be taken for this agent's.
            if root.is_some_and(|root| !root.environment_read) || has_session(live, agent, origin) {
                continue;
            }
            let mut agents = self.agents.iter_mut();
            let entry = agents.find(|e| e.agent.root == agent && e.agent.rule == origin.rule);
            let (Some(entry), Some(session)) = (entry, &origin.session) else { continue };
            if !entry.sessions.contains(session) {
                entry.sessions.push(Arc::clone(session));
                let over = entry.sessions.len().saturating_sub(MAX_SESSIONS);
                entry.sessions.drain(..over);
                entry.agent.resume_session.clone_from(&origin.resume);
            }
        }
    }

    /// Reverts assignments that later knowledge contradicts.
    fn revise(&mut self, processes: &[ObservedProcess]) {
        let known = |agents: &[AgentEntry], origin: &SpawnOrigin| {
            agents.iter().any(|e| !e.rootless && e.matches_origin(origin))
        };
        for process in processes {
            let Some(origin) = process.origin.as_deref() else { continue };
            if self.entry(process.key).is_some_and(|e| e.rootless) && known(&self.agents, origin) {
                // The agent itself was found after its orphans.
                self.agents.retain(|e| e.agent.root != process.key);
                self.members.retain(|_, m| m.agent != process.key);
            }
            let Some(membership) = self.members.get(&process.key) else { continue };
            let entry = self.entry(membership.agent);
            let another = entry.is_some_and(|e| {
                !e.sessions.is_empty() && origin.session.is_some() && !e.matches_origin(origin)
            });
            if membership.joined == MembershipReason::Environment && another {
                let below: Vec<ProcessKey> = self
                    .members
                    .keys()
                    .copied()
                    .filter(|k| self.lineage(*k).contains(&process.key))
                    .collect();
                self.members.retain(|key, _| *key != process.key && !below.contains(key));
            }
        }
    }

    /// Whether the environment of an agent that may have started the orphan was not read yet.
    fn is_pending(&self, orphan: &ObservedProcess, origin: &SpawnOrigin, live: &Live<'_>) -> bool {
        let of_kind = |e: &&AgentEntry| e.agent.rule == origin.rule && e.agent.uid == orphan.uid;
        let unread = |e: &AgentEntry| {
            live.get(&e.agent.root.pid).is_some_and(|s| s.key == e.agent.root && !s.environment_read)
        };
        self.agents.iter().filter(of_kind).any(unread)
    }

    fn by_session(&self, origin: &SpawnOrigin, orphan: &ObservedProcess) -> Option<ProcessKey> {
        let same = |e: &&AgentEntry| e.matches_origin(origin) && e.agent.uid == orphan.uid;
        self.agents.iter().find(same).map(|e| e.agent.root)
    }

    /// The only live agent that can have started the orphan: same user and rule, older, and without a known session.
    fn only_candidate(
        &self,
        origin: &SpawnOrigin,
        orphan: &ObservedProcess,
        live: &Live<'_>,
    ) -> Option<ProcessKey> {
        let possible = |e: &&AgentEntry| {
            !e.rootless
                && e.sessions.is_empty()
                && e.role != Role::Service
                && e.agent.rule == origin.rule
                && e.agent.uid == orphan.uid
                && e.agent.root.start_ticks <= orphan.key.start_ticks
                && live.get(&e.agent.root.pid).is_some_and(|s| s.key == e.agent.root)
                && !has_session(live, e.agent.root, origin)
        };
        let mut candidates = self.agents.iter().filter(possible);
        candidates.next().filter(|_| candidates.next().is_none()).map(|e| e.agent.root)
    }

    /// Makes an entity of its own from the orphans of a dead agent: no other agent is charged for them, and they stay listed.
    fn add_rootless(&mut self, orphan: &ObservedProcess, origin: &SpawnOrigin) {
        let Some(session) = &origin.session else { return };
        let agent = AgentRef {
            resume_session: origin.resume.clone(),
            ..AgentRef::new(&origin.rule, orphan.key, orphan.uid)
        };
        let sessions = vec![Arc::clone(session)];
        self.agents.push(AgentEntry {
            agent,
            role: Role::Agent,
            parent: None,
            started_by: None,
            spawner: None,
            sessions,
            launched: None,
            rootless: true,
        });
    }
}

impl AgentEntry {
    /// Whether `origin` names this agent, or its remains.
    fn matches_origin(&self, origin: &SpawnOrigin) -> bool {
        self.agent.rule == origin.rule && origin.session.as_ref().is_some_and(|s| self.sessions.contains(s))
    }
}

/// Whether the environment of the process `key` names the same session.
fn has_session(live: &Live<'_>, key: ProcessKey, origin: &SpawnOrigin) -> bool {
    let root = live.get(&key.pid).filter(|s| s.key == key);
    root.and_then(|s| s.origin.as_deref()).is_some_and(|own| own.session == origin.session)
}
