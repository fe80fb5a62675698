//! Limits by the service manager: transient scopes.

use std::path::Path;

use super::LimitContext;
use super::backend::{CgroupBackend, name_of};
use super::error::ApplyError;
use super::target::LimitTarget;
use crate::limit::{self, LimitName, MemoryLimits, SLICE};
use crate::linux::cgroup::Cgroups;
use crate::linux::cgroup::limits::InheritedLimits;
use crate::linux::procfs::Proc;
use crate::model::Bytes;
use crate::systemd::manager::{Manager, ManagerError, ManagerKind, TransientScope};

/// Creates scopes by a service manager.
pub(crate) struct SystemdBackend<'a> {
    manager: Manager,
    kind: ManagerKind,
    context: &'a LimitContext,
    cgroups: &'a Cgroups,
}

impl<'a> SystemdBackend<'a> {
    pub(crate) async fn connect(
        kind: ManagerKind,
        context: &'a LimitContext,
        cgroups: &'a Cgroups,
    ) -> Result<Self, ApplyError> {
        Ok(Self { manager: Manager::connect(kind).await?, kind, context, cgroups })
    }
}

impl CgroupBackend for SystemdBackend<'_> {
    async fn slice_cap(&self) -> Result<Bytes, ApplyError> {
        // First the kernel: that saves a round trip for all limits but the first.
        let current = self.cgroups.memory_max(&Path::new("/").join(SLICE));
        if let Some(max) = current.filter(|_| self.kind == ManagerKind::System) {
            return Ok(max);
        }
        if let Some(max) = self.manager.memory_max(SLICE).await? {
            return Ok(max);
        }
        let total = Proc::open(&self.context.proc).and_then(|proc| proc.guest())?.mem_total;
        // A container has no more than the root of its own tree allows.
        let total = self.cgroups.memory_max(Path::new("/")).map_or(total, |max| max.min(total));
        let cap = limit::slice_cap(total);
        self.manager.set_memory(SLICE, cap, None).await?;
        Ok(cap)
    }

    async fn start(
        &self,
        name: &LimitName,
        target: &LimitTarget,
        limits: MemoryLimits,
        inherited: InheritedLimits,
    ) -> Result<String, ApplyError> {
        for retry in [false, true] {
            let scope = TransientScope {
                name: limit::scope_name(name, target.key, retry),
                slice: SLICE.to_owned(),
                description: format!("{name} of user {}, limited to {}", target.uid, limits.max),
                pid: target.key.pid,
                pidfd: target.pidfd.as_ref().and_then(|pidfd| pidfd.try_clone().ok()),
                memory_max: limits.max,
                swap_max: limits.swap_max,
                tasks_max: inherited.tasks,
                cpu_usec_per_sec: inherited.cpu_usec_per_sec,
            };
            match self.manager.start(&scope, &self.context.features).await {
                Err(ManagerError::Exists { .. }) if !retry => {}
                started => return Ok(started.map(|()| scope.name)?),
            }
        }
        Err(ApplyError::NameTaken)
    }

    async fn set_limits(&self, path: &Path, limits: MemoryLimits) -> Result<(), ApplyError> {
        Ok(self.manager.set_memory(&name_of(path), limits.max, Some(limits.swap_max)).await?)
    }
}
