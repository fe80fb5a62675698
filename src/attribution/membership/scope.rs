//! Assigns orphans by the scope that limits an agent: only root moves processes into a system scope, so all in it were
//! started by the agent.

use super::{Live, MemberRecord, MembershipTracker, ObservedProcess};
use crate::model::{MembershipReason, ProcessKey};

impl MembershipTracker {
    /// Assigns otherwise unexplained processes in the scopes of agents. Returns whether there were any.
    pub(crate) fn assign_by_scope(&mut self, processes: &[ObservedProcess], live: &Live<'_>) -> bool {
        let mut assigned = false;
        for process in processes {
            // If several agents share the scope, its environment names the right one.
            if process.rule.is_some() || !process.environment_read || self.agent_of(process.key).is_some() {
                continue;
            }
            let Some(agent) = self.limited_root(process, live) else { continue };
            let membership = MemberRecord { agent, started_by: agent, joined: MembershipReason::Scope };
            self.members.insert(process.key, membership);
            assigned = true;
        }
        assigned
    }

    /// The live agent that is the first process of the scope of `process`.
    fn limited_root(&self, process: &ObservedProcess, live: &Live<'_>) -> Option<ProcessKey> {
        let root = live.get(&process.scope?)?.key;
        (self.is_root(root) && root.start_ticks <= process.key.start_ticks).then_some(root)
    }
}
