//! What the supervisor makes of one process, and why: the reply of `Explain` over the socket and of
//! `claude-watchdog explain --json`.

use serde::{Deserialize, Serialize};

use super::status::AgentInfo;
use crate::model::match_trace::MatchTrace;
use crate::model::{Bytes, Charge, MembershipReason, Pid, Uid};

/// Everything there is to say of one process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// Version of this shape; grows when a field changes its meaning.
    pub version: u32,
    /// Whether a supervisor told it. Without one it is what `/proc` and the built-in rules make of it.
    pub watched: bool,
    /// The process.
    pub process: ProcessInfo,
    /// Why it belongs to its agent, or to none, in one sentence.
    pub because: String,
    /// Which rules were tried on it; null for other users' processes and where it could not be read.
    pub recognition: Option<MatchTrace>,
    /// What it is to its agent; null where it belongs to none.
    pub membership: Option<Membership>,
    /// That agent.
    pub agent: Option<AgentInfo>,
    /// What it costs; null where it has no memory of its own.
    pub memory: Option<ProcessMemory>,
    /// Where it stands in the cgroup tree; null where that is no cgroup v2.
    pub cgroup: Option<CgroupInfo>,
    /// The lines that apply to its agent; null where it belongs to none.
    pub thresholds: Option<ThresholdsInfo>,
    /// Whether it may be signalled.
    pub signals: SignalsInfo,
    /// What the reader should know about this explanation, a sentence each.
    pub notes: Vec<String>,
}

/// What a process is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProcessInfo {
    /// Its process id.
    pub pid: Pid,
    /// Its owner.
    pub uid: Uid,
    /// It runs with other rights than its owner's (setuid), so only root sees it in full.
    pub privileged: bool,
    /// Its parent at this moment.
    pub parent: Option<Pid>,
    /// Base name of its executable, else its command name; for its owner and root only.
    pub name: Option<String>,
    /// Its executable; for its owner and root only.
    pub exe: Option<String>,
    /// Its command line, the beginning of it; for its owner and root only.
    pub command: Option<String>,
    /// Its directory; for its owner and root only.
    pub cwd: Option<String>,
}

/// What a process is to its agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// The agent's name, like `claude-1234`.
    pub agent: String,
    /// How it came to belong to it.
    pub joined: MembershipReason,
    /// The member that started it, which may have ended since; null for the root.
    pub started_by: Option<Pid>,
    /// All members that it descends from, nearest first, those that have ended included.
    pub lineage: Vec<Pid>,
    /// What stands for it in the agent's charge: its share of what several members share.
    pub counted: Bytes,
    /// Another agent descends from it.
    pub carries_agent: bool,
    /// Of the agent's charge: what may be counted twice, until a closer look has shown it.
    pub unverified: Bytes,
}

/// What a process costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessMemory {
    /// All that counts.
    pub charge: Bytes,
    /// Of the charge: private memory.
    pub anon: Bytes,
    /// Of the charge: mapped shared memory.
    pub shmem: Bytes,
    /// Of the charge: swapped out.
    pub swap: Bytes,
    /// Whether the shares below could be read.
    pub look: SharesStatus,
    /// The shares; null where they could not be read.
    pub shares: Option<Shares>,
}

/// What became of the closer look at a process's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SharesStatus {
    /// It was read.
    Done,
    /// It took too long: the process keeps its memory map locked, or has very much of it.
    TimedOut,
    /// The kernel did not let us, or is too old to tell the kinds apart.
    Refused,
    /// It is the owner's and root's only.
    Hidden,
}

/// What a process holds with each shared page divided among those that map it (`smaps_rollup`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shares {
    /// What nobody else maps, file pages included.
    pub private: Bytes,
    /// Its share of anonymous memory.
    pub anon: Bytes,
    /// Its share of shared memory.
    pub shmem: Bytes,
    /// Its share of what is swapped out.
    pub swap: Bytes,
    /// Its share of file pages: page cache, never charged.
    pub file: Bytes,
}

/// The cgroup of a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CgroupInfo {
    /// Which one, from the root of the tree; for the owner of the process and root only.
    pub path: Option<String>,
    /// Whose it is.
    pub use_by: CgroupUse,
    /// How many processes are in it and below; null where that could not be read.
    pub processes: Option<usize>,
    /// All that it holds (`memory.current`); null where it has no memory controller.
    pub current: Option<Bytes>,
    /// Of that: page cache, which the kernel takes back by itself.
    pub cache: Option<Bytes>,
    /// Of that: what would count as charge, with what it has swapped out.
    pub charge: Option<Bytes>,
    /// Its limit; null where it has none.
    pub max: Option<Bytes>,
}

/// Whose a cgroup is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CgroupUse {
    /// The agent's alone: what it costs counts for the agent.
    Own,
    /// Others are in it as well: it is shown, and nothing follows from it.
    Shared,
    /// Who else is in it is not known.
    Unknown,
}

/// The lines of an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThresholdsInfo {
    /// Where it is warned of.
    pub warn: ThresholdInfo,
    /// Where it is acted upon.
    pub kill: ThresholdInfo,
    /// Why one of them is not what was set, a sentence each.
    pub notes: Vec<String>,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThresholdInfo {
    /// The line that counts in this guest.
    pub bytes: Bytes,
    /// As it was set.
    pub set: String,
    /// Where: `built in`, a file with its line, a variable.
    pub origin: String,
}

/// Whether a process may be signalled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignalsInfo {
    /// It is never signalled.
    pub never: bool,
    /// Why, or when it may be, in one sentence.
    pub because: String,
}

impl Explanation {
    /// Version of this shape.
    pub const VERSION: u32 = 1;

    /// What `reader` may see: of other users' processes no more than totals; root sees all.
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
        self.notes.push("it is another user's: only its owner and root see what it runs".to_owned());
        self
    }
}

impl ProcessMemory {
    /// That charge, and nothing more known yet.
    #[must_use]
    pub fn of(charge: Charge, look: SharesStatus) -> Self {
        let Charge { anon, shmem, swap } = charge;
        Self { charge: charge.total(), anon, shmem, swap, look, shares: None }
    }
}
