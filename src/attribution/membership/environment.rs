//! Processes whose parent died before we saw either: their environment tells whose they are.
//!
//! Claude runs its tools in sessions of their own and gives them the id of the conversation. A tool whose shell has
//! ended hangs below process 1, and no lineage leads back from there.

use std::sync::Arc;

use super::{Entry, Live, Membership, MembershipTracker, ObservedProcess};
use crate::model::{AgentRef, MembershipReason, ProcessKey, Role, SpawnOrigin};

/// So many sessions of one agent are remembered: `/clear` begins another.
const SESSIONS: usize = 8;

impl MembershipTracker {
    /// Adopts what no lineage explains; whether anything was.
    pub(crate) fn adopt_by_environment(&mut self, seen: &[ObservedProcess], live: &Live<'_>) -> bool {
        self.learn_sessions(seen, live);
        self.reconsider(seen);
        let mut strays: Vec<(&ObservedProcess, &SpawnOrigin)> = seen
            .iter()
            .filter(|s| s.rule.is_none() && !self.members.contains_key(&s.key) && !self.is_root(s.key))
            .filter_map(|s| s.origin.as_deref().map(|origin| (s, origin)))
            .filter(|(stray, origin)| !self.is_undecided(stray, origin, live))
            .collect();
        strays.sort_by_key(|(s, _)| (s.key.start_ticks, s.key.pid));
        for (stray, origin) in &strays {
            let live_agent =
                self.by_session(origin, stray).or_else(|| self.only_candidate(origin, stray, live));
            let joined = MembershipReason::Environment;
            match live_agent {
                Some(agent) => {
                    self.members.insert(stray.key, Membership { agent, started_by: agent, joined });
                }
                None => self.begin_rootless(stray, origin),
            }
        }
        self.agents.sort_by_key(|e| (e.agent.root.start_ticks, e.agent.root.pid));
        !strays.is_empty()
    }

    /// An agent's own process does not carry its session, those that it starts do. What the root itself carries is
    /// the session of the agent that started it.
    fn learn_sessions(&mut self, seen: &[ObservedProcess], live: &Live<'_>) {
        let mut members: Vec<(&ObservedProcess, &SpawnOrigin, ProcessKey)> = seen
            .iter()
            .filter_map(|s| {
                let membership = self.members.get(&s.key).filter(|m| m.joined == MembershipReason::Child)?;
                Some((s, s.origin.as_deref()?, membership.agent))
            })
            .collect();
        members.sort_by_key(|(s, ..)| (s.key.start_ticks, s.key.pid));
        for (_, origin, agent) in members {
            let root = live.get(&agent.pid).filter(|s| s.key == agent);
            // Not before the root itself was asked: what it carries would be taken for its own.
            if root.is_some_and(|root| !root.told) || carries(live, agent, origin) {
                continue;
            }
            let mut agents = self.agents.iter_mut();
            let entry = agents.find(|e| e.agent.root == agent && e.agent.rule == origin.rule);
            let (Some(entry), Some(session)) = (entry, &origin.session) else { continue };
            if !entry.sessions.contains(session) {
                entry.sessions.push(Arc::clone(session));
                let over = entry.sessions.len().saturating_sub(SESSIONS);
                entry.sessions.drain(..over);
                entry.agent.resume_session.clone_from(&origin.resume);
            }
        }
    }

    /// Gives up adoptions that what was learned since shows to be wrong.
    fn reconsider(&mut self, seen: &[ObservedProcess]) {
        let known =
            |agents: &[Entry], origin: &SpawnOrigin| agents.iter().any(|e| !e.rootless && e.has(origin));
        for process in seen {
            let Some(origin) = process.origin.as_deref() else { continue };
            if self.entry(process.key).is_some_and(|e| e.rootless) && known(&self.agents, origin) {
                // The agent itself was found after its orphans.
                self.agents.retain(|e| e.agent.root != process.key);
                self.members.retain(|_, m| m.agent != process.key);
            }
            let Some(membership) = self.members.get(&process.key) else { continue };
            let entry = self.entry(membership.agent);
            let another =
                entry.is_some_and(|e| !e.sessions.is_empty() && origin.session.is_some() && !e.has(origin));
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

    /// Whether an agent that may have started the stray was not yet asked what it carries itself.
    fn is_undecided(&self, stray: &ObservedProcess, origin: &SpawnOrigin, live: &Live<'_>) -> bool {
        let of_kind = |e: &&Entry| e.agent.rule == origin.rule && e.agent.uid == stray.uid;
        let untold =
            |e: &Entry| live.get(&e.agent.root.pid).is_some_and(|s| s.key == e.agent.root && !s.told);
        self.agents.iter().filter(of_kind).any(untold)
    }

    fn by_session(&self, origin: &SpawnOrigin, stray: &ObservedProcess) -> Option<ProcessKey> {
        let same = |e: &&Entry| e.has(origin) && e.agent.uid == stray.uid;
        self.agents.iter().find(same).map(|e| e.agent.root)
    }

    /// The one live agent that can have started the stray: of its user and kind, older, and of no known session.
    fn only_candidate(
        &self,
        origin: &SpawnOrigin,
        stray: &ObservedProcess,
        live: &Live<'_>,
    ) -> Option<ProcessKey> {
        let possible = |e: &&Entry| {
            !e.rootless
                && e.sessions.is_empty()
                && e.role != Role::Service
                && e.agent.rule == origin.rule
                && e.agent.uid == stray.uid
                && e.agent.root.start_ticks <= stray.key.start_ticks
                && live.get(&e.agent.root.pid).is_some_and(|s| s.key == e.agent.root)
                && !carries(live, e.agent.root, origin)
        };
        let mut candidates = self.agents.iter().filter(possible);
        candidates.next().filter(|_| candidates.next().is_none()).map(|e| e.agent.root)
    }

    /// What a dead agent left behind is an entity of its own: nobody else is charged for it, and it is not forgotten.
    fn begin_rootless(&mut self, stray: &ObservedProcess, origin: &SpawnOrigin) {
        let Some(session) = &origin.session else { return };
        let agent = AgentRef {
            resume_session: origin.resume.clone(),
            ..AgentRef::new(&origin.rule, stray.key, stray.uid)
        };
        let sessions = vec![Arc::clone(session)];
        self.agents.push(Entry {
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

impl Entry {
    /// Whether it is the agent, or what is left of it, of which `origin` speaks.
    fn has(&self, origin: &SpawnOrigin) -> bool {
        self.agent.rule == origin.rule && origin.session.as_ref().is_some_and(|s| self.sessions.contains(s))
    }
}

/// Whether the environment of the process `key` names the same session.
fn carries(live: &Live<'_>, key: ProcessKey, origin: &SpawnOrigin) -> bool {
    let root = live.get(&key.pid).filter(|s| s.key == key);
    root.and_then(|s| s.origin.as_deref()).is_some_and(|own| own.session == origin.session)
}
