//! From `/proc` to a snapshot: the process table, the agents among the processes, and their memory.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub(crate) use sampling_policy::ScanDepth;

use crate::attribution::membership::{MembershipTracker, Tree};
use crate::linux::clock;
use crate::linux::procfs::swaps::SwapRoom;
use crate::linux::procfs::vmstat::Vmstat;
use crate::linux::procfs::zoneinfo::Zoneinfo;
use crate::linux::procfs::{Proc, ReadError};
use crate::model::{Boottime, Bytes, ProcessKey, Snapshot, SystemMemory, Uid};
use crate::rules::Rules;
use accounting::{MemoryAccounting, Pass};
use process_table::{ProcessTable, ScanTargets};
use sampling_policy::OOM_KILLS_INTERVAL;

/// For the statistics of zram.
const SYS: &str = "/sys";

/// With a larger share of memory available no process has to wait for swap. The policy needs the figure below the reserve,
/// which is at most 10 %, and some time before.
const THRASHING_PERCENT: u64 = 10;

/// With a larger share of memory left the free pages of each processor make no difference: the reserve is at most 10 %
/// unless the guest fills faster than it can be polled.
const PER_CPU_PERCENT: u64 = 15;

/// Takes snapshots. Remembers each process, and the agent that it belongs to.
#[derive(Debug)]
pub(crate) struct Sampler {
    proc: Proc,
    swap: SwapRoom,
    vmstat: Vmstat,
    zones: Zoneinfo,
    membership: MembershipTracker,
    /// The last result of `membership`, which is updated after a change.
    trees: Vec<Tree>,
    /// Roots of former agents, as long as they run.
    unmatched_roots: Vec<ProcessKey>,
    changed: bool,
    oom_kills_read_at: Option<Boottime>,
    table: ProcessTable,
    accounting: MemoryAccounting,
}

impl Sampler {
    /// Reads processes at `proc` and cgroups at `cgroup`. With `only`, agents of other users are left out.
    pub(crate) fn new(
        proc: &Path,
        cgroup: &Path,
        rules: Arc<Rules>,
        only: Option<Uid>,
    ) -> Result<Self, ReadError> {
        Ok(Self {
            proc: Proc::open(proc)?,
            swap: SwapRoom::new(proc, Path::new(SYS)),
            vmstat: Vmstat::new(proc),
            zones: Zoneinfo::new(proc),
            membership: MembershipTracker::default(),
            trees: Vec::new(),
            unmatched_roots: Vec::new(),
            changed: false,
            oom_kills_read_at: None,
            table: ProcessTable::new(proc, cgroup, rules, only)?,
            accounting: MemoryAccounting::new(proc, cgroup)?,
        })
    }

    /// Reads the memory of the guest, and nothing else.
    pub(crate) fn poll_memory(&mut self, at: Boottime) -> Result<SystemMemory, ReadError> {
        let mut guest = self.proc.guest()?;
        self.swap.measure(at, &mut guest);
        if guest.remaining() < guest.mem_total.share(PER_CPU_PERCENT, 100) {
            guest.per_cpu = self.zones.per_cpu();
        }
        Ok(guest)
    }

    /// Reads the memory of the guest and takes a full sample.
    pub(crate) fn sample_now(&mut self) -> Result<Snapshot, ReadError> {
        let at = clock::now();
        let guest = self.poll_memory(at)?;
        self.sample(at, guest, ScanDepth::Full)
    }

    /// Takes a sample. The memory of the guest was read before.
    pub(crate) fn sample(
        &mut self,
        at: Boottime,
        guest: SystemMemory,
        depth: ScanDepth,
    ) -> Result<Snapshot, ReadError> {
        let pressure = self.proc.pressure();
        let changed = self.table.scan(&self.proc, at, depth, ScanTargets::NewAndMembers)?;
        let before = self.update_trees(changed);
        let oom_kills = self.oom_kills(at, &guest, before.as_deref());
        self.table.set_members(self.trees.iter().flat_map(|tree| tree.members.iter().map(|m| m.key)));
        let pass = Pass { proc: &self.proc, table: &self.table, at, depth, guest: &guest };
        let agents = self.accounting.measure(pass, &self.trees);
        let swapped_in = thrashing_is_possible(&guest).then(|| self.vmstat.swapped_in()).flatten();
        let slice = self.accounting.slice(&agents);
        let unmatched_roots = self.unmatched_roots.clone();
        Ok(Snapshot { at, guest, pressure, swapped_in, oom_kills, slice, agents, unmatched_roots })
    }

    /// The kernel's count of OOM kills, if a member may be among them, and once in `OOM_KILLS_INTERVAL`.
    fn oom_kills(&mut self, at: Boottime, guest: &SystemMemory, before: Option<&[Tree]>) -> Option<u64> {
        let keys = |trees: &[Tree]| {
            trees.iter().flat_map(|tree| tree.members.iter().map(|m| m.key)).collect::<HashSet<_>>()
        };
        let next_check = self
            .oom_kills_read_at
            .is_none_or(|oom_kills_read_at| at.since(oom_kills_read_at) >= OOM_KILLS_INTERVAL);
        let low = || guest.mem_available < guest.mem_total.share(THRASHING_PERCENT, 100);
        let lost = || before.is_some_and(|before| !keys(before).is_subset(&keys(&self.trees)));
        if !(next_check || low() || lost()) {
            return None;
        }
        self.oom_kills_read_at = Some(at);
        self.vmstat.oom_kills()
    }

