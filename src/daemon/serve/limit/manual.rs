//! Limits where no service manager runs, as in a container: cgroups that we make ourselves, named like its scopes.

use std::path::{Path, PathBuf};

use super::target::LimitTarget;
use crate::limit::{self, CgroupNode, MemoryLimits, Name, Placement, SLICE};
use crate::linux::cgroup::Cgroups;
use crate::linux::cgroup::tree::{ChangeError, MemoryController};
use crate::linux::procfs::details::Details;
use crate::linux::procfs::{Proc, ReadError};
use crate::model::{Bytes, Pid, Uid};

/// Where processes go that were in the way.
const MIGRATION_CGROUP: &str = "others";

/// Who forks while we move its processes is followed so often.
const MAX_MIGRATION_ROUNDS: u32 = 10;

/// Why no cgroup can be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ManualError {
    #[error(
        "no systemd runs here, and {0}: cgroups can only be read; have the container started with a /sys/fs/cgroup \
             that it may write to (as `--privileged` does), or with a limit as a whole"
    )]
    ReadOnly(ChangeError),
    #[error("no systemd runs here, and we may not make cgroups below {}: {why}", path.display())]
    NotOurs { path: PathBuf, why: ChangeError },
    #[error("no systemd runs here, and {} has no memory controller to pass on: have it enabled in \
             cgroup.subtree_control above", path.display())]
    NoController { path: PathBuf },
    #[error("no systemd runs here, and {} holds processes that are not ours to move aside ({whose}), so no limit can be made \
             below it: have them moved into a cgroup of their own", path.display())]
    NeedsMigration { path: PathBuf, whose: String },
    #[error(
        "no systemd runs here, and the process is in no cgroup that is seen from here: have /sys/fs/cgroup mounted anew, in the \
             cgroup namespace that it is in"
    )]
    Outside,
    #[error("there are cgroups of that name already")]
    Taken,
    #[error("the kernel refuses {0}")]
    Change(#[from] ChangeError),
    #[error(transparent)]
    Guest(#[from] ReadError),
}

/// Makes cgroups for limited agents.
#[derive(Debug)]
pub(crate) struct ManualBackend<'a> {
    cgroups: &'a Cgroups,
    proc: &'a Path,
    /// Whom we run as.
    uid: Uid,
    /// The cgroup that holds all of them.
    slice: PathBuf,
}

impl<'a> ManualBackend<'a> {
    /// For the process `pid`.
    pub(crate) fn find(
        cgroups: &'a Cgroups,
        proc: &'a Path,
        uid: Uid,
        pid: Pid,
    ) -> Result<Self, ManualError> {
        // The tree may be mounted as another cgroup namespace sees it: then this path is somebody else's there.
        let already_exists = |own: &PathBuf| cgroups.procs(own).is_ok_and(|pids| pids.contains(&Some(pid)));
        let own = Details::of(proc).cgroup(pid).filter(already_exists).ok_or(ManualError::Outside)?;
        let direct = |find_placement: &Path| Self { cgroups, proc, uid, slice: find_placement.join(SLICE) };
        // Inside of a limit: nothing is made, and what there is gets tighter.
        if let Some(slice) = limit::any_scope_of(&own).and_then(|scope| scope.parent()?.parent().map(direct))
        {
            return Ok(slice);
        }
        let levels: Vec<CgroupNode> = own.ancestors().map(|path| level(cgroups, path)).collect();
        match limit::find_placement(&levels) {
            Some(Placement::Ready(path)) => Ok(direct(path)),
            Some(Placement::NeedsMigration(path)) => {
                let direct = direct(path);
                direct.clear(path)?;
                Ok(direct)
            }
            None => Err(no_placement(cgroups, own, &levels)),
        }
    }

    /// What all limited agents together may have: what somebody has set, else ours, which is then in force.
    pub(crate) fn cap(&self) -> Result<Bytes, ManualError> {
        if let Some(max) = self.cgroups.memory_max(&self.slice) {
            return Ok(max);
        }
        let total = Proc::open(self.proc).and_then(|proc| proc.guest())?.mem_total;
        // A container may have less than the machine.
        let above = self.slice.ancestors().filter_map(|path| self.cgroups.memory_max(path));
        let cap = limit::cap(above.min().map_or(total, |max| max.min(total)));
        self.enable_memory(self.slice.parent().unwrap_or(Path::new("/")))?;
        make_sure(self.cgroups.make(&self.slice))?;
        self.cgroups.confine(&self.slice, cap, None)?;
        Ok(cap)
    }

