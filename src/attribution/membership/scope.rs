//! Processes whose parent died before we saw either, in the scope that limits an agent: nobody but what the agent started
//! is in there, since only root moves a process into a scope of the system's.

use super::{Live, Membership, MembershipTracker, ObservedProcess};
use crate::model::{MembershipReason, ProcessKey};

impl MembershipTracker {
    /// Adopts those in the scopes of agents that nothing else explains; whether there were any.
    pub(crate) fn assign_by_scope(&mut self, processes: &[ObservedProcess], live: &Live<'_>) -> bool {
        let mut assigned = false;
        for process in processes {
            // Its environment names the very agent, where several share the scope.
            if process.rule.is_some() || !process.environment_read || self.agent_of(process.key).is_some() {
                continue;
            }
            let Some(agent) = self.limited_root(process, live) else { continue };
            let membership = Membership { agent, started_by: agent, joined: MembershipReason::Scope };
            self.members.insert(process.key, membership);
            assigned = true;
        }
        assigned
    }

    /// The live agent that the scope of `process` began with.
    fn limited_root(&self, process: &ObservedProcess, live: &Live<'_>) -> Option<ProcessKey> {
        let root = live.get(&process.scope?)?.key;
        (self.is_root(root) && root.start_ticks <= process.key.start_ticks).then_some(root)
    }
}
