//! The status of the supervisor: the reply of `Status` over the socket and of `vm-health-check --json`.
//! One shape for both; its fields are relied upon by scripts.

use serde::{Deserialize, Serialize};

use super::forecast::Forecast;
use super::resume::Resume;
use crate::model::{Bytes, Pid, Pressure, Uid};

/// Status of the machine and its agents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StatusInfo {
    /// Version of this shape; grows when a field changes its meaning.
    pub version: u32,
    /// The overall verdict.
    pub verdict: Verdict,
    /// The guest.
    pub guest: GuestInfo,
    /// Its agents, in order of their start.
    pub agents: Vec<AgentInfo>,
    /// Recent actions, newest first.
    #[serde(default)]
    pub actions: Vec<ActionInfo>,
    /// Remarks about the supervision itself, a sentence each: clamped thresholds, a dry run.
    #[serde(default)]
    pub notes: Vec<String>,
    /// State of the supervisor; null if none answers.
    #[serde(default)]
    pub supervisor: Option<SupervisorInfo>,
}

/// State of the supervisor since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupervisorInfo {
    /// Number of memory polls.
    pub polls: u64,
    /// Number of samples of all agents.
    pub samples: u64,
    /// Number of wakeups more than 100 ms late.
    pub late_wakeups: u64,
    /// Largest delay, in microseconds.
    pub max_late_usec: u64,
    /// Wakeups by memory pressure.
    pub woken_by_pressure: u64,
    /// Wakeups by an agent's own cgroup: a limit was reached.
    pub woken_by_cgroups: u64,
    /// Killed processes whose memory was reclaimed before they had exited.
    #[serde(default)]
    pub released_early: u64,
}

/// The overall verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// No problem.
    Ok,
    /// An agent is over its warn threshold.
    Warning,
    /// An action is under way, an agent is over its kill threshold, or the guest runs out of memory.
    Critical,
    /// No supervisor answers.
    Unknown,
}

/// The guest's memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GuestInfo {
    /// Bytes of memory.
    pub mem_total: Bytes,
    /// Bytes that can be allocated without swapping.
    pub mem_available: Bytes,
    /// Bytes of swap.
    pub swap_total: Bytes,
    /// Bytes of swap not in use.
    pub swap_free: Bytes,
    /// Memory pressure; null if the kernel does not provide it.
    pub pressure: Option<Pressure>,
    /// Its forecast; null if no supervisor answers.
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
    /// Its charge.
    pub charge: Bytes,
    /// Its charge including all agents that it started.
    pub total_charge: Bytes,
    /// Of the charge: private memory.
    pub anon: Bytes,
    /// Of the charge: mapped shared memory.
    pub shmem: Bytes,
    /// Of the charge: swapped out.
    pub swap: Bytes,
    /// Number of its processes.
    pub processes: usize,
    /// Whether its root still runs.
    pub root_alive: bool,
    /// The warn threshold.
    pub warn_threshold: Bytes,
    /// The kill threshold.
    pub kill_threshold: Bytes,
    /// Its level.
    pub level: AgentLevel,
    /// The cgroup scope it is limited in.
    pub scope: Option<String>,
    /// That scope's limit.
    pub limit: Option<Bytes>,
    /// Its forecast; null if no supervisor answers.
    pub forecast: Option<Forecast>,
    /// Its subtrees by charge, largest first: the first would be killed first. For its owner and root only.
    pub culprits: Vec<CulpritInfo>,
}

/// The level of an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AgentLevel {
    /// Below its warn threshold.
    Ok,
    /// Over its warn threshold, or warned about and not yet clearly below.
    Warned,
    /// An action is under way.
    Acting,
}

/// A subtree of an agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CulpritInfo {
    /// Its topmost process.
    pub pid: Pid,
    /// Its charge including all descendants.
    pub charge: Bytes,
    /// Its command line.
    pub command: Option<String>,
    /// Its forecast; null if it is too small for one.
    #[serde(default)]
    pub forecast: Option<Forecast>,
}

/// An action. For the agent's owner and root only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionInfo {
    /// Its identifier.
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
    /// The agent's charge at the decision.
    pub charge: Bytes,
    /// The threshold that was exceeded.
    pub threshold: Bytes,
    /// The killed subtree, by its topmost process: the agent's root for the whole agent.
    pub culprit: Option<CulpritInfo>,
    /// The signals sent, in order: `TERM`, `KILL`.
    pub signals: Vec<String>,
    /// Reported only (dry run).
    pub dry_run: bool,
    /// `threshold`: over its kill threshold; `guard`: the guest was in danger; `slice`: their slice.
    #[serde(default)]
    pub cause: String,
    /// Its state or result, in one sentence.
    pub outcome: String,
    /// How to resume the agent; null unless the whole agent was killed and its rule has a resume command.
    pub resume: Option<Resume>,
}

impl StatusInfo {
    /// Version of this shape.
    pub const VERSION: u32 = 1;

    /// The part that `reader` may see: totals of everything, details of their own agents; root sees all.
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
    /// Removes everything that `reader` may not see.
    pub fn cut_for(&mut self, reader: Uid) {
        if reader.may_see(self.uid) {
            return;
        }
        self.cwd = None;
        self.command = None;
        self.culprits.clear();
    }
}
