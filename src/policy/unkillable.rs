//! Processes that could not be ended. They are set aside for a while: what their agent does besides is not.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Duration;

use crate::model::{AgentSample, Boottime, Charge, Member, ProcessKey, Snapshot};

/// What could not be ended is left alone for this long before it is tried again.
pub(super) const RETRY_DELAY: Duration = Duration::from_secs(30);

/// Who is set aside, and until when.
#[derive(Debug, Default)]
pub(super) struct Unkillable {
    until: HashMap<ProcessKey, Boottime>,
}

impl Unkillable {
    /// These have outlived their `KILL`.
    pub(super) fn exclude(&mut self, at: Boottime, keys: impl IntoIterator<Item = ProcessKey>) {
        self.until.extend(keys.into_iter().map(|key| (key, at + RETRY_DELAY)));
    }

    /// Lets those be tried again whose time is over.
    pub(super) fn forget(&mut self, at: Boottime) {
        self.until.retain(|_, until| at < *until);
    }

    /// What can be acted on: the same agents without those that are set aside, and without what only these hold.
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

    /// What forked from one meanwhile shares its fate: each would be another action that fails.
    fn has(&self, member: &Member) -> bool {
        let is_aside = |key: &ProcessKey| self.until.contains_key(key);
        is_aside(&member.key) || member.lineage.iter().any(is_aside)
    }
}
