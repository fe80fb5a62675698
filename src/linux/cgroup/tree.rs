//! Changes to a cgroup v2 tree, where no service manager makes the cgroups (kernel's cgroup-v2.rst).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use rustix::io::Errno;

use super::Cgroups;
use crate::model::{Bytes, Pid};

/// What the kernel would not do.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub struct ChangeError {
    /// The file or folder.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

impl ChangeError {
    /// Whether it is there already.
    #[must_use]
    pub fn already_exists(&self) -> bool {
        self.source.kind() == io::ErrorKind::AlreadyExists
    }

    /// Whether processes are in the way.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.source.raw_os_error() == Some(Errno::BUSY.raw_os_error())
    }

    /// Whether the process has ended meanwhile.
    #[must_use]
    pub fn process_exited(&self) -> bool {
        self.source.raw_os_error() == Some(Errno::SRCH.raw_os_error())
    }

    /// Whether the whole tree can only be read.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.source.kind() == io::ErrorKind::ReadOnlyFilesystem
    }
}

/// What a cgroup has of the memory controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryController {
    /// Nothing.
    Absent,
    /// Its children could have it (`cgroup.controllers`).
    Available,
    /// Its children have it (`cgroup.subtree_control`).
    Enabled,
}

impl Cgroups {
    /// The memory controller of the cgroup at `path`, the root of the tree included.
    #[must_use]
    pub fn memory_controller(&self, path: &Path) -> MemoryController {
        let has = |name: &str| {
            let text = self.any_folder(path).and_then(|folder| fs::read_to_string(folder.join(name)).ok());
            text.is_some_and(|text| text.split_whitespace().any(|word| word == "memory"))
        };
        match (has("cgroup.subtree_control"), has("cgroup.controllers")) {
            (true, _) => MemoryController::Enabled,
            (false, true) => MemoryController::Available,
            (false, false) => MemoryController::Absent,
        }
    }

    /// Whether the cgroup at `path` is the root of all, which may hold processes and children with controllers.
    #[must_use]
    pub fn is_root_cgroup(&self, path: &Path) -> bool {
        // Every other one has a type (cgroup-v2.rst: "exists on non-root cgroups").
        path == Path::new("/") && self.any_folder(path).is_some_and(|root| !root.join("cgroup.type").exists())
    }

    /// `memory.max` of the cgroup at `path`, the root of the tree included; `None`: no limit, or none to be seen.
    #[must_use]
    pub fn memory_max(&self, path: &Path) -> Option<Bytes> {
        let text = fs::read_to_string(self.any_folder(path)?.join("memory.max")).ok()?;
        text.trim().parse().ok().map(Bytes::new)
    }

