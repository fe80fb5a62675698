//! What agents cost.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::process_table::ProcessTable;
use super::scan_depth::ScanDepth;
use super::scope_escapes::ScopeEscapes;
use crate::attribution::membership::{Tree, TreeMember};
use crate::attribution::shared_memory::{MemberMemory, ShareReading, Sharing};
use crate::limit;
use crate::linux::cgroup::Cgroups;
use crate::linux::procfs::background::{Found, Question, SlowReader, Weight};
use crate::linux::procfs::stat::Traces;
use crate::linux::procfs::{Proc, ReadError};
use crate::model::snapshot::Slice;
use crate::model::{
    AgentRef, AgentSample, Boottime, Bytes, CgroupMemory, Charge, Member, Pid, ProcessKey, SystemMemory, Uid,
};
use crate::rules::protected::is_protected;

/// How often it is looked whether an agent has its cgroup for itself.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// Weighs agents. Remembers what a look at their members' mappings has found.
#[derive(Debug)]
pub(crate) struct MemoryAccounting {
    slow: SlowReader,
    sharing: HashMap<ProcessKey, Sharing>,
    cgroups: Option<Cgroups>,
    homes: HashMap<ProcessKey, Home>,
    weighed: HashMap<ProcessKey, CachedUsage>,
    pub(crate) leavers: ScopeEscapes,
    own: Option<Pid>,
    /// Whoever costs more is verified to be alone in its cgroup in each look.
    verify: Bytes,
}

/// What one process cost.
#[derive(Debug)]
struct CachedUsage {
    at: Boottime,
    /// Read before the charge, so that what came between shows the next time.
    traces: Traces,
    charge: Charge,
}

/// Where an agent lives.
#[derive(Debug)]
struct Home {
    looked: Boottime,
    /// Its cgroup.
    place: Option<PathBuf>,
    /// The same, where it shares that with nobody.
    path: Option<PathBuf>,
}

impl MemoryAccounting {
    pub(crate) fn new(proc: &Path, cgroup: &Path) -> Result<Self, ReadError> {
        Ok(Self {
            slow: SlowReader::open(proc, &[])?,
            sharing: HashMap::new(),
            cgroups: Cgroups::open(cgroup),
            homes: HashMap::new(),
            weighed: HashMap::new(),
            leavers: ScopeEscapes::default(),
            own: i32::try_from(std::process::id()).ok().and_then(Pid::new),
            verify: Bytes::ZERO,
        })
    }

    pub(crate) fn verify_above(&mut self, charge: Bytes) {
        self.verify = charge;
    }

    pub(crate) fn weigh(
        &mut self,
        proc: &Proc,
        roster: &ProcessTable,
        at: Boottime,
        care: ScanDepth,
        guest: &SystemMemory,
        trees: &[Tree],
    ) -> Vec<AgentSample> {
        self.await_answers(at, Duration::ZERO);
        let lives = |root: &ProcessKey| trees.iter().any(|tree| tree.agent.root == *root);
        self.sharing.retain(|root, _| lives(root));
        self.homes.retain(|root, _| lives(root));
        self.weighed.retain(|&key, _| roster.get(key).is_some());
        self.leavers.retain(lives);
        let mut agents: Vec<AgentSample> =
            trees.iter().map(|tree| self.weigh_one(proc, roster, at, care, guest, tree)).collect();
        for agent in &mut agents {
            if let Some(cgroup) = &mut agent.cgroup {
                cgroup.alone &= !self.is_visited(&agent.agent.root, &cgroup.path);
            }
        }
        agents
    }

    /// Whether another agent is in the cgroup of this one: it may have come since that was looked at.
    fn is_visited(&self, root: &ProcessKey, path: &Path) -> bool {
        let mut others = self.homes.iter().filter(|(other, _)| *other != root);
        others.any(|(_, home)| home.place.as_ref().is_some_and(|place| place.starts_with(path)))
    }

