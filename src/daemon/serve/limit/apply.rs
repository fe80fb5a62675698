//! Applies a limit and reads it back from the kernel.

use std::path::Path;

use super::LimitContext;
use super::backend::{CgroupBackend, name_of, scope_of};
use super::error::ApplyError;
#[cfg(feature = "standalone")]
use super::manual_backend::ManualBackend;
use super::systemd_backend::SystemdBackend;
use super::target::LimitTarget;
use crate::api::limited::{LimitInfo, LimitRequest};
use crate::limit::{self, CurrentScope, LimitError, LimitName, MemoryLimits, RequestedLimits, Tightening};
use crate::linux::cgroup::Cgroups;
use crate::linux::cgroup::limits::InheritedLimits;
use crate::linux::procfs::Proc;
use crate::model::{Bytes, Pid, Uid};
use crate::systemd::manager::ManagerKind;

impl LimitContext {
    /// Limits `target` for the user `by`.
    pub(crate) async fn apply(
        &self,
        request: &LimitRequest,
        target: &LimitTarget,
        by: Uid,
    ) -> Result<LimitInfo, ApplyError> {
        let name = match &request.name {
            Some(name) => name.parse()?,
            None => LimitName::of_program(target.name.as_ref()),
        };
        let requested = RequestedLimits { max: request.limit, swap_max: request.swap };
        let cgroups = Cgroups::open(&self.cgroup).ok_or(ApplyError::NoCgroups)?;
        if let Some(kind) = self.manager {
            let backend = SystemdBackend::connect(kind, self, &cgroups).await?;
            return self.apply_by(&backend, &cgroups, &name, requested, target, by).await;
        }
        #[cfg(feature = "standalone")]
        {
            let backend = ManualBackend::find(&cgroups, &self.proc, self.uid, target.key.pid)?;
            self.apply_by(&backend, &cgroups, &name, requested, target, by).await
        }
        #[cfg(not(feature = "standalone"))]
        Err(ApplyError::NoSystemd)
    }

    async fn apply_by(
        &self,
        backend: &impl CgroupBackend,
        cgroups: &Cgroups,
        name: &LimitName,
        requested: RequestedLimits,
        target: &LimitTarget,
        by: Uid,
    ) -> Result<LimitInfo, ApplyError> {
        let cap = backend.slice_cap().await?;
        let mut notes = Vec::new();
        if requested.max > cap {
            let wanted = requested.max;
            notes.push(format!(
                "limit reduced from {wanted} to {cap}, the cap of all limited agents together"
            ));
        }
        let (scope, limits) = match scope_of(&self.proc, self.manager, target.key.pid) {
            Some(path) => {
                let limits = self.tighten(backend, cgroups, requested, cap, &path, by).await?;
                let scope = name_of(&path);
                notes.push(format!("the process stays in its scope {scope}, limited to {}", limits.max));
                (scope, limits)
            }
            None => {
                let inherited = if self.manager == Some(ManagerKind::System) && by != Uid::ROOT {
                    self.inherited_limits(cgroups, target.key.pid)?
                } else {
                    InheritedLimits::default()
                };
                let mut limits = limit::plan_new(requested, cap)?;
                // The manager may have taken its time.
                if !target.is_same(&self.proc) {
                    return Err(ApplyError::NoSuchProcess { pid: target.key.pid });
                }
                if let Some(swap) = inherited.swap.filter(|swap| *swap < limits.swap_max) {
                    notes.push(format!("swap limited to {swap}, as in its previous cgroup"));
                    limits.swap_max = swap;
                }
                (backend.start(name, target, limits, inherited).await?, limits)
            }
        };
        self.verify(cgroups, target, &scope, limits)?;
        Ok(LimitInfo { scope, limit: limits.max, swap: limits.swap_max, notes })
    }

    /// Lowers the limits of the scope at `path`, if they are above the requested ones.
    async fn tighten(
        &self,
        backend: &impl CgroupBackend,
        cgroups: &Cgroups,
        requested: RequestedLimits,
        cap: Bytes,
        path: &Path,
        by: Uid,
    ) -> Result<MemoryLimits, ApplyError> {
        let _guard = self.tighten_lock.lock().await;
        let (Some(current), Some(memory)) = (cgroups.limits(path), cgroups.memory(path)) else {
            return Err(ApplyError::ScopeGone { scope: name_of(path) });
        };
        let scope = CurrentScope {
            name: name_of(path),
            max: current.max,
            swap_max: current.swap,
            used: memory.charge.total().max(memory.current.saturating_sub(memory.cache)),
        };
        match limit::plan_tighten(requested, cap, &scope)? {
            Tightening::Unchanged(limits) => Ok(limits),
            Tightening::Change(limits) => {
                self.check_owner(cgroups, path, by)?;
                backend.set_limits(path, limits).await?;
                Ok(limits)
            }
        }
    }

