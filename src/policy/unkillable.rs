//! Processes that survived `KILL`. They are excluded for a while; the rest of their agent is not.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Duration;

use crate::model::{AgentSample, Boottime, Charge, Member, ProcessKey, Snapshot};

/// Time until an unkillable process is tried again.
pub(super) const RETRY_DELAY: Duration = Duration::from_secs(30);

/// The excluded processes, and until when.
#[derive(Debug, Default)]
pub(super) struct Unkillable {
    until: HashMap<ProcessKey, Boottime>,
}

impl Unkillable {
    /// Excludes processes that survived their `KILL`.
    pub(super) fn exclude(&mut self, at: Boottime, keys: impl IntoIterator<Item = ProcessKey>) {
        self.until.extend(keys.into_iter().map(|key| (key, at + RETRY_DELAY)));
    }

    /// Includes processes again after their time is over.
    pub(super) fn forget(&mut self, at: Boottime) {
        self.until.retain(|_, until| at < *until);
    }

    /// The killable part: the same agents without excluded processes and the memory that only these hold.
    pub(super) fn without<'a>(&self, snapshot: &'a Snapshot) -> Cow<'a, Snapshot> {
        if !snapshot.agents.iter().flat_map(|a| &a.members).any(|m| self.has(m)) {
            return Cow::Borrowed(snapshot);
        }
        let agents = snapshot.agents.iter().map(|agent| self.left_of(agent)).collect();
        Cow::Owned(Snapshot { agents, ..snapshot.clone() })
    }

    fn left_of(&self, agent: &AgentSample) -> AgentSample {
        let (aside, members): (Vec<Member>, Vec<Member>) =
            agent.members.iter().cloned().partition(|m| self.has(m));
        let held: Charge = aside.iter().map(|m| m.charge).sum();
        let charge = Charge::default().plus_beyond(agent.charge, held);
        AgentSample { members, charge, ..agent.clone() }
    }

    /// A fork of an excluded process is excluded as well: each would be another action that fails.
    fn has(&self, member: &Member) -> bool {
        let is_aside = |key: &ProcessKey| self.until.contains_key(key);
        is_aside(&member.key) || member.lineage.iter().any(is_aside)
    }
}
