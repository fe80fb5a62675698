//! The cgroups of limited agents, and the two ways to create them.

use std::path::{Path, PathBuf};

use super::error::ApplyError;
use super::target::LimitTarget;
use crate::limit::{self, LimitName, MemoryLimits};
use crate::linux::cgroup::limits::InheritedLimits;
use crate::linux::procfs::Proc;
use crate::model::{Bytes, Pid};
use crate::systemd::manager::ManagerKind;

/// Creates and changes cgroups of limited agents, below an `agents.slice`.
pub(crate) trait CgroupBackend {
    /// The cap of all limited agents together: the configured one, else the default, which is then set.
    async fn slice_cap(&self) -> Result<Bytes, ApplyError>;

    /// Moves the process into a new cgroup with `limits`, and returns the cgroup's name.
    async fn start(
        &self,
        name: &LimitName,
        target: &LimitTarget,
        limits: MemoryLimits,
        inherited: InheritedLimits,
    ) -> Result<String, ApplyError>;

    /// Changes the limits of the cgroup at `path`.
    async fn set_limits(&self, path: &Path, limits: MemoryLimits) -> Result<(), ApplyError>;
}

/// The name of the scope with that cgroup.
pub(crate) fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The limited scope that a process is in, in the tree of `manager`; `None` for `manager`: the tree without one.
pub(crate) fn scope_of(proc: &Path, manager: Option<ManagerKind>, pid: Pid) -> Option<PathBuf> {
    let scope = limit::any_scope_of(&Proc::open(proc).ok()?.cgroup(pid)?)?;
    // Processes can leave a scope of their own user's manager at will, so the system's manager does not count it.
    (manager != Some(ManagerKind::System) || limit::scope_of(&scope).is_some()).then_some(scope)
}
