//! Per-agent memory accounting.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::process_table::ProcessTable;
use super::sampling_policy::{CGROUP_CHECK_INTERVAL, ScanDepth};
use super::scopes::ScopeEscapes;
use crate::attribution::membership::{Tree, TreeMember};
use crate::attribution::shared_memory::{MemberMemory, ShareReading, Sharing};
use crate::limit;
use crate::linux::cgroup::Cgroups;
use crate::linux::procfs::background::{BackgroundReader, ReadRequest, ReadResult, SmapsReading};
use crate::linux::procfs::stat::MemoryCounters;
use crate::linux::procfs::{Proc, ReadError};
use crate::model::snapshot::Slice;
use crate::model::{
    AgentSample, Boottime, Bytes, CgroupMemory, Charge, Member, Pid, ProcessKey, SystemMemory, Uid,
};
use crate::rules::protected::is_protected;

/// Measures agents. Caches the memory of processes with unchanged counters, and the readings of shared memory.
#[derive(Debug)]
pub(super) struct MemoryAccounting {
    reader: BackgroundReader,
    sharing: HashMap<ProcessKey, Sharing>,
    cgroups: Option<Cgroups>,
    homes: HashMap<ProcessKey, Home>,
    cache: HashMap<ProcessKey, CachedUsage>,
    pub(super) escapes: ScopeEscapes,
    own_pid: Option<Pid>,
    /// An agent with a higher charge is verified to be alone in its cgroup in each sample.
    verify_above: Bytes,
}

/// The context of one measurement.
#[derive(Clone, Copy)]
pub(super) struct Pass<'a> {
    pub(super) proc: &'a Proc,
    pub(super) table: &'a ProcessTable,
    pub(super) at: Boottime,
    pub(super) depth: ScanDepth,
    pub(super) guest: &'a SystemMemory,
}

/// Memory of one process.
#[derive(Debug)]
struct CachedUsage {
    at: Boottime,
    /// Read before the charge, so that a change in between shows in the next sample.
    counters: MemoryCounters,
    charge: Charge,
}

/// The cgroup of an agent's root.
#[derive(Debug)]
struct Home {
    checked_at: Boottime,
    cgroup: Option<PathBuf>,
    /// The same, if no other process is in it.
    exclusive: Option<PathBuf>,
}

/// An agent's processes and their memory, before its cgroup is considered.
struct AgentProcesses<'a> {
    tree: &'a Tree,
    members: Vec<Member>,
    charge: Charge,
    /// The part of it that is not only an estimate.
    verified: Bytes,
}

impl MemoryAccounting {
    pub(super) fn new(proc: &Path, cgroup: &Path) -> Result<Self, ReadError> {
        Ok(Self {
            reader: BackgroundReader::open(proc, &[])?,
            sharing: HashMap::new(),
            cgroups: Cgroups::open(cgroup),
            homes: HashMap::new(),
            cache: HashMap::new(),
            escapes: ScopeEscapes::default(),
            own_pid: i32::try_from(std::process::id()).ok().and_then(Pid::new),
            verify_above: Bytes::ZERO,
        })
    }

    pub(super) fn verify_cgroups_above(&mut self, charge: Bytes) {
        self.verify_above = charge;
    }

    /// Measures all agents. The cgroups come after all processes, and the samples after all cgroups: whether an agent is
    /// alone in its cgroup depends on the cgroups of the others.
    pub(super) fn measure(&mut self, pass: Pass<'_>, trees: &[Tree]) -> Vec<AgentSample> {
        self.collect_answers(pass.at, Duration::ZERO);
        let is_alive = |root: &ProcessKey| trees.iter().any(|tree| tree.agent.root == *root);
        self.sharing.retain(|root, _| is_alive(root));
        self.homes.retain(|root, _| is_alive(root));
        self.cache.retain(|&key, _| pass.table.get(key).is_some());
        self.escapes.retain(is_alive);
        let agents: Vec<_> = trees.iter().map(|tree| self.processes(pass, tree)).collect();
        let cgroups: Vec<_> = agents.iter().map(|agent| self.cgroup(pass, agent)).collect();
        agents.into_iter().zip(cgroups).map(|(agent, cgroup)| self.sample(pass, agent, cgroup)).collect()
    }

    /// The slice of limited agents, if one of these is in it. Without a limit of its own it need not be watched.
    pub(super) fn slice(&self, agents: &[AgentSample]) -> Option<Slice> {
        let cgroup = |a: &AgentSample| a.cgroup.as_ref().map(|c| c.path.clone()).or_else(|| a.scope.clone());
        let scope = agents.iter().filter_map(cgroup).find_map(|path| limit::any_scope_of(&path))?;
        let memory = self.cgroups.as_ref()?.memory(scope.parent()?)?;
        let used = memory.current.saturating_sub(memory.cache);
        memory.max.map(|max| Slice { path: memory.path, max, used })
    }

