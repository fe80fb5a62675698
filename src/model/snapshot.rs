//! What one tick saw: all that a decision may rest on.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{AgentRef, Boottime, Bytes, Charge, Pressure, ProcessKey, SystemMemory, Thresholds, Uid};

/// The guest and its agents at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// When it was taken.
    pub at: Boottime,
    /// The guest's memory.
    pub guest: SystemMemory,
    /// Memory pressure; `None` where the kernel keeps none.
    pub pressure: Option<Pressure>,
    /// What was read back from swap since boot; `None` where nobody needed to know.
    pub swapped_in: Option<Bytes>,
    /// How many processes the kernel's OOM killer has ended since boot; `None` where nobody needed to know.
    pub oom_kills: Option<u64>,
    /// The slice of limited agents; `None` where nobody is limited, or they have no cap together.
    pub slice: Option<Slice>,
    /// Every agent, in order of its root's start.
    pub agents: Vec<AgentSample>,
    /// Roots of former agents that still run, and match no rule any more.
    pub unmatched_roots: Vec<ProcessKey>,
}

/// All limited agents together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    /// Its cgroup, from the root of the tree.
    pub path: PathBuf,
    /// `memory.max`.
    pub max: Bytes,
    /// `memory.current` without page cache, which the kernel takes back first.
    pub used: Bytes,
}

/// One agent at one moment.
#[derive(Clone, Debug)]
pub struct AgentSample {
    /// Who it is.
    pub agent: AgentRef,
    /// The agent that started it, where one did.
    pub parent: Option<AgentRef>,
    /// The member of that agent that did; it may have ended since.
    pub started_by: Option<ProcessKey>,
    /// The parent of its root when that was recognised: whoever starts an agent anew after its end is still there.
    /// `None`: it is not known, or starts everybody's, as a service manager does.
    pub spawner: Option<ProcessKey>,
    /// Whether its root still runs; orphans of a dead root stay its members.
    pub root_alive: bool,
    /// Its processes, the root first where it lives. Sub-agents and theirs are not among them.
    pub members: Vec<Member>,
    /// What it costs: the sum over its members, what they share counted once, or what its own cgroup costs where
    /// that is more.
    pub charge: Charge,
    /// Of the charge: what a closer look, that is under way, may find to be counted twice.
    pub unverified: Bytes,
    /// Its cgroup; `None` where it shares one with others.
    pub cgroup: Option<CgroupMemory>,
    /// The scope that limits it, also where somebody of it has left that; `None`: it was never seen in one.
    pub scope: Option<PathBuf>,
}

/// What a cgroup costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CgroupMemory {
    /// Which one, from the root of the tree.
    pub path: PathBuf,
    /// Nobody else is in it at this moment: all in it may be killed at once.
    pub alone: bool,
    /// `anon` and `shmem` of `memory.stat`, `memory.swap.current`.
    pub charge: Charge,
    /// `memory.current`: shown, never decided by, since page cache is in it.
    pub current: Bytes,
    /// Of that: page cache.
    pub cache: Bytes,
    /// `memory.max`; `None`: no limit.
    pub max: Option<Bytes>,
    /// `memory.high`; `None`: nothing holds it back.
    pub high: Option<Bytes>,
    /// How often it was found above that (`high` of `memory.events`).
    pub high_events: u64,
    /// How many in it the kernel's OOM killer has ended, whatever ran out (`oom_kill` of `memory.events`).
    pub killed: u64,
}

/// How a process came to belong to an agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MembershipReason {
    /// It is the root.
    Root,
    /// A member started it.
    #[default]
    Child,
    /// It is in a session that a member began: its parent died before we saw either.
    Session,
    /// Its environment says so: its parent died before we saw either.
    Environment,
    /// It is in the scope that limits the agent: its parent died before we saw either.
    Scope,
}

/// One process of an agent.
#[derive(Clone, Debug)]
pub struct Member {
    /// Which process.
    pub key: ProcessKey,
    /// Whose it is, which may be another one than the agent's (`sudo`, `su`).
    pub uid: Uid,
    /// All that the agent's tree knows above it, nearest first, dead ones included.
    pub lineage: Vec<ProcessKey>,
    /// How it came to be a member.
    pub joined: MembershipReason,
    /// What it costs, its share of what it shares.
    pub charge: Charge,
    /// What its runtime allows its heap; `None` where it has no such limit, or none that is known.
    pub heap_limit: Option<Bytes>,
    /// Base name of its executable, for reports; command lines are their owner's.
    pub name: String,
    /// Never signalled: a terminal multiplexer, a login or desktop server, ourselves.
    pub protected: bool,
    /// An ancestor of another agent's root: ending it would take that agent along.
    pub is_ancestor_of_agent: bool,
}

impl Member {
    /// A process that its parent made a member: not protected, without a heap limit, and no agent below it.
    #[must_use]
    pub fn new(key: ProcessKey, uid: Uid, name: impl Into<String>, charge: Charge) -> Self {
        Self {
            key,
            uid,
            lineage: Vec::new(),
            joined: MembershipReason::Child,
            charge,
            heap_limit: None,
            name: name.into(),
            protected: false,
            is_ancestor_of_agent: false,
        }
    }
}

impl AgentSample {
    /// An agent that runs, was started by no other agent and has no cgroup of its own. It costs the sum of its members.
    #[must_use]
    pub fn new(agent: AgentRef, members: Vec<Member>) -> Self {
        Self {
            agent,
            parent: None,
            started_by: None,
            spawner: None,
            root_alive: true,
            charge: members.iter().map(|member| member.charge).sum(),
            members,
            unverified: Bytes::ZERO,
            cgroup: None,
            scope: None,
        }
    }

    /// What it may hold at the most; `None`: as much as there is, or it shares its cgroup with others.
    #[must_use]
    pub fn limit(&self) -> Option<Bytes> {
        self.cgroup.as_ref().and_then(|cgroup| cgroup.max)
    }

    /// The lines that count for it, of those of all agents.
    #[must_use]
    pub fn thresholds(&self, all: Thresholds) -> Thresholds {
        all.within(self.limit())
    }

    /// The member with that key.
    #[must_use]
    pub fn member(&self, key: ProcessKey) -> Option<&Member> {
        self.members.iter().find(|m| m.key == key)
    }
}
