//! The explanation of one process: the reply of `Explain` over the socket and of
//! `claude-watchdog explain --json`.

use serde::{Deserialize, Serialize};

use super::status::AgentInfo;
use crate::model::match_trace::MatchTrace;
use crate::model::{Bytes, Charge, MembershipReason, Pid, Uid};

/// Explanation of one process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// Version of this shape; grows when a field changes its meaning.
    pub version: u32,
    /// Whether it is from a supervisor. Without one it is from `/proc` and the built-in rules.
    pub watched: bool,
    /// The process.
    pub process: ProcessInfo,
    /// Why it belongs to its agent, or to none, in one sentence.
    pub because: String,
    /// The rules tried on it; null for other users' processes and if it could not be read.
    pub recognition: Option<MatchTrace>,
    /// Its membership; null if it belongs to no agent.
    pub membership: Option<Membership>,
    /// That agent.
    pub agent: Option<AgentInfo>,
    /// Its memory; null if it has none of its own.
    pub memory: Option<ProcessMemory>,
    /// Its cgroup; null without cgroup v2.
    pub cgroup: Option<CgroupInfo>,
    /// The thresholds of its agent; null if it belongs to none.
    pub thresholds: Option<ThresholdsInfo>,
    /// Whether it may be signalled.
    pub signals: SignalsInfo,
    /// Remarks about this explanation, a sentence each.
    pub notes: Vec<String>,
}

/// A process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProcessInfo {
    /// Its process id.
    pub pid: Pid,
    /// Its owner.
    pub uid: Uid,
    /// It runs with other privileges than its owner's (setuid), so only root sees it in full.
    pub privileged: bool,
    /// Its parent at this moment.
    pub parent: Option<Pid>,
    /// Base name of its executable, else its command name; for its owner and root only.
    pub name: Option<String>,
    /// Its executable; for its owner and root only.
    pub exe: Option<String>,
    /// The beginning of its command line; for its owner and root only.
    pub command: Option<String>,
    /// Its directory; for its owner and root only.
    pub cwd: Option<String>,
}

/// The membership of a process in its agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// The agent's name, like `claude-1234`.
    pub agent: String,
    /// The reason.
    pub joined: MembershipReason,
    /// The member that started it, which may have exited since; null for the root.
    pub started_by: Option<Pid>,
    /// Its ancestors among the members, nearest first, including those that have exited.
    pub lineage: Vec<Pid>,
    /// Its part of the agent's charge: its share of memory that several members share.
    pub counted: Bytes,
    /// Another agent descends from it.
    pub carries_agent: bool,
    /// The part of the agent's charge that may be counted twice, until a reading has shown it.
    pub unverified: Bytes,
}

/// The memory of a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessMemory {
    /// The charge.
    pub charge: Bytes,
    /// Of the charge: private memory.
    pub anon: Bytes,
    /// Of the charge: mapped shared memory.
    pub shmem: Bytes,
    /// Of the charge: swapped out.
    pub swap: Bytes,
    /// Whether the shares below could be read.
    pub look: SharesStatus,
    /// The shares; null if they could not be read.
    pub shares: Option<Shares>,
}

/// Result of reading a process's shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SharesStatus {
    /// It was read.
    Done,
    /// It took too long: the process keeps its memory map locked, or has very much of it.
    TimedOut,
    /// The kernel refused, or is too old to distinguish the kinds.
    Refused,
    /// Visible to its owner and root only.
    Hidden,
}

/// The memory of a process with each shared page divided among those that map it (`smaps_rollup`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shares {
    /// Memory mapped by no other process, including file pages.
    pub private: Bytes,
    /// Its share of anonymous memory.
    pub anon: Bytes,
    /// Its share of shared memory.
    pub shmem: Bytes,
    /// Its share of swapped-out memory.
    pub swap: Bytes,
    /// Its share of file pages: page cache, never charged.
    pub file: Bytes,
}

/// The cgroup of a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CgroupInfo {
    /// Its path from the root of the tree; for the owner of the process and root only.
    pub path: Option<String>,
    /// Its use.
    pub use_by: CgroupUse,
    /// Number of processes in it and below; null if that could not be read.
    pub processes: Option<usize>,
    /// Its memory (`memory.current`); null without a memory controller.
    pub current: Option<Bytes>,
    /// Of that: page cache, which the kernel reclaims by itself.
    pub cache: Option<Bytes>,
    /// Of that: its charge, including swapped-out memory.
    pub charge: Option<Bytes>,
    /// Its limit; null if it has none.
    pub max: Option<Bytes>,
}

/// The use of a cgroup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CgroupUse {
    /// By the agent only: its memory counts for the agent.
    Own,
    /// Shared with other processes: shown only.
    Shared,
    /// Not known.
    Unknown,
}

/// The thresholds of an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThresholdsInfo {
    /// The warn threshold.
    pub warn: ThresholdInfo,
    /// The kill threshold.
    pub kill: ThresholdInfo,
    /// The reasons why one differs from its setting, a sentence each.
    pub notes: Vec<String>,
}

/// One threshold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThresholdInfo {
    /// The effective threshold on this guest.
    pub bytes: Bytes,
    /// The setting.
    pub set: String,
    /// Its origin: `built in`, a file with its line, a variable.
    pub origin: String,
}

/// Whether a process may be signalled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignalsInfo {
    /// It is never signalled.
    pub never: bool,
    /// The reason, or when it may be signalled, in one sentence.
    pub because: String,
}

impl Explanation {
    /// Version of this shape.
    pub const VERSION: u32 = 1;

    /// The part that `reader` may see: of other users' processes no more than totals; root sees all.
    #[must_use]
    pub fn seen_by(mut self, reader: Uid) -> Self {
        if let Some(agent) = &mut self.agent {
            agent.cut_for(reader);
        }
        if reader.may_see(self.process.uid) && (!self.process.privileged || reader == Uid::ROOT) {
            return self;
        }
        let ProcessInfo { pid, uid, privileged, .. } = self.process;
        self.process = ProcessInfo {
            pid,
            uid,
            privileged,
            parent: None,
            name: None,
            exe: None,
            command: None,
            cwd: None,
        };
        self.recognition = None;
        if let Some(memory) = &mut self.memory {
            (memory.look, memory.shares) = (SharesStatus::Hidden, None);
        }
        if let Some(cgroup) = &mut self.cgroup {
            cgroup.path = None;
        }
        self.notes
            .push("it belongs to another user: only its owner and root see its command and paths".to_owned());
        self
    }
}

impl ProcessMemory {
    /// That charge, without shares.
    #[must_use]
    pub fn without_shares(charge: Charge, look: SharesStatus) -> Self {
        let Charge { anon, shmem, swap } = charge;
        Self { charge: charge.total(), anon, shmem, swap, look, shares: None }
    }
}
