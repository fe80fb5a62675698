//! Processes whose parent died before we saw it, in a session that a member began: they descend from that member.
//!
//! A session is entered by a fork of who is in it, or begun anew (`setsid(2)`), and by nothing else. Its id is the pid of
//! who began it, and no new process gets that pid while somebody is in the session (`alloc_pid`, `kernel/pid.c`).

use std::collections::HashMap;

use super::{Membership, MembershipTracker, ObservedProcess};
use crate::model::{MembershipReason, Pid, ProcessKey};

/// Who began a session, and for which agent.
#[derive(Debug, Default)]
pub(crate) struct Begun(HashMap<Pid, Beginner>);

#[derive(Clone, Copy, Debug)]
struct Beginner {
    key: ProcessKey,
    agent: ProcessKey,
}

impl Begun {
    /// What there is now; `agent_of` tells whose member a process is.
    pub(crate) fn now(
        &self,
        seen: &[ObservedProcess],
        agent_of: impl Fn(ProcessKey) -> Option<ProcessKey>,
    ) -> Self {
        // Whoever began it is there: whether it is a member is known better than before.
        let mut begun: HashMap<Pid, Option<Beginner>> = seen
            .iter()
            .filter(|process| process.session == Some(process.key.pid))
            .map(|ObservedProcess { key, .. }| {
                (key.pid, agent_of(*key).map(|agent| Beginner { key: *key, agent }))
            })
            .collect();
        for session in seen.iter().filter_map(|process| process.session) {
            begun.entry(session).or_insert_with(|| self.0.get(&session).copied());
        }
        Self(begun.into_iter().filter_map(|(session, beginner)| Some((session, beginner?))).collect())
    }
}

impl MembershipTracker {
    /// Adopts those in sessions that members began; whether there were any.
    pub(crate) fn adopt_by_session(&mut self, seen: &[ObservedProcess]) -> bool {
        let mut adopted = false;
        for process in seen {
            if process.rule.is_some() || self.agent_of(process.key).is_some() {
                continue;
            }
            let beginner = process.session.and_then(|session| self.begun.0.get(&session)).copied();
            let Some(Beginner { key, agent }) = beginner.filter(|b| b.key != process.key) else { continue };
            // The agent may have ended whole since; then its orphans are.
            if self.is_root(agent) && key.start_ticks <= process.key.start_ticks {
                let membership = Membership { agent, started_by: key, joined: MembershipReason::Session };
                self.members.insert(process.key, membership);
                adopted = true;
            }
        }
        adopted
    }
}
