//! Limits that the kernel enforces on a cgroup.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::values::{Value, parse_cpu_max};
use super::{Cgroups, value};
use crate::model::{Bytes, Pid};

/// The memory limits of one cgroup; `None`: unlimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CgroupLimits {
    /// `memory.max`.
    pub max: Option<Bytes>,
    /// `memory.swap.max`; 0 on a kernel without swap.
    pub swap: Option<Bytes>,
    /// `memory.oom.group`: the kernel kills all processes in it, not one.
    pub oom_group: bool,
}

/// The limits that a cgroup imposes on those below it; `None`: unlimited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InheritedLimits {
    /// `memory.max`, or `memory.high` if that is less.
    pub memory: Option<Bytes>,
    /// `memory.swap.max`.
    pub swap: Option<Bytes>,
    /// `pids.max`.
    pub tasks: Option<u64>,
    /// `cpu.max`, of all processors together.
    pub cpu_usec_per_sec: Option<u64>,
}

impl InheritedLimits {
    /// The tighter of both, for each limit.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        fn least<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
            one.into_iter().chain(other).min()
        }
        Self {
            memory: least(self.memory, other.memory),
            swap: least(self.swap, other.swap),
            tasks: least(self.tasks, other.tasks),
            cpu_usec_per_sec: least(self.cpu_usec_per_sec, other.cpu_usec_per_sec),
        }
    }
}

impl Cgroups {
    /// `memory.max` of the cgroup at `path`, which may be the root of the tree; `None`: unlimited, or not readable.
    #[must_use]
    pub fn memory_max(&self, path: &Path) -> Option<Bytes> {
        value(&self.folder_or_root(path)?, "memory.max")?.bytes()
    }

    pub(super) fn folder_or_root(&self, path: &Path) -> Option<PathBuf> {
        if path == Path::new("/") { Some(self.root().to_owned()) } else { self.folder(path) }
    }

    /// The limits that the cgroup at `path` imposes on its processes, as far as they can be read.
    #[must_use]
    pub fn inherited_limits(&self, path: &Path) -> InheritedLimits {
        let Some(folder) = self.folder(path) else { return InheritedLimits::default() };
        let bytes = |name| value(&folder, name).and_then(Value::bytes);
        InheritedLimits {
            memory: bytes("memory.max").into_iter().chain(bytes("memory.high")).min(),
            swap: bytes("memory.swap.max"),
            tasks: value(&folder, "pids.max").and_then(Value::number),
            cpu_usec_per_sec: fs::read(folder.join("cpu.max")).ok().and_then(|text| parse_cpu_max(&text)),
        }
    }

    /// The memory limits of the cgroup at `path`; `None` if it is gone or has no memory controller.
    #[must_use]
    pub fn limits(&self, path: &Path) -> Option<CgroupLimits> {
        let folder = self.folder(path)?;
        let swap = match fs::read(folder.join("memory.swap.max")) {
            Ok(text) => Value::parse(&text)?,
            Err(_) => Value::Number(0),
        };
        Some(CgroupLimits {
            max: value(&folder, "memory.max")?.bytes(),
            swap: swap.bytes(),
            oom_group: value(&folder, "memory.oom.group") == Some(Value::Number(1)),
        })
    }

    /// The cgroups directly below the one at `path`, with the processes in each; none if it does not exist.
    #[must_use]
    pub fn children(&self, path: &Path) -> Vec<(String, Vec<Pid>)> {
        let entries = self.folder(path).and_then(|folder| fs::read_dir(folder).ok());
        let folders =
            entries.into_iter().flatten().flatten().filter(|e| e.file_type().is_ok_and(|t| t.is_dir()));
        let names = folders.filter_map(|entry| entry.file_name().into_string().ok());
        let with_pids = |name: String| {
            let pids = self.pids(&path.join(&name)).unwrap_or_default();
            (name, pids)
        };
        names.map(with_pids).collect()
    }

