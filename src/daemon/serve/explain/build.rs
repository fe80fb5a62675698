//! Builds an explanation from a reading and the published snapshot.

use super::reading::{Cgroup, Reading, runs_a_program};
use super::{belonging, signals};
use crate::api::explanation::{CgroupInfo, CgroupUse, ProcessInfo, ProcessMemory, Shares, ThresholdsInfo};
use crate::daemon::control_loop::active_config::Settings;
use crate::daemon::report::publisher::Published;
use crate::model::match_trace::MatchTrace;
use crate::rules::ProcessFacts;
use crate::{
    api::explanation::Explanation,
    model::{AgentSample, ProcessIdentity},
};

/// Longer command lines are truncated.
const MAX_COMMAND_LEN: usize = 4096;

/// The complete explanation. Unfiltered: the caller reduces it to the reader's view.
pub(crate) fn explanation(reading: &Reading, seen: &Published, settings: &Settings) -> Explanation {
    let key = reading.stat.key;
    let found = belonging::find(seen, key);
    let recognition = match_trace(reading, settings);
    let because = match found {
        Some((agent, member)) => belonging::why(agent, member, reading, recognition.as_ref()),
        None => belonging::why_none(reading, seen, settings, recognition.as_ref()),
    };
    let root = found.map(|(agent, _)| agent.agent.root.pid);
    Explanation {
        version: Explanation::VERSION,
        watched: settings.supervisor.is_some(),
        process: process(reading),
        because,
        recognition,
        membership: found.map(|(agent, member)| belonging::membership(agent, member)),
        agent: root.and_then(|pid| seen.status.agents.iter().find(|a| a.pid == pid)).cloned(),
        memory: memory(reading),
        cgroup: reading.cgroup.as_ref().map(|cgroup| self::cgroup(cgroup, found.map(|(agent, _)| agent))),
        thresholds: found.map(|(agent, _)| thresholds(agent, settings)),
        signals: signals::signals_info(found, settings),
        notes: notes(reading, found.map(|(agent, _)| agent), settings),
    }
}

/// The configured thresholds, lowered if the agent's own limit is below them.
fn thresholds(agent: &AgentSample, settings: &Settings) -> ThresholdsInfo {
    let mut info = settings.thresholds.to_info(&settings.config);
    let (all, own) = (settings.thresholds.thresholds, agent.thresholds(settings.thresholds.thresholds));
    if let Some(limit) = agent.limit().filter(|_| own != all) {
        info.notes.push(format!(
            "its scope is limited to {limit}: its thresholds are {} and {}, not {} and {}",
            own.warn, own.kill, all.warn, all.kill
        ));
        (info.warn.bytes, info.kill.bytes) = (own.warn, own.kill);
    }
    info
}

fn process(reading: &Reading) -> ProcessInfo {
    let Reading { stat, status, identity, .. } = reading;
    let shown = |path: &std::path::Path| path.to_string_lossy().into_owned();
    let identity = identity.as_ref();
    let exe = identity.and_then(|identity| identity.exe.as_deref());
    ProcessInfo {
        pid: stat.key.pid,
        uid: status.uid,
        privileged: status.is_privileged(),
        parent: stat.parent,
        name: Some(ProcessIdentity::name(exe, None, stat.comm.as_bytes())),
        exe: exe.map(shown),
        command: identity
            .map(|identity| ProcessIdentity::command(&identity.argv, MAX_COMMAND_LEN))
            .filter(|command| !command.is_empty()),
        cwd: reading.cwd.as_deref().map(shown),
    }
}

fn match_trace(reading: &Reading, settings: &Settings) -> Option<MatchTrace> {
    let identity = reading.identity.as_ref()?;
    let cwd = || reading.cwd.clone();
    let facts = ProcessFacts { exe: identity.exe.as_deref(), argv: &identity.argv, cwd: &cwd };
    Some(settings.rules.explain(&facts))
}

fn memory(reading: &Reading) -> Option<ProcessMemory> {
    let charge = reading.status.charge?;
    let shares = reading.rollup.map(|rollup| Shares {
        private: rollup.private,
        anon: rollup.share.anon,
        shmem: rollup.share.shmem,
        swap: rollup.share.swap,
        file: rollup.file,
    });
    Some(ProcessMemory { shares, ..ProcessMemory::without_shares(charge, reading.shares_status) })
}

fn cgroup(cgroup: &Cgroup, agent: Option<&AgentSample>) -> CgroupInfo {
    let memory = cgroup.memory.as_ref();
    CgroupInfo {
        path: Some(cgroup.path.to_string_lossy().into_owned()),
        use_by: use_by(cgroup, agent),
        processes: cgroup.pids.as_ref().map(Vec::len),
        current: memory.map(|memory| memory.current),
        cache: memory.map(|memory| memory.cache),
        charge: memory.map(|memory| memory.charge.total()),
        max: memory.and_then(|memory| memory.max),
    }
}

fn use_by(cgroup: &Cgroup, agent: Option<&AgentSample>) -> CgroupUse {
    let Some(agent) = agent else { return CgroupUse::Shared };
    if agent.cgroup.as_ref().is_some_and(|own| own.path == cgroup.path) {
        return CgroupUse::Own;
    }
    let is_member = |pid| agent.members.iter().any(|member| member.key.pid == pid);
    match &cgroup.pids {
        None => CgroupUse::Unknown,
        Some(pids) if pids.iter().copied().all(is_member) => CgroupUse::Own,
        Some(_) => CgroupUse::Shared,
    }
}

fn notes(reading: &Reading, agent: Option<&AgentSample>, settings: &Settings) -> Vec<String> {
    let mut notes = Vec::new();
    let pid = reading.stat.key.pid;
    if reading.requested != pid {
        notes.push(format!("pid {} is a thread of process {pid}", reading.requested));
    }
    if reading.identity.is_none() && runs_a_program(&reading.stat) {
        notes.push("its command line could not be read in time: its memory map is locked".to_owned());
    }
    notes.extend(agent.and_then(|agent| left(reading, agent)));
    if settings.config.act.dry_run && settings.supervisor.is_some() {
        notes.push("dry run: agents over their kill threshold are reported, not killed".to_owned());
    }
    notes
}

/// A note if the process has left the scope that limits its agent.
fn left(reading: &Reading, agent: &AgentSample) -> Option<String> {
    let (scope, place) = (agent.scope.as_ref()?, reading.cgroup.as_ref()?);
    let (name, id) = (scope.file_name()?.to_string_lossy(), &agent.agent.id);
    (!place.path.starts_with(scope)).then(|| {
        format!("it has left {name}, whose limit no longer applies there; the thresholds of {id} still do")
    })
}
