//! From `/proc` to a snapshot.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub(crate) use scan_depth::ScanDepth;

use crate::attribution::membership::{MembershipTracker, Tree};
use crate::linux::clock;
use crate::linux::procfs::swaps::SwapRoom;
use crate::linux::procfs::vmstat::Vmstat;
use crate::linux::procfs::zoneinfo::Zoneinfo;
use crate::linux::procfs::{Proc, ReadError};
use crate::model::{Boottime, Bytes, ProcessKey, Snapshot, SystemMemory, Uid};
use crate::rules::Rules;
use accounting::MemoryAccounting;
use process_table::{ProcessTable, Whom};

/// Where zram tells what it saves.
const SYS: &str = "/sys";

/// With more of memory available than this share nothing needs to be read back from swap to go on. The policy asks
/// below the reserve, which is 10 % at the most, and wants to have seen some time before.
const THRASHING_PERCENT: u64 = 10;

/// With more left than this share what processors keep makes no difference: the reserve is 10 % at the most where the
/// guest does not fill faster than anybody could look.
const FEW_PERCENT: u64 = 15;

/// What the kernel ended is looked up so often where nothing seems to be missing.
const COUNT_KILLS: Duration = Duration::from_secs(10);

/// Takes snapshots. Remembers what each process is, and to which agent it belongs.
#[derive(Debug)]
pub(crate) struct Sampler {
    proc: Proc,
    swap: SwapRoom,
    vmstat: Vmstat,
    zones: Zoneinfo,
    membership: MembershipTracker,
    /// What the census said last; it is asked again when something has changed.
    trees: Vec<Tree>,
    /// Roots of former agents, as long as they run.
    unmatched_roots: Vec<ProcessKey>,
    changed: bool,
    /// When the kernel's kills were counted last.
    counted: Option<Boottime>,
    roster: ProcessTable,
    scales: MemoryAccounting,
}

impl Sampler {
    /// Reads processes at `proc` and cgroups at `cgroup`; of agents only those of `only`, where that is given.
    pub(crate) fn new(
        proc: &Path,
        cgroup: &Path,
        rules: Arc<Rules>,
        only: Option<Uid>,
    ) -> Result<Self, ReadError> {
        Ok(Self {
            proc: Proc::open(proc)?,
            swap: SwapRoom::of(proc, Path::new(SYS)),
            vmstat: Vmstat::of(proc),
            zones: Zoneinfo::of(proc),
            membership: MembershipTracker::default(),
            trees: Vec::new(),
            unmatched_roots: Vec::new(),
            changed: false,
            counted: None,
            roster: ProcessTable::new(proc, cgroup, rules, only)?,
            scales: MemoryAccounting::new(proc, cgroup)?,
        })
    }

    /// The guest's memory as it is now, and nothing else.
    pub(crate) fn poll_memory(&mut self, at: Boottime) -> Result<SystemMemory, ReadError> {
        let mut guest = self.proc.guest()?;
        self.swap.weigh(at, &mut guest);
        if guest.remaining() < guest.mem_total.share(FEW_PERCENT, 100) {
            guest.per_cpu = self.zones.per_cpu();
        }
        Ok(guest)
    }

    /// Sees the guest as it is now.
    pub(crate) fn sample_now(&mut self) -> Result<Snapshot, ReadError> {
        let at = clock::now();
        let guest = self.poll_memory(at)?;
        self.sample(at, guest, ScanDepth::Full)
    }

    /// Sees everything, the guest's memory having been read before.
    pub(crate) fn sample(
        &mut self,
        at: Boottime,
        guest: SystemMemory,
        care: ScanDepth,
    ) -> Result<Snapshot, ReadError> {
        let pressure = self.proc.pressure();
        let changed = self.roster.look(&self.proc, at, care, Whom::Members)?;
        let before = self.count(changed);
        let oom_kills = self.oom_kills(at, &guest, before.as_deref());
        self.roster.watch(self.trees.iter().flat_map(|tree| tree.members.iter().map(|m| m.key)));
        let agents = self.scales.weigh(&self.proc, &self.roster, at, care, &guest, &self.trees);
        let swapped_in = thrashing_is_possible(&guest).then(|| self.vmstat.swapped_in()).flatten();
        let slice = self.scales.slice(&agents);
        let unmatched_roots = self.unmatched_roots.clone();
        Ok(Snapshot { at, guest, pressure, swapped_in, oom_kills, slice, agents, unmatched_roots })
    }

    /// How many the kernel has ended, where somebody may be among them whom we know, and now and then.
    fn oom_kills(&mut self, at: Boottime, guest: &SystemMemory, before: Option<&[Tree]>) -> Option<u64> {
        let keys = |trees: &[Tree]| {
            trees.iter().flat_map(|tree| tree.members.iter().map(|m| m.key)).collect::<HashSet<_>>()
        };
        let due = self.counted.is_none_or(|counted| at.since(counted) >= COUNT_KILLS);
        let low = || guest.mem_available < guest.mem_total.share(THRASHING_PERCENT, 100);
        let lost = || before.is_some_and(|before| !keys(before).is_subset(&keys(&self.trees)));
        if !(due || low() || lost()) {
            return None;
        }
        self.counted = Some(at);
        self.vmstat.oom_kills()
    }