    /// Has the kernel kill one process when the cgroup at `path` is out of memory, not all of them.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn clear_oom_group(&self, path: &Path) -> io::Result<()> {
        let folder = self.folder(path).ok_or(io::ErrorKind::NotFound)?;
        fs::write(folder.join("memory.oom.group"), "0")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_from_the_kernel() {
        let root = tempfile::tempdir().unwrap();
        let scope = root.path().join("agents.slice/a.scope");
        fs::create_dir_all(&scope).unwrap();
        fs::write(root.path().join("cgroup.controllers"), "memory\n").unwrap();
        let cgroups = Cgroups::open(root.path()).unwrap();
        let path = Path::new("/agents.slice/a.scope");
        assert_eq!(cgroups.limits(path), None, "no memory controller");
        fs::write(scope.join("memory.max"), "max\n").unwrap();
        fs::write(scope.join("memory.oom.group"), "1\n").unwrap();
        let open = CgroupLimits { max: None, swap: Some(Bytes::ZERO), oom_group: true };
        assert_eq!(cgroups.limits(path), Some(open));
        cgroups.clear_oom_group(path).unwrap();
        fs::write(scope.join("memory.max"), "8589934592\n").unwrap();
        fs::write(scope.join("memory.swap.max"), "max\n").unwrap();
        let closed = CgroupLimits { max: Some(Bytes::gib(8)), swap: None, oom_group: false };
        assert_eq!(cgroups.limits(path), Some(closed));
        fs::write(scope.join("cgroup.procs"), "7\n8\n").unwrap();
        let pids = [7, 8].map(|pid| Pid::new(pid).unwrap()).to_vec();
        assert_eq!(cgroups.children(Path::new("/agents.slice")), [("a.scope".to_owned(), pids)]);
        assert_eq!(cgroups.children(Path::new("/none.slice")), []);
        fs::write(scope.join("memory.max"), "x\n").unwrap();
        assert_eq!(cgroups.limits(path), None);
    }

    #[test]
    fn the_tightest_inherited_limit_counts() {
        let root = tempfile::tempdir().unwrap();
        let slice = root.path().join("user.slice");
        fs::create_dir_all(slice.join("a.scope")).unwrap();
        fs::write(root.path().join("cgroup.controllers"), "memory\n").unwrap();
        let cgroups = Cgroups::open(root.path()).unwrap();
        let inherited = |path: &str| cgroups.inherited_limits(Path::new(path));
        assert_eq!(inherited("/user.slice"), InheritedLimits::default());
        assert_eq!(inherited("/gone.slice"), InheritedLimits::default());
        for (file, text) in [
            ("memory.max", "max"),
            ("memory.high", "4096"),
            ("memory.swap.max", "0"),
            ("pids.max", "33"),
            ("cpu.max", "max 100000"),
        ] {
            fs::write(slice.join(file), format!("{text}\n")).unwrap();
        }
        let held = InheritedLimits {
            memory: Some(Bytes::kib(4)),
            swap: Some(Bytes::ZERO),
            tasks: Some(33),
            cpu_usec_per_sec: None,
        };
        assert_eq!(inherited("/user.slice"), held);
        fs::write(slice.join("a.scope/cpu.max"), "150000 100000\n").unwrap();
        fs::write(slice.join("a.scope/pids.max"), "44\n").unwrap();
        let scope = inherited("/user.slice/a.scope");
        assert_eq!((scope.cpu_usec_per_sec, scope.tasks), (Some(1_500_000), Some(44)));
        assert_eq!(held.and(scope), InheritedLimits { cpu_usec_per_sec: Some(1_500_000), ..held });
        assert_eq!(scope.and(held), held.and(scope));
        fs::write(slice.join("cpu.max"), "1 0\n").unwrap();
        assert_eq!(inherited("/user.slice").cpu_usec_per_sec, None, "no period");
    }
}