    /// Reads new processes, and young ones that may have exec'd. Returns whether the membership of an agent has changed, so
    /// that a sample must follow. Most new processes belong to no agent, and exit soon.
    pub(crate) fn scan_new_processes(&mut self, at: Boottime) -> Result<bool, ReadError> {
        let changed = self.table.scan(&self.proc, at, ScanDepth::Incremental, ScanTargets::New)?;
        let before = self.update_trees(changed);
        Ok(before.is_some_and(|before| !same_membership(&before, &self.trees)))
    }

    /// Updates the trees after a change. Returns the trees before, if they were updated.
    fn update_trees(&mut self, changed: bool) -> Option<Vec<Tree>> {
        // An update of one process may change the attribution of another one in the next.
        let again = std::mem::replace(&mut self.changed, changed) || changed;
        let before = again.then(|| {
            let trees = self.membership.update(&self.table.observed());
            std::mem::replace(&mut self.trees, trees)
        });
        self.unmatched_roots.extend(before.iter().flatten().map(|tree| tree.agent.root));
        let (trees, table) = (&self.trees, &self.table);
        self.unmatched_roots
            .retain(|root| table.get(*root).is_some() && trees.iter().all(|tree| tree.agent.root != *root));
        before
    }

    /// Whether processes have started since the last sample, or young ones are due for a check.
    pub(crate) fn has_new_pids(&self, at: Boottime) -> bool {
        self.table.has_new_pids(at)
    }

    /// Whether there are young processes, which may still exec.
    pub(crate) fn has_young_processes(&self) -> bool {
        self.table.has_young_processes()
    }

    /// An agent with a higher charge is verified to be alone in its cgroup in each sample.
    pub(crate) fn verify_cgroups_above(&mut self, charge: Bytes) {
        self.accounting.verify_cgroups_above(charge);
    }

    /// Warnings that have not been logged yet, about processes that have left the scope of their agent.
    pub(crate) fn drain_new_warnings(&mut self) -> Vec<String> {
        self.accounting.escapes.drain_new()
    }

    /// All of these warnings, one for each agent.
    pub(crate) fn warnings(&self) -> impl Iterator<Item = String> {
        self.accounting.escapes.warnings()
    }

    /// Applies other rules from the next sample on.
    pub(crate) fn reconfigure(&mut self, rules: Arc<Rules>) {
        self.table.reconfigure(rules);
    }

    /// Pins the agents with a root that `is_pinned`: they stay agents although no rule matches them any more.
    pub(crate) fn pin_rules_of(&mut self, is_pinned: impl Fn(ProcessKey) -> bool) {
        self.membership.pin(is_pinned);
    }

    /// Unpins the agents with a root that is no longer `is_pinned`.
    pub(crate) fn unpin_rules_except(&mut self, is_pinned: impl Fn(ProcessKey) -> bool) {
        self.changed |= self.membership.unpin(is_pinned);
    }

    /// A sample for a command that takes only one. Waits for background reads, at most `timeout` for each kind.
    pub(crate) fn sample_with_timeout(&mut self, timeout: Duration) -> Result<Snapshot, ReadError> {
        self.sample_now()?;
        self.table.collect_answers(&self.proc, timeout);
        self.accounting.collect_answers(clock::now(), timeout);
        self.sample_now()
    }

    /// The command line of a process in the table; empty if it has none.
    pub(crate) fn command(&self, key: ProcessKey) -> &str {
        self.table.get(key).map_or("", |entry| &entry.command)
    }

    /// The working directory of a process in the table.
    pub(crate) fn cwd(&self, key: ProcessKey) -> Option<PathBuf> {
        self.table.get(key).and_then(|_| self.proc.cwd(key.pid))
    }
}

/// Whether the same processes belong to the same agents.
fn same_membership(before: &[Tree], now: &[Tree]) -> bool {
    let alike = |a: &Tree, b: &Tree| {
        a.agent.root == b.agent.root
            && a.root_alive == b.root_alive
            && a.members.iter().map(|m| m.key).eq(b.members.iter().map(|m| m.key))
    };
    before.len() == now.len() && before.iter().zip(now).all(|(a, b)| alike(a, b))
}

/// Swap-ins matter only then, and `vmstat` takes the kernel as long as all other files of a sample together.
fn thrashing_is_possible(guest: &SystemMemory) -> bool {
    guest.swap_free < guest.swap_total && guest.mem_available < guest.mem_total.share(THRASHING_PERCENT, 100)
}

mod accounting;
mod process_entry;
mod process_table;
mod sampling_policy;
mod scopes;
#[cfg(test)]
mod tests;
