//! Processes whose parent died before we saw it, in a session that a member began: they descend from that member.
//!
//! A session is entered by a fork of who is in it, or begun anew (`setsid(2)`), and by nothing else. Its id is the pid of
//! who began it, and no new process gets that pid while somebody is in the session (`alloc_pid`, `kernel/pid.c`).

use std::collections::HashMap;

use super::{Membership, MembershipTracker, ObservedProcess};
use crate::model::{MembershipReason, Pid, ProcessKey};

/// Who began a session, and for which agent.
#[derive(Debug, Default)]
pub(crate) struct SessionCreators(HashMap<Pid, SessionCreator>);

#[derive(Clone, Copy, Debug)]
struct SessionCreator {
    key: ProcessKey,
    agent: ProcessKey,
}

impl SessionCreators {
    /// What there is now; `agent_of` tells whose member a process is.
    pub(crate) fn update(
        &self,
        processes: &[ObservedProcess],
        agent_of: impl Fn(ProcessKey) -> Option<ProcessKey>,
    ) -> Self {
        // Whoever began it is there: whether it is a member is known better than before.
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
    /// Adopts those in sessions that members began; whether there were any.
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
            // The agent may have ended whole since; then its orphans are.
            if self.is_root(agent) && key.start_ticks <= process.key.start_ticks {
                let membership = Membership { agent, started_by: key, joined: MembershipReason::Session };
                self.members.insert(process.key, membership);
                assigned = true;
            }
        }
        assigned
    }
}
