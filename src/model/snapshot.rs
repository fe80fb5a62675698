//! What one tick saw: all that a decision may rest on.

use super::{AgentRef, Boottime, Charge, Guest, Pressure, ProcessKey};

/// The guest and its agents at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// When it was taken.
    pub at: Boottime,
    /// The guest's memory.
    pub guest: Guest,
    /// Memory pressure; `None` where the kernel keeps none.
    pub pressure: Option<Pressure>,
    /// Every agent, in order of its root's start.
    pub agents: Vec<AgentSample>,
}

/// One agent at one moment.
#[derive(Clone, Debug)]
pub struct AgentSample {
    /// Who it is.
    pub agent: AgentRef,
    /// The agent that started it, where one did.
    pub parent: Option<AgentRef>,
    /// Whether its root still runs; orphans of a dead root stay its members.
    pub root_alive: bool,
    /// Its processes, the root first where it lives. Sub-agents and theirs are not among them.
    pub members: Vec<Member>,
    /// What it costs: the sum over its members, shared memory bounded by the guest's.
    pub charge: Charge,
}

/// One process of an agent.
#[derive(Clone, Debug)]
pub struct Member {
    /// Which process.
    pub key: ProcessKey,
    /// All that the agent's tree knows above it, nearest first, dead ones included.
    pub lineage: Vec<ProcessKey>,
    /// What it costs.
    pub charge: Charge,
    /// Base name of its executable, for reports; command lines are their owner's.
    pub name: String,
    /// Never signalled: a terminal multiplexer, a login or desktop server, ourselves.
    pub protected: bool,
    /// An ancestor of another agent's root: ending it would take that agent along.
    pub carries_agent: bool,
}

impl AgentSample {
    /// The member with that key.
    #[must_use]
    pub fn member(&self, key: ProcessKey) -> Option<&Member> {
        self.members.iter().find(|m| m.key == key)
    }
}
