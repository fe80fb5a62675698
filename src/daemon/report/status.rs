//! A snapshot as clients see it.

use super::action_log::ActionLog;
use crate::api::status::{
    ActionInfo, AgentInfo, AgentLevel, CulpritInfo, GuestInfo, StatusInfo, SupervisorInfo, Verdict,
};
use crate::model::{AgentSample, Bytes, Snapshot, Thresholds};
use crate::policy::Engine;
use crate::policy::victim::largest;
use crate::sampler::Sampler;

/// Subtrees of an agent that are shown.
const MAX_CULPRITS: usize = 3;

/// Sources of a status besides the snapshot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StatusSource<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) sampler: &'a Sampler,
    /// The configured thresholds; limited agents have their own.
    pub(crate) thresholds: Thresholds,
    /// Remarks about the configuration and the platform, a sentence each.
    pub(crate) notes: &'a [String],
}

/// The status that clients see, without forecasts.
pub(crate) fn status(
    snapshot: &Snapshot,
    source: StatusSource<'_>,
    action_log: &ActionLog,
    supervisor: Option<SupervisorInfo>,
) -> StatusInfo {
    let agents = roll_up(snapshot.agents.iter().map(|sample| agent(sample, source)).collect());
    let has_warnings = source.sampler.warnings().next().is_some();
    StatusInfo {
        version: StatusInfo::VERSION,
        verdict: verdict(snapshot, source.engine, &agents, has_warnings),
        guest: GuestInfo {
            mem_total: snapshot.guest.mem_total,
            mem_available: snapshot.guest.mem_available,
            swap_total: snapshot.guest.swap_total,
            swap_free: snapshot.guest.swap_free,
            pressure: snapshot.pressure,
            forecast: None,
        },
        agents,
        actions: action_log.actions(),
        notes: source.notes.iter().cloned().chain(source.sampler.warnings()).collect(),
        supervisor,
    }
}

fn agent(sample: &AgentSample, source: StatusSource<'_>) -> AgentInfo {
    let StatusSource { engine, sampler, thresholds, .. } = source;
    let (root, own) = (sample.agent.root, sample.thresholds(thresholds));
    let culprits = largest(sample, MAX_CULPRITS).into_iter().map(|subtree| CulpritInfo {
        pid: subtree.top.key.pid,
        charge: subtree.charge,
        command: Some(sampler.command(subtree.top.key).to_owned()),
        forecast: None,
    });
    let limited = sample.cgroup.as_ref().filter(|c| c.max.is_some());
    AgentInfo {
        id: sample.agent.id.to_string(),
        parent: sample.parent.as_ref().map(|p| p.id.to_string()),
        rule: sample.agent.rule.clone(),
        pid: root.pid,
        uid: sample.agent.uid,
        cwd: sampler.cwd(root).map(|path| path.to_string_lossy().into_owned()),
        command: sample.root_alive.then(|| sampler.command(root).to_owned()),
        charge: sample.charge.total(),
        total_charge: sample.charge.total(),
        anon: sample.charge.anon,
        shmem: sample.charge.shmem,
        swap: sample.charge.swap,
        processes: sample.members.len(),
        root_alive: sample.root_alive,
        warn_threshold: own.warn,
        kill_threshold: own.kill,
        level: engine.level(root),
        scope: limited.map(|c| c.path.file_name().unwrap_or_default().to_string_lossy().into_owned()),
        limit: limited.and_then(|c| c.max),
        forecast: None,
        culprits: culprits.collect(),
    }
}

/// Adds the charge of each agent to the totals of all agents above it. Agents are ordered by their start, so a parent comes
/// before its children, and the loop terminates even for a cycle in a broken tree.
fn roll_up(mut agents: Vec<AgentInfo>) -> Vec<AgentInfo> {
    for child in (0..agents.len()).rev() {
        let parent = agents[child].parent.clone();
        let at = parent.and_then(|id| agents[..child].iter().position(|a| a.id == id));
        if let Some(at) = at {
            let total = agents[child].total_charge;
            agents[at].total_charge += total;
        }
    }
    agents
}

fn verdict(snapshot: &Snapshot, engine: &Engine, agents: &[AgentInfo], has_warnings: bool) -> Verdict {
    let critical = |a: &AgentInfo| a.level == AgentLevel::Acting || a.charge >= a.kill_threshold;
    if snapshot.guest.allocatable() == Bytes::ZERO || engine.danger().is_some() || agents.iter().any(critical)
    {
        Verdict::Critical
    } else if has_warnings || agents.iter().any(|a| a.level == AgentLevel::Warned) {
        Verdict::Warning
    } else {
        Verdict::Ok
    }
}

/// The line that `systemctl status` shows: the number of agents, the largest with its thresholds, the available memory.
pub(crate) fn line(status: &StatusInfo) -> String {
    let guest = format!("{} of {} available", status.guest.mem_available, status.guest.mem_total);
    let Some(largest) = status.agents.iter().max_by_key(|a| a.charge) else {
        return format!("no agents; {guest}");
    };
    let count = match status.agents.len() {
        1 => "1 agent".to_owned(),
        n => format!("{n} agents"),
    };
    let state = match largest.level {
        AgentLevel::Acting => ", action in progress",
        AgentLevel::Warned => ", warned",
        AgentLevel::Ok => "",
    };
    let last = status.actions.first().map(last_action).unwrap_or_default();
    format!(
        "{count}, largest {} at {} (warn {}, kill {}{state}); {guest}{last}",
        largest.id, largest.charge, largest.warn_threshold, largest.kill_threshold
    )
}

fn last_action(action: &ActionInfo) -> String {
    let part = action.culprit.as_ref().filter(|c| c.pid != action.pid);
    let kind = part.map_or("whole".to_owned(), |c| format!("pid {}", c.pid));
    let dry = if action.dry_run { " (dry run)" } else { "" };
    format!("; last action {} on {}, {kind}{dry}", action.time, action.agent)
}