    /// The limits that a process is under and is to keep in its scope. A process must not escape a memory limit that an
    /// administrator has put it under by requesting another: the kernel lets only root move it out of such a cgroup, and it
    /// is root that would move it. The root of the tree does not count, since no process can leave it; in a container it has a
    /// limit.
    fn inherited_limits(&self, cgroups: &Cgroups, pid: Pid) -> Result<InheritedLimits, ApplyError> {
        let own = Proc::open(&self.proc)
            .ok()
            .and_then(|proc| proc.cgroup(pid))
            .ok_or(ApplyError::NoSuchProcess { pid })?;
        let left = own.ancestors().filter(|path| path.parent().is_some());
        left.map(|path| (path, cgroups.inherited_limits(path))).try_fold(
            InheritedLimits::default(),
            |all, (path, limits)| match limits.memory {
                Some(max) => Err(LimitError::Confined { cgroup: path.to_owned(), max }.into()),
                None => Ok(all.and(limits)),
            },
        )
    }

    /// Fails unless all processes of the scope are the user's. A user must not tighten a scope shared with others (`sudo -u`).
    fn check_owner(&self, cgroups: &Cgroups, path: &Path, uid: Uid) -> Result<(), ApplyError> {
        if uid == Uid::ROOT {
            return Ok(());
        }
        let Ok(proc) = Proc::open(&self.proc) else { return Err(ApplyError::PermissionDenied) };
        let is_own = |pid: &Pid| {
            proc.status(*pid).ok().flatten().is_none_or(|found| found.uid == uid && !found.is_privileged())
        };
        let all_own = cgroups.pids(path).is_some_and(|pids| pids.iter().all(is_own));
        if all_own { Ok(()) } else { Err(ApplyError::PermissionDenied) }
    }

    fn verify(
        &self,
        cgroups: &Cgroups,
        target: &LimitTarget,
        scope: &str,
        limits: MemoryLimits,
    ) -> Result<(), ApplyError> {
        let pid = target.key.pid;
        if !target.is_same(&self.proc) {
            return Err(ApplyError::NoSuchProcess { pid });
        }
        let scope_path = scope_of(&self.proc, self.manager, pid).filter(|path| name_of(path) == scope);
        let scope = scope.to_owned();
        let Some(path) = scope_path else {
            let found = Proc::open(&self.proc).ok().and_then(|proc| proc.cgroup(pid)).unwrap_or_default();
            return Err(ApplyError::NotMoved { scope, found });
        };
        let Some(found) = cgroups.limits(&path) else {
            return Err(ApplyError::NoController { scope });
        };
        if found.max != Some(limits.max) {
            return Err(ApplyError::WrongMax { scope, found: found.max, expected: limits.max });
        }
        // Less than requested is fine: a kernel without swap reports 0.
        if found.swap.is_none_or(|swap| swap > limits.swap_max) {
            return Err(ApplyError::WrongSwapMax { scope, found: found.swap, expected: limits.swap_max });
        }
        if found.oom_group {
            // With memory.oom.group the kernel kills the whole scope for one process.
            cgroups.clear_oom_group(&path).map_err(|source| ApplyError::OomGroup { scope, source })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_process_cannot_escape_an_existing_limit() {
        let world = tempfile::tempdir().unwrap();
        let (proc, root) = (world.path().join("proc"), world.path().join("cgroup"));
        fs::create_dir_all(proc.join("7")).unwrap();
        let session = root.join("user.slice/user-1000.slice/session-3.scope");
        fs::create_dir_all(&session).unwrap();
        fs::write(root.join("cgroup.controllers"), "memory\n").unwrap();
        fs::write(proc.join("7/cgroup"), "0::/user.slice/user-1000.slice/session-3.scope\n").unwrap();
        let slice = session.parent().unwrap();
        let limit = |folder: &Path, max: &str| fs::write(folder.join("memory.max"), max).unwrap();
        for folder in [slice.parent().unwrap(), slice, &session] {
            limit(folder, "max\n");
        }
        let cgroups = Cgroups::open(&root).unwrap();
        let context = LimitContext::new(proc, root.clone(), Uid::ROOT);
        let pid = Pid::new(7).unwrap();
        // A container's.
        limit(&root, "1073741824\n");
        fs::write(slice.join("pids.max"), "33\n").unwrap();
        fs::write(session.join("memory.swap.max"), "0\n").unwrap();
        let inherited =
            InheritedLimits { tasks: Some(33), swap: Some(Bytes::ZERO), ..InheritedLimits::default() };
        assert_eq!(
            context.inherited_limits(&cgroups, pid).unwrap(),
            inherited,
            "limits other than of memory are kept"
        );
        limit(slice, "2147483648\n");
        let refusal = context.inherited_limits(&cgroups, pid).unwrap_err().to_string();
        assert!(refusal.contains("/user.slice/user-1000.slice limits it to 2G"), "{refusal}");
        fs::write(session.join("memory.high"), "1073741824\n").unwrap();
        let refusal = context.inherited_limits(&cgroups, pid).unwrap_err().to_string();
        assert!(refusal.contains("session-3.scope limits it to 1G"), "the nearest: {refusal}");
        let gone = Pid::new(8).unwrap();
        let error = context.inherited_limits(&cgroups, gone).unwrap_err();
        assert!(matches!(error, ApplyError::NoSuchProcess { pid } if pid == gone), "{error}");
    }
}
