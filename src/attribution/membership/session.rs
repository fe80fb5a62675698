//! Assigns orphans in a session that a member created: they descend from that member.
//!
//! A process enters a session by fork, or creates one (`setsid(2)`); there is no other way. The id is the pid of the
//! creator, and no new process gets that pid while the session has processes (`alloc_pid`, `kernel/pid.c`).

use std::collections::HashMap;

use super::{MemberRecord, MembershipTracker, ObservedProcess};
use crate::model::{MembershipReason, Pid, ProcessKey};

/// The creators of sessions, and their agents.
#[derive(Debug, Default)]
pub(crate) struct SessionCreators(HashMap<Pid, SessionCreator>);

#[derive(Clone, Copy, Debug)]
struct SessionCreator {
    key: ProcessKey,
    agent: ProcessKey,
}

impl SessionCreators {
    /// The creators after this sample; `agent_of` returns the agent of a process.
    pub(crate) fn update(
        &self,
        processes: &[ObservedProcess],
        agent_of: impl Fn(ProcessKey) -> Option<ProcessKey>,
    ) -> Self {
        // The creator lives: its current membership is more reliable than the stored one.
        let mut session_creators: HashMap<Pid, Option<SessionCreator>> = processes
            .iter()
            .filter(|process| process.session == Some(process.key.pid))
            .map(|ObservedProcess { key, .. }| {
                (key.pid, agent_of(*key).map(|agent| SessionCreator { key: *key, agent }))
            })
            .collect();
        for session in processes.iter().filter_map(|process| process.session) {
            session_creators.entry(session).or_insert_with(|| self.0.get(&session).copied());
        }
        Self(
            session_creators.into_iter().filter_map(|(session, creator)| Some((session, creator?))).collect(),
        )
    }
}

impl MembershipTracker {
    /// Assigns processes in sessions created by members. Returns whether there were any.
    pub(crate) fn assign_by_session(&mut self, processes: &[ObservedProcess]) -> bool {
        let mut assigned = false;
        for process in processes {
            if process.rule.is_some() || self.agent_of(process.key).is_some() {
                continue;
            }
            let creator = process.session.and_then(|session| self.session_creators.0.get(&session)).copied();
            let Some(SessionCreator { key, agent }) = creator.filter(|b| b.key != process.key) else {
                continue;
            };
            // The agent may have exited as a whole since; its orphans still belong to it.
            if self.is_root(agent) && key.start_ticks <= process.key.start_ticks {
                let membership = MemberRecord { agent, started_by: key, joined: MembershipReason::Session };
                self.members.insert(process.key, membership);
                assigned = true;
            }
        }
        assigned
    }
}
