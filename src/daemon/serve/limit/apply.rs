//! A limit, applied and then read back from the kernel.

use std::path::Path;

use super::backend::{CgroupBackend, name_of, scope_of};
use super::target::LimitTarget;
use super::{Backend, LimitContext, refused};
use crate::api::limited::{LimitInfo, LimitRequest};
use crate::ipc::MethodError;
use crate::limit::{self, CurrentScope, LimitError, MemoryLimits, Name, Plan, RequestedLimits};
use crate::linux::cgroup::Cgroups;
use crate::linux::cgroup::limits::InheritedLimits;
use crate::linux::procfs::details::Details;
use crate::model::{Bytes, Pid, Uid};
use crate::systemd::manager::Which;

impl LimitContext {
    pub(crate) async fn apply(
        &self,
        request: &LimitRequest,
        target: &LimitTarget,
        by: Uid,
    ) -> Result<LimitInfo, MethodError> {
        let name = match &request.name {
            Some(name) => name.parse().map_err(refused)?,
            None => Name::of_program(target.name.as_ref()),
        };
        let wish = RequestedLimits { limit: request.limit, swap: request.swap };
        let cgroups =
            Cgroups::open(&self.cgroup).ok_or_else(|| refused("there is no cgroup v2 in this guest"))?;
        let maker = CgroupBackend::find(self, &cgroups, target).await?;
        let cap = maker.cap(&cgroups).await?;
        let mut notes = Vec::new();
        if wish.limit > cap {
            notes.push(format!(
                "{} is more than all limited agents of this guest may have together: {cap} counts",
                wish.limit
            ));
        }
        let inside = scope_of(&self.proc, self.means, target.key.pid);
        let (scope, shape) = match inside {
            Some(path) => {
                let shape = self.tighten(&maker, &cgroups, wish, cap, &path, by).await?;
                let scope = name_of(&path);
                notes.push(format!("it stays in {scope}, with the limit of that: {}", shape.max));
                (scope, shape)
            }
            None => {
                let bonds = if self.means == Backend::Manager(Which::System) && by != Uid::ROOT {
                    self.bonds(&cgroups, target.key.pid)?
                } else {
                    InheritedLimits::default()
                };
                let Plan::Start(mut shape) = limit::plan(wish, Some(cap), None).map_err(refused)? else {
                    return Err(refused("there is no scope that it could stay in"));
                };
                // The manager may have kept us waiting.
                if !target.is_same(&self.proc) {
                    return Err(MethodError::NoSuchProcess { pid: target.key.pid });
                }
                if let Some(swap) = bonds.swap.filter(|swap| *swap < shape.swap) {
                    notes.push(format!("{swap} of swap, as where it was"));
                    shape.swap = swap;
                }
                (maker.start(&name, target, shape, bonds).await?, shape)
            }
        };
        self.verify(&cgroups, target, &scope, shape)?;
        Ok(LimitInfo { scope, limit: shape.max, swap: shape.swap, notes })
    }

    async fn tighten(
        &self,
        maker: &CgroupBackend<'_>,
        cgroups: &Cgroups,
        wish: RequestedLimits,
        cap: Bytes,
        path: &Path,
        by: Uid,
    ) -> Result<MemoryLimits, MethodError> {
        let _turn = self.turn.lock().await;
        let gone = || refused(format_args!("{} is gone", name_of(path)));
        let (Some(confines), Some(memory)) = (cgroups.limits(path), cgroups.memory(path)) else {
            return Err(gone());
        };
        let inside = CurrentScope {
            scope: name_of(path),
            max: confines.max,
            swap: confines.swap,
            held: memory.charge.total().max(memory.current.saturating_sub(memory.cache)),
        };
        match limit::plan(wish, Some(cap), Some(&inside)).map_err(refused)? {
            Plan::Keep(shape) => Ok(shape),
            Plan::Start(shape) | Plan::Tighten(shape) => {
                self.allow(cgroups, path, by)?;
                maker.tighten(path, shape).await?;
                Ok(shape)
            }
        }
    }