    /// The processes in the cgroup at `path` itself; 0, for one that our pid namespace does not show, is `None`.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub fn procs(&self, path: &Path) -> Result<Vec<Option<Pid>>, ChangeError> {
        let file = self.place(path)?.join("cgroup.procs");
        let text = fs::read_to_string(&file).map_err(|source| ChangeError { path: file, source })?;
        Ok(text.lines().map(|line| line.parse().ok().and_then(Pid::new)).collect())
    }

    /// Whether we may make cgroups below the one at `path`, and move processes between them.
    ///
    /// # Errors
    /// Why not.
    pub fn check_writable(&self, path: &Path) -> Result<(), ChangeError> {
        let folder = self.place(path)?;
        for path in [folder.join("cgroup.procs"), folder] {
            access(&path, Access::WRITE_OK).map_err(|errno| ChangeError { path, source: errno.into() })?;
        }
        Ok(())
    }

    /// Makes a cgroup at `path`.
    ///
    /// # Errors
    /// Also where it is there already ([`ChangeError::already_exists`]).
    pub fn make(&self, path: &Path) -> Result<(), ChangeError> {
        let folder = self.place(path)?;
        fs::create_dir(&folder).map_err(|source| ChangeError { path: folder, source })
    }

    /// Removes the cgroup at `path`.
    ///
    /// # Errors
    /// Also where somebody is in it, or a cgroup below it: then it stays.
    pub fn remove(&self, path: &Path) -> Result<(), ChangeError> {
        let folder = self.place(path)?;
        fs::remove_dir(&folder).map_err(|source| ChangeError { path: folder, source })
    }

    /// The children of the cgroup at `path` get the memory controller.
    ///
    /// # Errors
    /// Also where processes are in it ([`ChangeError::is_busy`]), unless it is the real root.
    pub fn enable_memory_controller(&self, path: &Path) -> Result<(), ChangeError> {
        self.write(path, "cgroup.subtree_control", "+memory")
    }

    /// Moves a process into the cgroup at `path`.
    ///
    /// # Errors
    /// Also where it has ended ([`ChangeError::process_exited`]).
    pub fn put(&self, path: &Path, pid: Pid) -> Result<(), ChangeError> {
        self.write(path, "cgroup.procs", &pid.to_string())
    }

    /// Limits the cgroup at `path`; `swap` of `None` stays as it is.
    ///
    /// # Errors
    /// Where that is refused.
    pub fn confine(&self, path: &Path, max: Bytes, swap: Option<Bytes>) -> Result<(), ChangeError> {
        if let Some(swap) = swap {
            // Without swap in the kernel there is no such file, and nothing that it would have to hold.
            let file = self.place(path)?.join("memory.swap.max");
            if file.exists() {
                self.write(path, "memory.swap.max", &swap.get().to_string())?;
            }
        }
        self.write(path, "memory.max", &max.get().to_string())
    }

    fn write(&self, path: &Path, name: &str, text: &str) -> Result<(), ChangeError> {
        let file = self.place(path)?.join(name);
        fs::write(&file, text).map_err(|source| ChangeError { path: file, source })
    }

    fn any_folder(&self, path: &Path) -> Option<PathBuf> {
        if path == Path::new("/") { Some(self.root().to_owned()) } else { self.folder(path) }
    }

    fn place(&self, path: &Path) -> Result<PathBuf, ChangeError> {
        let outside = || ChangeError { path: path.to_owned(), source: io::ErrorKind::NotFound.into() };
        self.any_folder(path).ok_or_else(outside)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::procfs::Proc;

    /// A cgroup of our own in the kernel's tree; `None` where we may not make any.
    fn own() -> Option<(Cgroups, PathBuf)> {
        let trees = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
        let cgroups = trees.iter().find_map(|root| Cgroups::open(Path::new(root)))?;
        let above = Proc::open(Path::new("/proc")).ok()?.own_cgroup()?;
        let path = above.join(format!("claude-watchdog-test-{}", std::process::id()));
        cgroups.make(&path).ok().map(|()| (cgroups, path))
    }

    #[test]
    fn a_process_is_moved_into_a_cgroup_and_keeps_it() {
        let Some((cgroups, path)) = own() else {
            eprintln!("left out: no cgroup v2 that may be written to");
            return;
        };
        assert!(cgroups.make(&path).unwrap_err().already_exists());
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let pid = Pid::new(i32::try_from(child.id()).unwrap()).unwrap();
        let moved = cgroups.put(&path, pid);
        let (inside, removed) = (cgroups.procs(&path), cgroups.remove(&path));
        child.kill().unwrap();
        child.wait().unwrap();
        let gone = cgroups.put(&path, pid);
        let last = cgroups.remove(&path);
        if moved.is_err() {
            eprintln!("left out: processes may not be moved");
            return;
        }
        assert_eq!(inside.unwrap(), [Some(pid)]);
        assert!(removed.unwrap_err().is_busy());
        assert!(gone.unwrap_err().process_exited());
        last.unwrap();
    }

    #[test]
    fn the_memory_controller_is_told_and_nothing_leads_out_of_the_tree() {
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
        cgroups.confine(top, Bytes::mib(8), Some(Bytes::ZERO)).unwrap();
        assert_eq!(cgroups.memory_max(top), Some(Bytes::mib(8)));
        assert!(!root.path().join("memory.swap.max").exists(), "a kernel without swap has no such file");
        assert!(cgroups.make(Path::new("/../a")).is_err() && cgroups.remove(Path::new("a")).is_err());
    }
}