    /// Sees who has started, and who may yet become something else; whether that concerns an agent, so that a look is
    /// to follow. Most that starts is nobody's, and ends soon.
    pub(crate) fn scan_new_processes(&mut self, at: Boottime) -> Result<bool, ReadError> {
        let changed = self.roster.look(&self.proc, at, ScanDepth::Incremental, Whom::Newcomers)?;
        let before = self.count(changed);
        Ok(before.is_some_and(|before| !belong_alike(&before, &self.trees)))
    }

    /// Asks the census where there is reason to; what it said before, where it was asked.
    fn count(&mut self, changed: bool) -> Option<Vec<Tree>> {
        // What the census learns of one process may tell of another in its next round.
        let again = std::mem::replace(&mut self.changed, changed) || changed;
        let before = again.then(|| {
            let trees = self.membership.update(&self.roster.seen());
            std::mem::replace(&mut self.trees, trees)
        });
        self.unmatched_roots.extend(before.iter().flatten().map(|tree| tree.agent.root));
        let (trees, roster) = (&self.trees, &self.roster);
        self.unmatched_roots
            .retain(|root| roster.get(*root).is_some() && trees.iter().all(|tree| tree.agent.root != *root));
        before
    }

    /// Whether processes have started since the last look, or are so young that they may yet become something else.
    pub(crate) fn has_new_pids(&self, at: Boottime) -> bool {
        self.roster.is_stirring(at)
    }

    /// Whether there is a young process that may yet become something else.
    pub(crate) fn has_young_processes(&self) -> bool {
        self.roster.has_young()
    }

    /// An agent that costs more than this is looked up in its own cgroup in each look, to be alone there for sure.
    pub(crate) fn verify_cgroups_above(&mut self, charge: Bytes) {
        self.scales.verify_above(charge);
    }

    /// What is to be said, once, of processes that have left the scope which limits their agent.
    pub(crate) fn drain_new_warnings(&mut self) -> Vec<String> {
        self.scales.leavers.news()
    }

    /// The same as it is now, a sentence for each agent.
    pub(crate) fn warnings(&self) -> impl Iterator<Item = String> {
        self.scales.leavers.notes()
    }

    /// Goes by other rules from the next look on.
    pub(crate) fn reconfigure(&mut self, rules: Arc<Rules>) {
        self.roster.reconfigure(rules);
    }

    /// Agents of whose root this is true stay what they are though no rule knows them any more, until they are let go.
    pub(crate) fn pin_rules_of(&mut self, is_held: impl Fn(ProcessKey) -> bool) {
        self.membership.pin(is_held);
    }

    /// Lets go those of which it is true no longer.
    pub(crate) fn unpin_rules_except(&mut self, is_held: impl Fn(ProcessKey) -> bool) {
        self.changed |= self.membership.unpin(is_held);
    }

    /// A sample for those who take but one: it waits for what is read slowly, at most `patience` each time.
    pub(crate) fn sample_with_timeout(&mut self, patience: Duration) -> Result<Snapshot, ReadError> {
        self.sample_now()?;
        self.roster.await_answers(&self.proc, patience);
        self.scales.await_answers(clock::now(), patience);
        self.sample_now()
    }

    /// The command line of a process that was seen; empty where it has none.
    pub(crate) fn command(&self, key: ProcessKey) -> &str {
        self.roster.get(key).map_or("", |known| &known.command)
    }

    /// The working directory of a process that was seen.
    pub(crate) fn cwd(&self, key: ProcessKey) -> Option<PathBuf> {
        self.roster.get(key).and_then(|_| self.proc.cwd(key.pid))
    }
}

/// Whether the same processes belong to the same agents.
fn belong_alike(before: &[Tree], now: &[Tree]) -> bool {
    let alike = |a: &Tree, b: &Tree| {
        a.agent.root == b.agent.root
            && a.root_alive == b.root_alive
            && a.members.iter().map(|m| m.key).eq(b.members.iter().map(|m| m.key))
    };
    before.len() == now.len() && before.iter().zip(now).all(|(a, b)| alike(a, b))
}

/// What swap gives back matters only then; the file takes the kernel as long as all others of a look together.
fn thrashing_is_possible(guest: &SystemMemory) -> bool {
    guest.swap_free < guest.swap_total && guest.mem_available < guest.mem_total.share(THRASHING_PERCENT, 100)
}

mod accounting;
mod limited_scopes;
mod process_entry;
mod process_table;
mod scan_depth;
mod scope_escapes;
#[cfg(test)]
mod tests;
