//! What the supervisor tells of itself: the reply of `Status` over the socket and of `vm-health-check --json`.
//! One shape for both; its fields are relied upon by scripts.

use serde::{Deserialize, Serialize};

use super::forecast::Forecast;
use super::resume::Resume;
use crate::model::{Bytes, Pid, Pressure, Uid};

/// Everything there is to say at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StatusInfo {
    /// Version of this shape; grows when a field changes its meaning.
    pub version: u32,
    /// The one word.
    pub verdict: Verdict,
    /// The guest.
    pub guest: GuestInfo,
    /// Its agents, in order of their start.
    pub agents: Vec<AgentInfo>,
    /// What was done of late, newest first.
    #[serde(default)]
    pub actions: Vec<ActionInfo>,
    /// What the reader should know about the supervision itself, a sentence each: clamped lines, a dry run.
    #[serde(default)]
    pub notes: Vec<String>,
    /// How the supervisor itself is; null where none answers.
    #[serde(default)]
    pub supervisor: Option<SupervisorInfo>,
}

/// How the supervisor itself is, since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupervisorInfo {
    /// How often it woke and looked at the guest's memory.
    pub polls: u64,
    /// How often it looked at every agent.
    pub samples: u64,
    /// How often it woke more than 100 ms late.
    pub late_wakeups: u64,
    /// Microseconds that it was late at the worst.
    pub max_late_usec: u64,
    /// How often memory pressure woke it.
    pub woken_by_pressure: u64,
    /// How often an agent's own cgroup woke it: a limit was reached.
    pub woken_by_cgroups: u64,
    /// How many killed processes had their memory taken back before they had ended.
    #[serde(default)]
    pub released_early: u64,
}

/// How things stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing to worry about.
    Ok,
    /// An agent is over its warn threshold.
    Warning,
    /// An agent is being acted upon or over its kill threshold, or the guest runs out of memory.
    Critical,
    /// No supervisor answers.
    Unknown,
}

/// The guest's memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GuestInfo {
    /// Bytes of memory.
    pub mem_total: Bytes,
    /// Bytes that can be had without swapping.
    pub mem_available: Bytes,
    /// Bytes of swap.
    pub swap_total: Bytes,
    /// Bytes of swap not in use.
    pub swap_free: Bytes,
    /// Memory pressure; null where the kernel keeps none.
    pub pressure: Option<Pressure>,
    /// What is foretold of it; null where no supervisor answers.
    pub forecast: Option<Forecast>,
}

/// One agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentInfo {
    /// Its name, like `claude-1234`.
    pub id: String,
    /// The name of the agent that started it.
    pub parent: Option<String>,
    /// The rule that recognised it.
    pub rule: String,
    /// Its root process.
    pub pid: Pid,
    /// Its owner.
    pub uid: Uid,
    /// Directory of its root; for its owner and root only.
    pub cwd: Option<String>,
    /// Command line of its root; for its owner and root only.
    pub command: Option<String>,
    /// What it costs.
    pub charge: Bytes,
    /// What it costs with all the agents that it started.
    pub total_charge: Bytes,
    /// Of the charge: private memory.
    pub anon: Bytes,
    /// Of the charge: mapped shared memory.
    pub shmem: Bytes,
    /// Of the charge: swapped out.
    pub swap: Bytes,
    /// How many processes it has.
    pub processes: usize,
    /// Whether its root still runs.
    pub root_alive: bool,
    /// Where it is warned of.
    pub warn_threshold: Bytes,
    /// Where it is acted upon.
    pub kill_threshold: Bytes,
    /// Where it stands.
    pub level: AgentLevel,
    /// The cgroup scope it is limited in.
    pub scope: Option<String>,
    /// That scope's limit.
    pub limit: Option<Bytes>,
    /// What is foretold of it; null where no supervisor answers.
    pub forecast: Option<Forecast>,
    /// Its subtrees by charge, largest first: what would be ended first. For its owner and root only.
    pub culprits: Vec<CulpritInfo>,
}

/// Where an agent stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AgentLevel {
    /// Below its warn threshold.
    Ok,
    /// Over its warn threshold, or told of and not yet clearly back.
    Warned,
    /// Being acted upon.
    Acting,
}

/// A subtree of an agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CulpritInfo {
    /// Its topmost process.
    pub pid: Pid,
    /// What it costs with all below it.
    pub charge: Bytes,
    /// Its command line.
    pub command: Option<String>,
    /// What is foretold of it; null where it is too small for that.
    #[serde(default)]
    pub forecast: Option<Forecast>,
}

/// Something that was done. For the agent's owner and root only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionInfo {
    /// Names it among all actions.
    pub id: String,
    /// When, RFC 3339.
    pub time: String,
    /// `act`, `kernel_oom` or `died`.
    pub kind: String,
    /// The agent, like `claude-1234`.
    pub agent: String,
    /// The agent's rule.
    pub rule: String,
    /// The agent's root.
    pub pid: Pid,
    /// The agent's owner.
    pub uid: Uid,
    /// The agent's charge when it was decided.
    pub charge: Bytes,
    /// The line it was over.
    pub threshold: Bytes,
    /// What was ended, by its topmost process: the agent's root when it was the whole agent.
    pub culprit: Option<CulpritInfo>,
    /// The signals sent, in order: `TERM`, `KILL`.
    pub signals: Vec<String>,
    /// Said but not done.
    pub dry_run: bool,
    /// `threshold`: over its kill threshold; `guard`: the guest was in danger; `slice`: their slice.
    #[serde(default)]
    pub cause: String,
    /// Where it stands or how it ended, in one sentence.
    pub outcome: String,
    /// How to resume the agent; null unless the whole agent was killed and its rule has a resume command.
    pub resume: Option<Resume>,
}

impl StatusInfo {
    /// Version of this shape.
    pub const VERSION: u32 = 1;

    /// What `reader` may see: totals of everything, details of their own agents; root sees all.
    #[must_use]
    pub fn seen_by(mut self, reader: Uid) -> Self {
        for agent in &mut self.agents {
            agent.cut_for(reader);
        }
        self.actions.retain(|action| reader.may_see(action.uid));
        self
    }
}

impl AgentInfo {
    /// Takes out what `reader` may not see.
    pub fn cut_for(&mut self, reader: Uid) {
        if reader.may_see(self.uid) {
            return;
        }
        self.cwd = None;
        self.command = None;
        self.culprits.clear();
    }
}
