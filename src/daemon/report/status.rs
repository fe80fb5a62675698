//! A snapshot as others see it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::action_log::ActionLog;
use crate::api::status::{
    ActionInfo, AgentInfo, AgentLevel, CulpritInfo, GuestInfo, StatusInfo, SupervisorInfo, Verdict,
};
use crate::config::{Config, EffectiveThresholds};
use crate::linux::platform::Platform;
use crate::linux::procfs::ReadError;
use crate::model::{
    ActionSettings, AgentSample, Bytes, GuardSettings, MissingFeature, Snapshot, Thresholds, Uid,
};
use crate::policy::Engine;
use crate::policy::victim::largest;
use crate::rules::Rules;
use crate::sampler::Sampler;

/// Where cgroups are, when nobody says otherwise.
const CGROUP: &str = "/sys/fs/cgroup";

/// So long a single look waits for what is read slowly.
const PATIENCE: Duration = Duration::from_millis(500);

/// How many subtrees of an agent are shown.
const CULPRITS: usize = 3;

/// Everything that there is to say.
pub(crate) fn status(
    snapshot: &Snapshot,
    engine: &Engine,
    sampler: &Sampler,
    ledger: &ActionLog,
    thresholds: Thresholds,
    notes: &[String],
    supervisor: Option<SupervisorInfo>,
) -> StatusInfo {
    let agents: Vec<AgentInfo> =
        snapshot.agents.iter().map(|a| agent(a, engine, sampler, thresholds)).collect();
    let agents = rolled_up(agents);
    StatusInfo {
        version: StatusInfo::VERSION,
        verdict: verdict(snapshot, engine, &agents, sampler.warnings().next().is_some()),
        guest: GuestInfo {
            mem_total: snapshot.guest.mem_total,
            mem_available: snapshot.guest.mem_available,
            swap_total: snapshot.guest.swap_total,
            swap_free: snapshot.guest.swap_free,
            pressure: snapshot.pressure,
            forecast: None,
        },
        agents,
        actions: ledger.actions(),
        notes: notes.iter().cloned().chain(sampler.warnings()).collect(),
        supervisor,
    }
}

fn agent(sample: &AgentSample, engine: &Engine, sampler: &Sampler, thresholds: Thresholds) -> AgentInfo {
    let (root, own) = (sample.agent.root, sample.thresholds(thresholds));
    let culprits = largest(sample, CULPRITS).into_iter().map(|subtree| CulpritInfo {
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

/// Adds what each costs to all above it. Agents are in order of their start, so a parent comes before its children,
/// and a loop, which only a broken tree could have, ends.
fn rolled_up(mut agents: Vec<AgentInfo>) -> Vec<AgentInfo> {
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

fn verdict(snapshot: &Snapshot, engine: &Engine, agents: &[AgentInfo], somebody_left: bool) -> Verdict {
    let critical = |a: &AgentInfo| a.level == AgentLevel::Acting || a.charge >= a.kill_threshold;
    if snapshot.guest.allocatable() == Bytes::ZERO || engine.danger().is_some() || agents.iter().any(critical)
    {
        Verdict::Critical
    } else if somebody_left || agents.iter().any(|a| a.level == AgentLevel::Warned) {
        Verdict::Warning
    } else {
        Verdict::Ok
    }
}

/// The line that `systemctl status` shows: how many agents, the largest and its lines, what the guest has left.
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
        AgentLevel::Acting => ", being acted on",
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

/// What `/proc` alone can tell, for when no supervisor answers: the verdict is unknown, since nobody watches.
///
/// # Errors
/// Where `/proc` cannot be read.
pub fn one_look(proc: &Path, only: Option<Uid>) -> Result<StatusInfo, ReadError> {
    let cgroup = Path::new(CGROUP);
    let (_, mut status) = look(proc, cgroup, Arc::new(Rules::built_in()), only)?;
    let lacks = Platform::of(proc, cgroup, only.unwrap_or(Uid::ROOT)).lacks();
    status.notes.extend(noted(&lacks));
    Ok(status)
}

/// What readers of the status should know of what is missing.
pub(crate) fn noted(lacks: &[MissingFeature]) -> impl Iterator<Item = String> {
    lacks.iter().filter(|lack| lack.is_shown_in_status()).map(ToString::to_string)
}

/// The same with the snapshot that it rests on.
pub(crate) fn look(
    proc: &Path,
    cgroup: &Path,
    rules: Arc<Rules>,
    only: Option<Uid>,
) -> Result<(Snapshot, StatusInfo), ReadError> {
    let mut sampler = Sampler::new(proc, cgroup, rules, only)?;
    let snapshot = sampler.sample_with_timeout(PATIENCE)?;
    let config = Config::default();
    let EffectiveThresholds { thresholds, notes, .. } =
        EffectiveThresholds::resolve(&config, snapshot.guest.mem_total);
    let mut engine = Engine::new(
        thresholds,
        ActionSettings { dry_run: true, grace: config.act.grace, ..ActionSettings::default() },
        GuardSettings::default(),
    );
    engine.step(&snapshot);
    let status = status(&snapshot, &engine, &sampler, &ActionLog::default(), thresholds, &notes, None);
    Ok((snapshot, StatusInfo { verdict: Verdict::Unknown, ..status }))
}
