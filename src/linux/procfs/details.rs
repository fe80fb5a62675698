//! Single processes by the path of the tree: being replaced by [`super::Proc`].

use std::path::{Path, PathBuf};

use super::Proc;
use super::smaps_rollup::Rollup;
use crate::model::{Bytes, Charge, Pid, Uid};

/// Reads single processes under a `/proc` tree.
#[derive(Debug)]
pub struct Details {
    proc: Option<Proc>,
}

/// Owner and memory of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The process that it is a thread of; usually itself.
    pub process: Pid,
    /// Real user id.
    pub uid: Uid,
    /// One of its other user ids is another: a setuid program.
    pub privileged: bool,
    /// As in [`super::status::Status`].
    pub charge: Option<Charge>,
}

impl Details {
    /// Those below `root`, usually `/proc`.
    #[must_use]
    pub fn of(root: &Path) -> Self {
        Self { proc: Proc::open(root).ok() }
    }

    /// From `status`; `None` if it has exited or cannot be read.
    #[must_use]
    pub fn credentials(&self, pid: Pid) -> Option<Credentials> {
        let status = self.proc.as_ref()?.status(pid).ok()??;
        let (uid, privileged, charge) = (status.uid, status.is_privileged(), status.charge);
        Some(Credentials { process: status.tgid.unwrap_or(pid), uid, privileged, charge })
    }

    /// Whether it is in the pid namespace of this tree.
    #[must_use]
    pub fn shares_pids(&self, pid: Pid) -> bool {
        let status = || self.proc.as_ref()?.status(pid).ok()?;
        status().is_some_and(|status| status.shares_pids())
    }

    /// Its cgroup.
    #[must_use]
    pub fn cgroup(&self, pid: Pid) -> Option<PathBuf> {
        self.proc.as_ref()?.cgroup(pid)
    }

    /// Our own.
    #[must_use]
    pub fn own_cgroup(&self) -> Option<PathBuf> {
        self.proc.as_ref()?.own_cgroup()
    }

    /// Its `smaps_rollup`.
    #[must_use]
    pub fn rollup(&self, pid: Pid, swap: Bytes) -> Option<Rollup> {
        self.proc.as_ref()?.rollup(pid, swap)
    }
}
