//! Limits without a service manager, as in a container: cgroups that we create ourselves, named like its scopes.
//!
//! The crate cgroups-rs moves processes and sets limits (`linux/cgroup/tree.rs`). Creating, reading and removing stay ours:
//! there the crate hides a taken name, reports a failed reading as an empty cgroup, or also removes the cgroups below. Only
//! the memory controller may change, and only below the placement.

use std::path::{Path, PathBuf};

use super::backend::CgroupBackend;
use super::error::{ApplyError, ManualError};
use super::target::LimitTarget;
use crate::limit::{self, CgroupNode, LimitName, MemoryLimits, Placement, SLICE};
use crate::linux::cgroup::Cgroups;
use crate::linux::cgroup::limits::InheritedLimits;
use crate::linux::cgroup::tree::{ChangeError, MemoryController};
use crate::linux::procfs::Proc;
use crate::model::{Bytes, Pid, Uid};

/// The cgroup for processes that are migrated out of the way.
const MIGRATION_CGROUP: &str = "others";

/// Rounds of a migration: processes that fork meanwhile need further ones.
const MAX_MIGRATION_ROUNDS: u32 = 10;

/// Creates cgroups directly in the cgroup tree.
#[derive(Debug)]
pub(crate) struct ManualBackend<'a> {
    cgroups: &'a Cgroups,
    proc: &'a Path,
    /// The user that we run as.
    uid: Uid,
    /// The cgroup above all limited agents.
    slice: PathBuf,
}

impl<'a> ManualBackend<'a> {
    /// Finds the placement for the process `pid`, and migrates processes if it needs that.
    pub(crate) fn find(
        cgroups: &'a Cgroups,
        proc: &'a Path,
        uid: Uid,
        pid: Pid,
    ) -> Result<Self, ManualError> {
        // If the tree is mounted from another cgroup namespace, this path names a different cgroup there.
        let is_visible = |own: &PathBuf| cgroups.procs(own).is_ok_and(|pids| pids.contains(&Some(pid)));
        let own = Proc::open(proc)?.cgroup(pid).filter(is_visible).ok_or(ManualError::Outside)?;
        let below = |path: &Path| Self { cgroups, proc, uid, slice: path.join(SLICE) };
        // Inside of a limit nothing is created: the existing scope is tightened.
        if let Some(backend) = limit::any_scope_of(&own).and_then(|scope| scope.parent()?.parent().map(below))
        {
            return Ok(backend);
        }
        let nodes: Vec<CgroupNode> = own.ancestors().map(|path| node(cgroups, path)).collect();
        match limit::find_placement(&nodes) {
            Some(Placement::Ready(path)) => Ok(below(path)),
            Some(Placement::NeedsMigration(path)) => {
                let backend = below(path);
                backend.migrate(path)?;
                Ok(backend)
            }
            None => Err(no_placement(cgroups, own, &nodes)),
        }
    }

    fn default_cap(&self) -> Result<Bytes, ManualError> {
        let total = Proc::open(self.proc).and_then(|proc| proc.guest())?.mem_total;
        // A container may have less than the machine.
        let above = self.slice.ancestors().filter_map(|path| self.cgroups.memory_max(path));
        let cap = limit::slice_cap(above.min().map_or(total, |max| max.min(total)));
        self.enable_memory(self.slice.parent().unwrap_or(Path::new("/")))?;
        ignore_existing(self.cgroups.create(&self.slice))?;
        self.cgroups.set_limits(&self.slice, cap, None)?;
        Ok(cap)
    }

    fn create(&self, path: &Path, limits: MemoryLimits, pid: Pid) -> Result<(), ChangeError> {
        self.cgroups.create(path)?;
        let limited = self.cgroups.set_limits(path, limits.max, Some(limits.swap_max));
        limited.and_then(|()| self.cgroups.add_process(path, pid)).inspect_err(|_| {
            // Removal fails while a process is in it, and then it stays.
            let _ = self.cgroups.remove(path);
        })
    }

    /// Removes the cgroups of commands that have exited: no service manager does, and no command can remove its own.
    fn remove_empty_scopes(&self) {
        for (scope, pids) in self.cgroups.children(&self.slice) {
            // A cgroup that was just created for a live process is still empty.
            let root = limit::root_of(&scope);
            let is_alive = root.is_none_or(|pid| self.proc.join(pid.to_string()).exists());
            if pids.is_empty() && !is_alive {
                // Removal fails if it has a process that is not visible here, and then it stays.
                let _ = self.cgroups.remove(&self.slice.join(scope));
            }
        }
    }