    #[cfg(test)]
    pub(super) fn forget_homes(&mut self) {
        self.homes.clear();
        self.escapes.check_again();
    }

    /// Takes the requested readings of shared memory that arrive within `timeout`.
    pub(super) fn collect_answers(&mut self, at: Boottime, timeout: Duration) {
        for answer in self.reader.collect(timeout) {
            let ReadResult::Smaps(reading, took) = answer.found else { continue };
            let reading = reading.map(|SmapsReading { rollup, charge, totals }| ShareReading {
                seen: charge,
                totals,
                share: rollup.share,
                shmem_swap: rollup.shmem_swap,
            });
            if let Some(sharing) = self.sharing.values_mut().find(|s| s.is_pending(answer.key)) {
                sharing.record(at, answer.key, reading, took);
            }
        }
    }

    fn processes<'a>(&mut self, pass: Pass<'_>, tree: &'a Tree) -> AgentProcesses<'a> {
        let memory: Vec<MemberMemory> =
            tree.members.iter().map(|member| self.member_memory(pass, member.key)).collect();
        let sharing = self.sharing.entry(tree.agent.root).or_default();
        let estimate = sharing.estimate(pass.at, pass.guest, &memory);
        for &key in &estimate.to_read {
            if !self.reader.ask(key, 0, ReadRequest::Smaps) {
                sharing.record(pass.at, key, None, Duration::ZERO);
            }
        }
        let charges = tree.members.iter().zip(&estimate.charges);
        let members = charges.map(|(member, charge)| self.member(pass, member, *charge)).collect();
        let charge = estimate.total.at_most(pass.guest.process_totals);
        let verified = charge.total().min(estimate.total.total().saturating_sub(estimate.unverified));
        AgentProcesses { tree, members, charge, verified }
    }

    fn member_memory(&mut self, pass: Pass<'_>, key: ProcessKey) -> MemberMemory {
        let entry = pass.table.get(key);
        let exec_id = entry.map_or(0, |entry| entry.exec_id);
        if entry.is_some_and(|entry| entry.main_thread_exited) {
            let status = pass.proc.status_of_threads(key.pid);
            let charge = status.and_then(|status| status.charge).unwrap_or_default();
            return MemberMemory { key, exec_id, charge };
        }
        let counters = entry.map(|entry| entry.counters).unwrap_or_default();
        let is_current = |cached: &&CachedUsage| {
            cached.counters == counters && pass.at.since(cached.at) < pass.depth.charge_max_age()
        };
        if let Some(CachedUsage { charge, .. }) = self.cache.get(&key).filter(is_current) {
            return MemberMemory { key, exec_id, charge: *charge };
        }
        let status = pass.proc.status(key.pid).ok().flatten();
        let charge = status.and_then(|status| status.charge).unwrap_or_default();
        self.cache.insert(key, CachedUsage { at: pass.at, counters, charge });
        MemberMemory { key, exec_id, charge }
    }

    fn member(&self, pass: Pass<'_>, member: &TreeMember, charge: Charge) -> Member {
        let entry = pass.table.get(member.key);
        let name = entry.map(|entry| entry.name.clone()).unwrap_or_default();
        Member {
            // A process of an unknown owner may only be killed by root.
            uid: entry.map_or(Uid::ROOT, |entry| entry.uid),
            protected: is_protected(&name, entry.and_then(|entry| entry.exe.as_deref()))
                || self.own_pid == Some(member.key.pid),
            key: member.key,
            lineage: member.lineage.clone(),
            heap_limit: entry.and_then(|entry| entry.heap_limit(pass.guest.mem_total)),
            is_ancestor_of_agent: member.is_ancestor_of_agent,
            joined: member.joined,
            charge,
            name,
        }
    }

