//! Who makes the cgroup that limits: the service manager, or ourselves where none runs.

use std::path::{Path, PathBuf};

use super::manual::ManualBackend;
use super::target::LimitTarget;
use super::{Backend, LimitContext, refused};
use crate::ipc::MethodError;
use crate::limit::{self, MemoryLimits, Name, SLICE};
use crate::linux::cgroup::Cgroups;
use crate::linux::cgroup::limits::InheritedLimits;
use crate::linux::procfs::Proc;
use crate::linux::procfs::details::Details;
use crate::model::{Bytes, Pid};
use crate::systemd::manager::{Manager, ManagerError, Scope, Which};

/// Makes cgroups for limited agents, below an `agents.slice`.
pub(crate) enum CgroupBackend<'a> {
    Manager(Manager, &'a LimitContext),
    ManualBackend(ManualBackend<'a>),
}

impl<'a> CgroupBackend<'a> {
    pub(crate) async fn find(
        context: &'a LimitContext,
        cgroups: &'a Cgroups,
        target: &LimitTarget,
    ) -> Result<Self, MethodError> {
        let which = match context.means {
            Backend::Manager(which) => which,
            Backend::ManualBackend => {
                let direct = ManualBackend::find(cgroups, &context.proc, context.uid, target.key.pid);
                return direct.map(Self::ManualBackend).map_err(refused);
            }
        };
        Ok(Self::Manager(Manager::connect(which).await.map_err(refused)?, context))
    }

    /// What all limited agents together may have: what somebody has set, else ours, which is then in force.
    pub(crate) async fn cap(&self, cgroups: &Cgroups) -> Result<Bytes, MethodError> {
        let (manager, context) = match self {
            Self::Manager(manager, context) => (manager, context),
            Self::ManualBackend(direct) => return direct.cap().map_err(refused),
        };
        // The kernel's word first: a round trip less for all but the first.
        let set = cgroups.memory_max(&Path::new("/").join(SLICE));
        if let Some(max) = set.filter(|_| context.means == Backend::Manager(Which::System)) {
            return Ok(max);
        }
        if let Some(max) = manager.memory_max(SLICE).await.map_err(refused)? {
            return Ok(max);
        }
        let guest = Proc::open(&context.proc).and_then(|proc| proc.guest()).map_err(refused)?;
        // A container has no more than its own tree says.
        let all = cgroups.memory_max(Path::new("/")).map_or(guest.mem_total, |max| max.min(guest.mem_total));
        let cap = limit::cap(all);
        manager.set_memory(SLICE, cap, None).await.map_err(refused)?;
        Ok(cap)
    }

    /// Has the process in a cgroup of its own; the name of that.
    pub(crate) async fn start(
        &self,
        name: &Name,
        target: &LimitTarget,
        shape: MemoryLimits,
        bonds: InheritedLimits,
    ) -> Result<String, MethodError> {
        let (manager, context) = match self {
            Self::Manager(manager, context) => (manager, context),
            Self::ManualBackend(direct) => return direct.start(name, target, shape).map_err(refused),
        };
        for again in [false, true] {
            let scope = Scope {
                name: limit::scope_name(name, target.key, again),
                slice: SLICE.to_owned(),
                description: format!("{name} of user {}, limited to {}", target.uid, shape.max),
                pid: target.key.pid,
                pidfd: target.pidfd.as_ref().and_then(|pidfd| pidfd.try_clone().ok()),
                memory_max: shape.max,
                swap_max: shape.swap,
                tasks_max: bonds.tasks,
                cpu_usec_per_sec: bonds.cpu_usec_per_sec,
            };
            match manager.start(&scope, &context.features).await {
                Err(ManagerError::Exists { .. }) if !again => {}
                started => return started.map(|()| scope.name).map_err(refused),
            }
        }
        Err(refused("its scope is there already"))
    }

    /// Gives the cgroup at `path` another limit.
    pub(crate) async fn tighten(&self, path: &Path, shape: MemoryLimits) -> Result<(), MethodError> {
        match self {
            Self::Manager(manager, _) => {
                let set = manager.set_memory(&name_of(path), shape.max, Some(shape.swap)).await;
                set.map_err(refused)
            }
            Self::ManualBackend(direct) => direct.tighten(path, shape).map_err(refused),
        }
    }
}

/// The name of the scope with that cgroup.
pub(crate) fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The limited scope that a process is in, by the tree of which `means` has the say.
pub(crate) fn scope_of(proc: &Path, means: Backend, pid: Pid) -> Option<PathBuf> {
    let scope = limit::any_scope_of(&Details::of(proc).cgroup(pid)?)?;
    // Who is in a scope of their own manager may leave it as they like: it is none for the system's.
    (means != Backend::Manager(Which::System) || limit::scope_of(&scope).is_some()).then_some(scope)
}