    /// Makes a cgroup with that limit and moves the process into it; its name.
    pub(crate) fn start(
        &self,
        name: &Name,
        target: &LimitTarget,
        shape: MemoryLimits,
    ) -> Result<String, ManualError> {
        self.enable_memory(&self.slice)?;
        self.sweep();
        for again in [false, true] {
            let scope = limit::scope_name(name, target.key, again);
            let path = self.slice.join(&scope);
            match self.cgroups.make(&path) {
                Err(error) if error.already_exists() => continue,
                made => made?,
            }
            let confined = self.cgroups.confine(&path, shape.max, Some(shape.swap));
            if let Err(error) = confined.and_then(|()| self.cgroups.put(&path, target.key.pid)) {
                // It stays where somebody is in it.
                let _ = self.cgroups.remove(&path);
                return Err(error.into());
            }
            return Ok(scope);
        }
        Err(ManualError::Taken)
    }

    /// Sets another limit for the cgroup at `path`.
    pub(crate) fn tighten(&self, path: &Path, shape: MemoryLimits) -> Result<(), ManualError> {
        Ok(self.cgroups.confine(path, shape.max, Some(shape.swap))?)
    }

    /// Removes what is left of commands that have ended: nobody else does, and they could not themselves.
    fn sweep(&self) {
        for (scope, pids) in self.cgroups.children(&self.slice) {
            // One that was just made for a process is still empty.
            let began = limit::root_of(&scope);
            let lives = began.is_none_or(|pid| self.proc.join(pid.to_string()).exists());
            if pids.is_empty() && !lives {
                // A process that is not seen from here keeps it.
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

    /// Has the processes in the cgroup at `path` go aside, so that its children can have the memory controller: into a
    /// cgroup without a limit below it, where nothing changes for them. All of them or none.
    fn clear(&self, path: &Path) -> Result<(), ManualError> {
        let aside = path.join(MIGRATION_CGROUP);
        for _ in 0..MAX_MIGRATION_ROUNDS {
            let pids = self.movable(path)?;
            make_sure(self.cgroups.make(&aside))?;
            for pid in pids {
                match self.cgroups.put(&aside, pid) {
                    Err(error) if !error.process_exited() => return Err(error.into()),
                    _ => {}
                }
            }
            match self.cgroups.enable_memory_controller(path) {
                // Somebody has forked meanwhile.
                Err(error) if error.is_busy() => {}
                passed => return Ok(passed?),
            }
        }
        let whose = "they fork faster than they are moved".to_owned();
        Err(ManualError::NeedsMigration { path: path.to_owned(), whose })
    }

    /// The processes in the cgroup at `path`, where all of them are ours to move: root's is the whole container.
    fn movable(&self, path: &Path) -> Result<Vec<Pid>, ManualError> {
        let details = Details::of(self.proc);
        let not_ours = |whose: String| ManualError::NeedsMigration { path: path.to_owned(), whose };
        let mut pids = Vec::new();
        for inhabitant in self.cgroups.procs(path)? {
            let pid = inhabitant.ok_or_else(|| not_ours("of another pid namespace".to_owned()))?;
            let foreign = |uid, privileged| self.uid != Uid::ROOT && (uid != self.uid || privileged);
            match details.credentials(pid) {
                Some(found) if foreign(found.uid, found.privileged) => {
                    return Err(not_ours(format!("process {pid} is user {}'s", found.uid)));
                }
                Some(_) => pids.push(pid),
                // It has ended.
                None => {}
            }
        }
        Ok(pids)
    }
}

fn level(cgroups: &Cgroups, path: &Path) -> CgroupNode {
    let controller = cgroups.memory_controller(path);
    let empty = || cgroups.procs(path).is_ok_and(|pids| pids.is_empty());
    CgroupNode {
        path: path.to_owned(),
        available: controller != MemoryController::Absent,
        enabled: controller == MemoryController::Enabled,
        clear: cgroups.is_root_cgroup(path) || empty(),
        limited: cgroups.memory_max(path).is_some(),
        ours: cgroups.check_writable(path).is_ok(),
    }
}

/// Why there is no place for a cgroup, told by the process's own.
fn no_placement(cgroups: &Cgroups, own: PathBuf, levels: &[CgroupNode]) -> ManualError {
    if levels.iter().all(|level| !level.available) {
        return ManualError::NoController { path: own };
    }
    match cgroups.check_writable(&own) {
        Err(why) if why.is_read_only() => ManualError::ReadOnly(why),
        Err(why) => ManualError::NotOurs { path: own, why },
        Ok(()) => ManualError::NoController { path: own },
    }
}

/// What was there already will do.
fn make_sure(made: Result<(), ChangeError>) -> Result<(), ChangeError> {
    made.or_else(|error| if error.already_exists() { Ok(()) } else { Err(error) })
}

#[cfg(test)]
mod tests;