    fn enable_memory(&self, path: &Path) -> Result<(), ManualError> {
        if self.cgroups.memory_controller(path) != MemoryController::Enabled {
            self.cgroups.enable_memory_controller(path)?;
        }
        Ok(())
    }

    /// Moves the processes of the cgroup at `path` into a cgroup below it, so that its children can have the memory
    /// controller. That cgroup has no limit, so nothing changes for them. Either all of them can be moved, or none is.
    fn migrate(&self, path: &Path) -> Result<(), ManualError> {
        let migration_cgroup = path.join(MIGRATION_CGROUP);
        for _ in 0..MAX_MIGRATION_ROUNDS {
            let pids = self.migratable(path)?;
            ignore_existing(self.cgroups.create(&migration_cgroup))?;
            for pid in pids {
                match self.cgroups.add_process(&migration_cgroup, pid) {
                    Err(error) if !error.process_exited() => return Err(error.into()),
                    _ => {}
                }
            }
            match self.cgroups.enable_memory_controller(path) {
                // A process has forked meanwhile.
                Err(error) if error.is_busy() => {}
                enabled => return Ok(enabled?),
            }
        }
        let reason = "they fork faster than they are moved".to_owned();
        Err(ManualError::NotMigratable { path: path.to_owned(), reason })
    }

    /// The processes in the cgroup at `path`, if we may move all of them. Root may: the whole container is root's.
    fn migratable(&self, path: &Path) -> Result<Vec<Pid>, ManualError> {
        let proc = Proc::open(self.proc)?;
        let refuse = |reason: String| ManualError::NotMigratable { path: path.to_owned(), reason };
        let mut pids = Vec::new();
        for pid in self.cgroups.procs(path)? {
            let pid = pid.ok_or_else(|| refuse("of another pid namespace".to_owned()))?;
            let is_foreign = |uid, privileged| self.uid != Uid::ROOT && (uid != self.uid || privileged);
            match proc.status(pid).ok().flatten() {
                Some(found) if is_foreign(found.uid, found.is_privileged()) => {
                    return Err(refuse(format!("process {pid} is owned by user {}", found.uid)));
                }
                Some(_) => pids.push(pid),
                // It has exited.
                None => {}
            }
        }
        Ok(pids)
    }
}

impl CgroupBackend for ManualBackend<'_> {
    async fn slice_cap(&self) -> Result<Bytes, ApplyError> {
        Ok(self.cgroups.memory_max(&self.slice).map_or_else(|| self.default_cap(), Ok)?)
    }

    async fn start(
        &self,
        name: &LimitName,
        target: &LimitTarget,
        limits: MemoryLimits,
        _: InheritedLimits,
    ) -> Result<String, ApplyError> {
        self.enable_memory(&self.slice)?;
        self.remove_empty_scopes();
        for retry in [false, true] {
            let scope = limit::scope_name(name, target.key, retry);
            match self.create(&self.slice.join(&scope), limits, target.key.pid) {
                Err(error) if error.already_exists() => {}
                created => return Ok(created.map(|()| scope).map_err(ManualError::from)?),
            }
        }
        Err(ApplyError::NameTaken)
    }

    async fn set_limits(&self, path: &Path, limits: MemoryLimits) -> Result<(), ApplyError> {
        let set = self.cgroups.set_limits(path, limits.max, Some(limits.swap_max));
        Ok(set.map_err(ManualError::from)?)
    }
}

fn node(cgroups: &Cgroups, path: &Path) -> CgroupNode {
    let controller = cgroups.memory_controller(path);
    let is_empty = || cgroups.procs(path).is_ok_and(|pids| pids.is_empty());
    CgroupNode {
        path: path.to_owned(),
        available: controller != MemoryController::Absent,
        enabled: controller == MemoryController::Enabled,
        vacant: cgroups.is_root_cgroup(path) || is_empty(),
        limited: cgroups.memory_max(path).is_some(),
        writable: cgroups.check_writable(path).is_ok(),
    }
}

/// Why no cgroup is usable, as seen from the process's own.
fn no_placement(cgroups: &Cgroups, own: PathBuf, nodes: &[CgroupNode]) -> ManualError {
    if nodes.iter().all(|node| !node.available) {
        return ManualError::NoController { path: own };
    }
    match cgroups.check_writable(&own) {
        Err(error) if error.is_read_only() => ManualError::ReadOnly(error),
        Err(source) => ManualError::NotWritable { path: own, source },
        Ok(()) => ManualError::NoController { path: own },
    }
}

fn ignore_existing(created: Result<(), ChangeError>) -> Result<(), ChangeError> {
    created.or_else(|error| if error.already_exists() { Ok(()) } else { Err(error) })
}

#[cfg(test)]
mod tests;