    /// The cgroup that the agent has for itself, with its memory. `alone` does not consider the other agents yet.
    fn cgroup(&mut self, pass: Pass<'_>, agent: &AgentProcesses<'_>) -> Option<CgroupMemory> {
        let home = self.homes.get(&agent.tree.agent.root);
        let is_shared = home.is_some_and(|home| home.exclusive.is_none());
        // A limited agent that lost its scope for a minute would be without its thresholds and its throttle for as long.
        let is_limited = home
            .and_then(|home| home.cgroup.as_deref())
            .is_some_and(|path| limit::any_scope_of(path).is_some());
        let max_age = match (is_shared, is_limited) {
            (false, _) => CGROUP_CHECK_INTERVAL,
            (true, false) => pass.depth.shared_cgroup_max_age(),
            (true, true) => Duration::ZERO,
        };
        let path = self.exclusive_cgroup(pass, agent, max_age)?;
        let mut memory = self.cgroups.as_ref()?.memory(&path)?;
        if memory.charge.total().max(agent.charge.total()) < self.verify_above {
            // Only root can move a process into a scope of ours.
            memory.alone = limit::any_scope_of(&path).is_some()
                || (pass.depth == ScanDepth::Full
                    && self.cgroups.as_ref()?.holds_only(&path, is_own(pass.proc, &agent.members)));
            return Some(memory);
        }
        // All processes in it may be killed at once, for which an old finding is not enough.
        let verified = self.exclusive_cgroup(pass, agent, Duration::ZERO)?;
        if verified != path {
            memory = self.cgroups.as_ref()?.memory(&verified)?;
        }
        Some(CgroupMemory { alone: true, ..memory })
    }

    /// The path of the cgroup that the agent has for itself, by a finding that is at most `max_age` old.
    fn exclusive_cgroup(
        &mut self,
        pass: Pass<'_>,
        agent: &AgentProcesses<'_>,
        max_age: Duration,
    ) -> Option<PathBuf> {
        let AgentProcesses { tree, members, .. } = agent;
        let (id, root) = (&tree.agent.id, tree.agent.root);
        let cgroups = self.cgroups.as_ref()?;
        let is_current =
            |home: &&Home| home.checked_at == pass.at || pass.at.since(home.checked_at) < max_age;
        if let Some(home) = self.homes.get(&root).filter(is_current) {
            return home.exclusive.clone();
        }
        let cgroup = pass.proc.cgroup(members.first()?.key.pid);
        self.escapes.check((pass.proc, cgroups, pass.at), (id, root), members, cgroup.as_deref());
        let exclusive = cgroup.clone().filter(|path| cgroups.holds_only(path, is_own(pass.proc, members)));
        self.homes.insert(root, Home { checked_at: pass.at, cgroup, exclusive: exclusive.clone() });
        exclusive
    }

    fn sample(&self, pass: Pass<'_>, agent: AgentProcesses<'_>, cgroup: Option<CgroupMemory>) -> AgentSample {
        let AgentProcesses { tree, members, charge: processes, verified } = agent;
        let root = &tree.agent.root;
        let cgroup = cgroup.map(|memory| CgroupMemory {
            alone: memory.alone && !self.is_entered_by_another(root, &memory.path),
            ..memory
        });
        // Charges do not move with a process, and a file in a tmpfs need not be mapped: neither sum includes the other.
        let charge = match &cgroup {
            Some(cgroup) if cgroup.charge.total() > processes.total() => cgroup.charge,
            _ => processes,
        };
        let verified = cgroup.as_ref().map_or(verified, |cgroup| cgroup.charge.total().max(verified));
        AgentSample {
            agent: tree.agent.clone(),
            parent: tree.parent.clone(),
            started_by: tree.started_by,
            spawner: tree.spawner.filter(|&spawner| !is_manager(pass.table, spawner)),
            root_alive: tree.root_alive,
            members,
            unverified: charge.total().saturating_sub(verified),
            charge,
            cgroup,
            scope: self.escapes.scope(root).map(Path::to_path_buf),
        }
    }

    /// Whether another agent is in the cgroup of this one: it may have entered since the last check.
    fn is_entered_by_another(&self, root: &ProcessKey, path: &Path) -> bool {
        let mut others = self.homes.iter().filter(|(other, _)| *other != root);
        others.any(|(_, home)| home.cgroup.as_ref().is_some_and(|cgroup| cgroup.starts_with(path)))
    }
}

/// Whether a process in an agent's cgroup is a member. A process without memory is exiting and was one: it is no longer in the
/// process table, but for a while still in `cgroup.procs` (0.4 s after SIGKILL of one with 768 MiB, on kernel 6.18).
fn is_own(proc: &Proc, members: &[Member]) -> impl Fn(Pid) -> bool {
    let pids: HashSet<Pid> = members.iter().map(|member| member.key.pid).collect();
    move |pid| pids.contains(&pid) || proc.stat(pid).ok().flatten().is_some_and(|stat| stat.is_exiting())
}

/// A service manager starts every process that has a unit, and becomes the parent of orphans.
fn is_manager(table: &ProcessTable, spawner: ProcessKey) -> bool {
    spawner.pid == Pid::INIT || table.get(spawner).is_some_and(|entry| entry.name == "systemd")
}