    /// What holds a process where it is, and is to hold it in its scope. What an administrator has put into a cgroup with
    /// a limit of memory is not to get out of it by asking for another one: the kernel lets nobody but root leave such a
    /// cgroup, and it is root who would move it. The root of the tree is left by nobody; in a container it has a limit.
    fn bonds(&self, cgroups: &Cgroups, pid: Pid) -> Result<InheritedLimits, MethodError> {
        let own = Details::of(&self.proc).cgroup(pid).ok_or(MethodError::NoSuchProcess { pid })?;
        let left = own.ancestors().filter(|path| path.parent().is_some());
        left.map(|path| (path, cgroups.inherited_limits(path))).try_fold(
            InheritedLimits::default(),
            |all, (path, bonds)| match bonds.memory {
                Some(max) => Err(refused(LimitError::Confined { cgroup: path.to_owned(), max })),
                None => Ok(all.and(bonds)),
            },
        )
    }

    /// Who shares a scope with others (`sudo -u`) has no say in what they get.
    fn allow(&self, cgroups: &Cgroups, path: &Path, uid: Uid) -> Result<(), MethodError> {
        let details = Details::of(&self.proc);
        let is_own =
            |pid: &Pid| details.credentials(*pid).is_none_or(|found| found.uid == uid && !found.privileged);
        let all_own = cgroups.pids(path).is_some_and(|pids| pids.iter().all(is_own));
        if uid == Uid::ROOT || all_own { Ok(()) } else { Err(MethodError::PermissionDenied {}) }
    }

    fn verify(
        &self,
        cgroups: &Cgroups,
        target: &LimitTarget,
        scope: &str,
        shape: MemoryLimits,
    ) -> Result<(), MethodError> {
        let pid = target.key.pid;
        if !target.is_same(&self.proc) {
            return Err(MethodError::NoSuchProcess { pid });
        }
        let Some(path) = scope_of(&self.proc, self.means, pid).filter(|path| name_of(path) == scope) else {
            let place = Details::of(&self.proc).cgroup(pid).unwrap_or_default();
            return Err(refused(format_args!("the process is not in {scope} but in {}", place.display())));
        };
        let Some(confines) = cgroups.limits(&path) else {
            return Err(refused(format_args!("{scope} has no memory controller: nothing limits it")));
        };
        if confines.max != Some(shape.max) {
            let has = confines.max.map_or("no limit".to_owned(), |max| format!("a limit of {max}"));
            return Err(refused(format_args!("{scope} has {has}, not {}", shape.max)));
        }
        // Less than what was said, where the kernel has no swap at all.
        if confines.swap.is_none_or(|swap| swap > shape.swap) {
            let has = confines.swap.map_or("all of it".to_owned(), |swap| swap.to_string());
            return Err(refused(format_args!("{scope} may swap {has}, not {}", shape.swap)));
        }
        if confines.oom_group {
            let undone = cgroups.clear_oom_group(&path);
            undone.map_err(|error| refused(format_args!("{scope} would end whole: {error}")))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_limit_is_no_way_out_of_another_one() {
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
        let kept = InheritedLimits { tasks: Some(33), swap: Some(Bytes::ZERO), ..InheritedLimits::default() };
        assert_eq!(context.bonds(&cgroups, pid), Ok(kept), "what is no limit of memory goes with it");
        limit(slice, "2147483648\n");
        let refusal = context.bonds(&cgroups, pid).unwrap_err().to_string();
        assert!(refusal.contains("/user.slice/user-1000.slice holds it to 2G"), "{refusal}");
        fs::write(session.join("memory.high"), "1073741824\n").unwrap();
        let refusal = context.bonds(&cgroups, pid).unwrap_err().to_string();
        assert!(refusal.contains("session-3.scope holds it to 1G"), "the nearest: {refusal}");
        let gone = Pid::new(8).unwrap();
        assert_eq!(context.bonds(&cgroups, gone), Err(MethodError::NoSuchProcess { pid: gone }));
    }
}