    /// The slice of limited agents, where one of these is in it. Without a cap of its own nothing is to be watched.
    pub(crate) fn slice(&self, agents: &[AgentSample]) -> Option<Slice> {
        let place = |a: &AgentSample| a.cgroup.as_ref().map(|c| c.path.clone()).or_else(|| a.scope.clone());
        let scope = agents.iter().filter_map(place).find_map(|path| limit::any_scope_of(&path))?;
        let memory = self.cgroups.as_ref()?.memory(scope.parent()?)?;
        let used = memory.current.saturating_sub(memory.cache);
        memory.max.map(|max| Slice { path: memory.path, max, used })
    }

    #[cfg(test)]
    pub(crate) fn forget_homes(&mut self) {
        self.homes.clear();
        self.leavers.look_again();
    }

    /// Takes in the looks that were asked for, as far as they come in time.
    pub(crate) fn await_answers(&mut self, at: Boottime, patience: Duration) {
        for answer in self.slow.answers(patience) {
            let Found::Weight(weight, took) = answer.found else { continue };
            let look = weight.map(|Weight { rollup, charge, held }| ShareReading {
                seen: charge,
                totals: held,
                share: rollup.share,
                shmem_swap: rollup.shmem_swap,
            });
            if let Some(sharing) = self.sharing.values_mut().find(|s| s.is_pending(answer.key)) {
                sharing.record(at, answer.key, look, took);
            }
        }
    }

    fn weigh_one(
        &mut self,
        proc: &Proc,
        roster: &ProcessTable,
        at: Boottime,
        care: ScanDepth,
        guest: &SystemMemory,
        tree: &Tree,
    ) -> AgentSample {
        let figures: Vec<MemberMemory> =
            tree.members.iter().map(|m| self.figures(proc, roster, at, care, m.key)).collect();
        let estimate = self.sharing.entry(tree.agent.root).or_default().estimate(at, guest, &figures);
        for &key in &estimate.to_read {
            if !self.slow.ask(key, 0, Question::Weight)
                && let Some(sharing) = self.sharing.get_mut(&tree.agent.root)
            {
                sharing.record(at, key, None, Duration::ZERO);
            }
        }
        let members: Vec<Member> = tree
            .members
            .iter()
            .zip(&estimate.charges)
            .map(|(member, charge)| self.member(roster, member, *charge, guest.mem_total))
            .collect();
        let processes = estimate.total.at_most(guest.process_totals);
        let cgroup = self.cgroup(proc, at, care, &tree.agent, &members, processes.total());
        let proven = processes.total().min(estimate.total.total().saturating_sub(estimate.unverified));
        // Charges do not move with a process, and nobody maps a file in a tmpfs: neither sum holds all of the other.
        let charge = match &cgroup {
            Some(cgroup) if cgroup.charge.total() > processes.total() => cgroup.charge,
            _ => processes,
        };
        let proven = cgroup.as_ref().map_or(proven, |cgroup| cgroup.charge.total().max(proven));
        AgentSample {
            agent: tree.agent.clone(),
            parent: tree.parent.clone(),
            started_by: tree.started_by,
            spawner: tree.spawner.filter(|&spawner| !is_manager(roster, spawner)),
            root_alive: tree.root_alive,
            members,
            unverified: charge.total().saturating_sub(proven),
            charge,
            cgroup,
            scope: self.leavers.scope(&tree.agent.root).map(Path::to_path_buf),
        }
    }

    fn member(&self, roster: &ProcessTable, member: &TreeMember, charge: Charge, memory: Bytes) -> Member {
        let known = roster.get(member.key);
        let name = known.map(|known| known.name.clone()).unwrap_or_default();
        Member {
            // Of whom it is not known whose it is may only be root's to end.
            uid: known.map_or(Uid::ROOT, |known| known.uid),
            protected: is_protected(&name, known.and_then(|known| known.exe.as_deref()))
                || self.own == Some(member.key.pid),
            key: member.key,
            lineage: member.lineage.clone(),
            heap_limit: known.and_then(|known| known.heap_limit(memory)),
            is_ancestor_of_agent: member.is_ancestor_of_agent,
            joined: member.joined,
            charge,
            name,
        }
    }

