//! Changes to a cgroup v2 tree without a service manager (kernel's cgroup-v2.rst).
//!
//! The crate cgroups-rs moves processes and sets limits. Its other functions lose errors, enable controllers elsewhere or
//! remove more than one cgroup: docs/design/0014-dependencies.md lists them.

use std::error::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use cgroups_rs::memory::MemController;
use cgroups_rs::{CgroupPid, Controller};
use rustix::fs::{Access, access};
use rustix::io::Errno;

use super::Cgroups;
use crate::model::{Bytes, Pid};

/// A change that the kernel refused.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub struct ChangeError {
    /// The file or folder.
    pub path: PathBuf,
    /// The system's reason.
    pub source: io::Error,
}

impl ChangeError {
    /// Whether the cgroup exists already.
    #[must_use]
    pub fn already_exists(&self) -> bool {
        self.source.kind() == io::ErrorKind::AlreadyExists
    }

    /// Whether processes of the cgroup prevent the change.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.source.raw_os_error() == Some(Errno::BUSY.raw_os_error())
    }

    /// Whether the process has exited.
    #[must_use]
    pub fn process_exited(&self) -> bool {
        self.source.raw_os_error() == Some(Errno::SRCH.raw_os_error())
    }

    /// Whether the tree is mounted read-only.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.source.kind() == io::ErrorKind::ReadOnlyFilesystem
    }
}

/// The memory controller of a cgroup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryController {
    /// Not available.
    Absent,
    /// It can be enabled for the children (`cgroup.controllers`).
    Available,
    /// It is enabled for the children (`cgroup.subtree_control`).
    Enabled,
}

impl Cgroups {
    /// The memory controller of the cgroup at `path`, the root of the tree included.
    #[must_use]
    pub fn memory_controller(&self, path: &Path) -> MemoryController {
        let has = |name: &str| {
            let text =
                self.folder_or_root(path).and_then(|folder| fs::read_to_string(folder.join(name)).ok());
            text.is_some_and(|text| text.split_whitespace().any(|word| word == "memory"))
        };
        match (has("cgroup.subtree_control"), has("cgroup.controllers")) {
            (true, _) => MemoryController::Enabled,
            (false, true) => MemoryController::Available,
            (false, false) => MemoryController::Absent,
        }
    }

    /// Whether the cgroup at `path` is the root of the whole tree, which may have both processes and children with controllers.
    #[must_use]
    pub fn is_root_cgroup(&self, path: &Path) -> bool {
        // All others have a type (cgroup-v2.rst: "exists on non-root cgroups").
        path == Path::new("/")
            && self.folder_or_root(path).is_some_and(|root| !root.join("cgroup.type").exists())
    }

    /// The processes in the cgroup at `path` itself; `None` for one outside of our pid namespace, which the kernel lists as 0.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn procs(&self, path: &Path) -> Result<Vec<Option<Pid>>, ChangeError> {
        let file = self.folder_or_error(path)?.join("cgroup.procs");
        let text = fs::read_to_string(&file).map_err(|source| ChangeError { path: file, source })?;
        Ok(text.lines().map(|line| line.parse().ok().and_then(Pid::new)).collect())
    }

    /// Checks that we may create cgroups below the one at `path`, and move processes between them.
    ///
    /// # Errors
    /// If we may not.
    pub fn check_writable(&self, path: &Path) -> Result<(), ChangeError> {
        let folder = self.folder_or_error(path)?;
        for path in [folder.join("cgroup.procs"), folder] {
            access(&path, Access::WRITE_OK).map_err(|errno| ChangeError { path, source: errno.into() })?;
        }
        Ok(())
    }

    /// Creates a cgroup at `path`.
    ///
    /// # Errors
    /// Also if it exists ([`ChangeError::already_exists`]).
    pub fn create(&self, path: &Path) -> Result<(), ChangeError> {
        let folder = self.folder_or_error(path)?;
        fs::create_dir(&folder).map_err(|source| ChangeError { path: folder, source })
    }

    /// Removes the cgroup at `path`.
    ///
    /// # Errors
    /// Also if it has processes or children.
    pub fn remove(&self, path: &Path) -> Result<(), ChangeError> {
        let folder = self.folder_or_error(path)?;
        fs::remove_dir(&folder).map_err(|source| ChangeError { path: folder, source })
    }

    /// Enables the memory controller for the children of the cgroup at `path`.
    ///
    /// # Errors
    /// Also if it has processes ([`ChangeError::is_busy`]), unless it is the root of the whole tree.
    pub fn enable_memory_controller(&self, path: &Path) -> Result<(), ChangeError> {
        let file = self.folder_or_error(path)?.join("cgroup.subtree_control");
        fs::write(&file, "+memory").map_err(|source| ChangeError { path: file, source })
    }

    /// Moves a process into the cgroup at `path`.
    ///
    /// # Errors
    /// Also if it has exited ([`ChangeError::process_exited`]).
    pub fn add_process(&self, path: &Path, pid: Pid) -> Result<(), ChangeError> {
        let pid = CgroupPid::from(u64::from(pid.get().unsigned_abs()));
        self.change(path, "cgroup.procs", |cgroup| cgroup.add_task_by_tgid(&pid))
    }

    /// Sets `memory.max` and `memory.swap.max` of the cgroup at `path`; `swap` of `None` leaves the latter unchanged.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn set_limits(&self, path: &Path, max: Bytes, swap: Option<Bytes>) -> Result<(), ChangeError> {
        // The kernel rounds larger values down to this one (`PAGE_COUNTER_MAX`). The crate writes "max" for -1 only.
        let limit = |bytes: Bytes| i64::try_from(bytes.get()).unwrap_or(i64::MAX);
        if let Some(swap) = swap {
            // A kernel without swap has no such file, and nothing to limit.
            let name = "memory.swap.max";
            if self.folder_or_error(path)?.join(name).exists() {
                self.change(path, name, |cgroup| cgroup.set_memswap_limit(limit(swap)))?;
            }
        }
        self.change(path, "memory.max", |cgroup| cgroup.set_limit(limit(max)))
    }

    /// Has cgroups-rs write the file `name` of the cgroup at `path`.
    fn change(
        &self,
        path: &Path,
        name: &str,
        write: impl FnOnce(&MemController) -> cgroups_rs::error::Result<()>,
    ) -> Result<(), ChangeError> {
        let folder = self.folder_or_error(path)?;
        let file = folder.join(name);
        write(&MemController::new(folder, true))
            .map_err(|error| ChangeError { path: file, source: system_error(error) })
    }

    fn folder_or_error(&self, path: &Path) -> Result<PathBuf, ChangeError> {
        let outside = || ChangeError { path: path.to_owned(), source: io::ErrorKind::NotFound.into() };
        self.folder_or_root(path).ok_or_else(outside)
    }
}

