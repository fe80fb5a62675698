//! The result of one sample: all values that a decision may depend on.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{AgentRef, Boottime, Bytes, Charge, Pressure, ProcessKey, SystemMemory, Thresholds, Uid};

/// The machine and its agents at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Time of the sample.
    pub at: Boottime,
    /// Memory of the machine.
    pub guest: SystemMemory,
    /// Memory pressure; `None` if the kernel does not provide it.
    pub pressure: Option<Pressure>,
    /// Memory read back from swap since boot; `None` if it was not needed.
    pub swapped_in: Option<Bytes>,
    /// Processes killed by the kernel's OOM killer since boot; `None` if it was not needed.
    pub oom_kills: Option<u64>,
    /// The slice of limited agents; `None` without limited agents or without a common cap.
    pub slice: Option<Slice>,
    /// All agents, ordered by the start of their roots.
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
    /// Its identity.
    pub agent: AgentRef,
    /// The agent that started it, if any.
    pub parent: Option<AgentRef>,
    /// The member of that agent that started it; it may have exited since.
    pub started_by: Option<ProcessKey>,
    /// The parent of its root at the time of recognition: a program that restarts an agent is still there afterwards. `None`
    /// if it is unknown, or starts all kinds of processes, as a service manager does.
    pub spawner: Option<ProcessKey>,
    /// Whether its root still runs; orphans of a dead root remain its members.
    pub root_alive: bool,
    /// Its processes, the root first if it lives, without those of sub-agents.
    pub members: Vec<Member>,
    /// Its charge: the sum over its members with shared memory counted once, or the charge of its own cgroup if that is
    /// larger.
    pub charge: Charge,
    /// The part of the charge that a reading under way may show to be counted twice.
    pub unverified: Bytes,
    /// Its cgroup; `None` if it shares one with other processes.
    pub cgroup: Option<CgroupMemory>,
    /// The scope that limits it, also after some of its processes have left that; `None`: it was never seen in one.
    pub scope: Option<PathBuf>,
}

/// Memory of a cgroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CgroupMemory {
    /// Its path from the root of the tree.
    pub path: PathBuf,
    /// All its processes belong to the agent at this moment, so it may be killed as a whole.
    pub alone: bool,
    /// `anon` and `shmem` of `memory.stat`, `memory.swap.current`.
    pub charge: Charge,
    /// `memory.current`: shown, never used for decisions, since it includes page cache.
    pub current: Bytes,
    /// The page cache in it.
    pub cache: Bytes,
    /// `memory.max`; `None`: no limit.
    pub max: Option<Bytes>,
    /// `memory.high`; `None`: not throttled.
    pub high: Option<Bytes>,
    /// How often it exceeded `memory.high` (`high` of `memory.events`).
    pub high_events: u64,
    /// Number of its processes killed by the kernel's OOM killer, for whatever shortage (`oom_kill` of `memory.events`).
    pub killed: u64,
}

/// The reason for a membership.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MembershipReason {
    /// It is the root.
    Root,
    /// A member started it.
    #[default]
    Child,
    /// It is in a session created by a member; its parent died unobserved.
    Session,
    /// Its environment names the agent; its parent died unobserved.
    Environment,
    /// It is in the scope that limits the agent; its parent died unobserved.
    Scope,
}

/// One process of an agent.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its key.
    pub key: ProcessKey,
    /// Its user, which may differ from the agent's (`sudo`, `su`).
    pub uid: Uid,
    /// Its known ancestors within the agent, nearest first, including dead ones.
    pub lineage: Vec<ProcessKey>,
    /// The reason for its membership.
    pub joined: MembershipReason,
    /// Its charge, with its share of shared memory.
    pub charge: Charge,
    /// The heap limit of its runtime; `None` if it has none, or none that is known.
    pub heap_limit: Option<Bytes>,
    /// Base name of its executable, for reports; command lines are for its owner only.
    pub name: String,
    /// Never signalled: a terminal multiplexer, a login or desktop server, the supervisor.
    pub protected: bool,
    /// An ancestor of another agent's root: killing it would affect that agent.
    pub is_ancestor_of_agent: bool,
}

impl Member {
    /// A child of a member: not protected, without a heap limit, and without an agent below it.
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
    /// A running agent that no other agent started, without a cgroup of its own. Its charge is the sum of its members.
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

    /// Its memory limit; `None`: no limit, or it shares its cgroup with other processes.
    #[must_use]
    pub fn limit(&self) -> Option<Bytes> {
        self.cgroup.as_ref().and_then(|cgroup| cgroup.max)
    }

    /// Its effective thresholds, given those of all agents.
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