    /// What the agent's cgroup costs, where nobody else is in it.
    fn cgroup(
        &mut self,
        proc: &Proc,
        at: Boottime,
        care: ScanDepth,
        agent: &AgentRef,
        members: &[Member],
        processes: Bytes,
    ) -> Option<CgroupMemory> {
        let shares = self.homes.get(&agent.root).is_some_and(|home| home.path.is_none());
        let age = if shares { care.shared() } else { LOOK_AGAIN };
        let path = self.home(proc, at, agent, members, age)?;
        let mut memory = self.cgroups.as_ref()?.memory(&path)?;
        if memory.charge.total().max(processes) < self.verify {
            // Nobody but root moves a process into a scope of ours.
            memory.alone = limit::any_scope_of(&path).is_some()
                || (care == ScanDepth::Full && self.cgroups.as_ref()?.holds_only(&path, &pids(members)));
            return Some(memory);
        }
        // All in it may be killed at once, and what was so a while ago is not enough for that.
        let now = self.home(proc, at, agent, members, Duration::ZERO)?;
        if now != path {
            memory = self.cgroups.as_ref()?.memory(&now)?;
        }
        Some(CgroupMemory { alone: true, ..memory })
    }

    /// The cgroup that the agent has for itself, as it was `age` ago at the longest.
    fn home(
        &mut self,
        proc: &Proc,
        at: Boottime,
        agent: &AgentRef,
        members: &[Member],
        age: Duration,
    ) -> Option<PathBuf> {
        let root = agent.root;
        let cgroups = self.cgroups.as_ref()?;
        let known = self.homes.get(&root).filter(|h| h.looked == at || at.since(h.looked) < age);
        if let Some(home) = known {
            return home.path.clone();
        }
        let place = proc.cgroup(members.first()?.key.pid);
        self.leavers.look((proc, cgroups), at, (&agent.id, root), members, place.as_deref());
        let path = place.clone().filter(|path| cgroups.holds_only(path, &pids(members)));
        self.homes.insert(root, Home { looked: at, place, path: path.clone() });
        path
    }

    fn figures(
        &mut self,
        proc: &Proc,
        roster: &ProcessTable,
        at: Boottime,
        care: ScanDepth,
        key: ProcessKey,
    ) -> MemberMemory {
        let known = roster.get(key);
        let exec_id = known.map_or(0, |known| known.image);
        if known.is_some_and(|known| known.headless) {
            let status = proc.status_of_threads(key.pid);
            let charge = status.and_then(|status| status.charge).unwrap_or_default();
            return MemberMemory { key, exec_id, charge };
        }
        let traces = known.map(|known| known.traces).unwrap_or_default();
        let still = |w: &&CachedUsage| w.traces == traces && at.since(w.at) < care.charge();
        if let Some(CachedUsage { charge, .. }) = self.weighed.get(&key).filter(still) {
            return MemberMemory { key, exec_id, charge: *charge };
        }
        let status = proc.status(key.pid).ok().flatten();
        let charge = status.and_then(|status| status.charge).unwrap_or_default();
        self.weighed.insert(key, CachedUsage { at, traces, charge });
        MemberMemory { key, exec_id, charge }
    }
}

fn pids(members: &[Member]) -> HashSet<Pid> {
    members.iter().map(|member| member.key.pid).collect()
}

/// A service manager starts whoever has a unit, and takes in whose parent has ended.
fn is_manager(roster: &ProcessTable, spawner: ProcessKey) -> bool {
    spawner.pid == Pid::INIT || roster.get(spawner).is_some_and(|known| known.name == "systemd")
}