/// The system's reason, without the crate's text around it: that names no path.
fn system_error(error: cgroups_rs::error::Error) -> io::Error {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    let errno = cause.and_then(io::Error::raw_os_error);
    errno.map_or_else(|| io::Error::other(error), io::Error::from_raw_os_error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::procfs::Proc;
    use crate::linux::skip;

    /// A cgroup in the kernel's tree; `None` if we may not create any.
    fn own() -> Option<(Cgroups, PathBuf)> {
        let trees = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
        let cgroups = trees.iter().find_map(|root| Cgroups::open(Path::new(root)))?;
        let above = Proc::open(Path::new("/proc")).ok()?.own_cgroup()?;
        let path = above.join(format!("claude-watchdog-test-{}", std::process::id()));
        cgroups.create(&path).ok().map(|()| (cgroups, path))
    }

    #[test]
    fn a_cgroup_with_a_process_cannot_be_removed() {
        let Some((cgroups, path)) = own() else {
            skip("no writable cgroup v2");
            return;
        };
        assert!(cgroups.create(&path).unwrap_err().already_exists());
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let pid = Pid::new(i32::try_from(child.id()).unwrap()).unwrap();
        let moved = cgroups.add_process(&path, pid);
        let (inside, removed) = (cgroups.procs(&path), cgroups.remove(&path));
        child.kill().unwrap();
        child.wait().unwrap();
        let gone = cgroups.add_process(&path, pid);
        let last = cgroups.remove(&path);
        if moved.is_err() {
            skip("processes may not be moved between cgroups");
            return;
        }
        assert_eq!(inside.unwrap(), [Some(pid)]);
        assert!(removed.unwrap_err().is_busy());
        assert!(gone.unwrap_err().process_exited());
        last.unwrap();
    }

    #[test]
    fn limits_are_set_and_paths_stay_in_the_tree() {
        let root = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(root.path().join(name), text).unwrap();
        write("cgroup.controllers", "cpu memory pids\n");
        let cgroups = Cgroups::open(root.path()).unwrap();
        let top = Path::new("/");
        assert_eq!(cgroups.memory_controller(top), MemoryController::Available);
        assert!(cgroups.is_root_cgroup(top) && !cgroups.is_root_cgroup(Path::new("/a")));
        write("cgroup.type", "domain\n");
        assert!(!cgroups.is_root_cgroup(top));
        write("cgroup.subtree_control", "memory\n");
        assert_eq!(cgroups.memory_controller(top), MemoryController::Enabled);
        write("cgroup.controllers", "cpu memory_x\n");
        write("cgroup.subtree_control", "cpu\n");
        assert_eq!(cgroups.memory_controller(top), MemoryController::Absent);
        write("memory.max", "max\n");
        assert_eq!(cgroups.memory_max(top), None);
        cgroups.set_limits(top, Bytes::mib(8), Some(Bytes::ZERO)).unwrap();
        assert_eq!(cgroups.memory_max(top), Some(Bytes::mib(8)));
        assert!(!root.path().join("memory.swap.max").exists(), "a kernel without swap has no such file");
        cgroups.set_limits(top, Bytes::new(u64::MAX), None).unwrap();
        assert_eq!(cgroups.memory_max(top), Some(Bytes::new(u64::MAX / 2)), "the crate takes an i64");
        assert!(cgroups.create(Path::new("/../a")).is_err() && cgroups.remove(Path::new("a")).is_err());
    }

    #[test]
    fn errors_of_the_crate_keep_path_and_reason() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("cgroup.controllers"), "memory\n").unwrap();
        let cgroups = Cgroups::open(root.path()).unwrap();
        for name in ["cgroup.procs", "memory.max"] {
            fs::create_dir(root.path().join(name)).unwrap();
        }
        let errors = [
            ("cgroup.procs", cgroups.add_process(Path::new("/"), Pid::new(7).unwrap())),
            ("memory.max", cgroups.set_limits(Path::new("/"), Bytes::mib(8), None)),
        ];
        for (name, error) in errors {
            let error = error.unwrap_err();
            assert_eq!(error.path, root.path().join(name));
            assert_eq!(error.source.kind(), io::ErrorKind::IsADirectory);
        }
    }
}
