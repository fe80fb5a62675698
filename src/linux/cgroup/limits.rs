//! What the kernel lets a cgroup have.

use std::fs;
use std::io;
use std::num::ParseIntError;
use std::path::Path;

use super::Cgroups;
use crate::model::{Bytes, Pid};

/// The limits of one cgroup; `None`: none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CgroupLimits {
    /// `memory.max`.
    pub max: Option<Bytes>,
    /// `memory.swap.max`; no bytes where the kernel has no swap.
    pub swap: Option<Bytes>,
    /// `memory.oom.group`: the kernel ends all in it, not one.
    pub group: bool,
}

/// What a cgroup holds those below it to; `None`: to nothing of the kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InheritedLimits {
    /// `memory.max`, or `memory.high` where that is less.
    pub memory: Option<Bytes>,
    /// `memory.swap.max`.
    pub swap: Option<Bytes>,
    /// `pids.max`.
    pub tasks: Option<u64>,
    /// `cpu.max`, of all processors together.
    pub cpu_usec_per_sec: Option<u64>,
}

impl InheritedLimits {
    /// Both of them.
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
    /// What the cgroup at `path` holds its processes to, as far as can be read.
    #[must_use]
    pub fn bonds(&self, path: &Path) -> InheritedLimits {
        let Some(folder) = self.folder(path) else { return InheritedLimits::default() };
        let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
        let bytes = |name: &str| amount(&read(name)).ok().flatten();
        InheritedLimits {
            memory: bytes("memory.max").into_iter().chain(bytes("memory.high")).min(),
            swap: bytes("memory.swap.max"),
            tasks: read("pids.max").trim().parse().ok(),
            cpu_usec_per_sec: share_of_cpu(&read("cpu.max")),
        }
    }

    /// The limits of the cgroup at `path`; `None` where it is gone or has no memory controller.
    #[must_use]
    pub fn confines(&self, path: &Path) -> Option<CgroupLimits> {
        let folder = self.folder(path)?;
        let read = |name: &str| fs::read_to_string(folder.join(name)).ok();
        Some(CgroupLimits {
            max: amount(&read("memory.max")?).ok()?,
            swap: read("memory.swap.max").map_or(Ok(Some(Bytes::ZERO)), |text| amount(&text)).ok()?,
            group: read("memory.oom.group").is_some_and(|text| text.trim() == "1"),
        })
    }

    /// The cgroups directly below the one at `path`, with the processes in each; none where it is not there.
    #[must_use]
    pub fn below(&self, path: &Path) -> Vec<(String, Vec<Pid>)> {
        let entries = self.folder(path).and_then(|folder| fs::read_dir(folder).ok());
        let folders =
            entries.into_iter().flatten().flatten().filter(|e| e.file_type().is_ok_and(|t| t.is_dir()));
        let named = folders.filter_map(|entry| entry.file_name().into_string().ok());
        let with = |name: String| {
            let pids = self.pids(&path.join(&name)).unwrap_or_default();
            (name, pids)
        };
        named.map(with).collect()
    }

    /// One child's OOM ends that child, not all in the cgroup at `path`.
    ///
    /// # Errors
    /// Where that is refused.
    pub fn ungroup(&self, path: &Path) -> io::Result<()> {
        let folder = self.folder(path).ok_or(io::ErrorKind::NotFound)?;
        fs::write(folder.join("memory.oom.group"), "0")
    }
}

/// `max` is no limit.
fn amount(text: &str) -> Result<Option<Bytes>, ParseIntError> {
    match text.trim() {
        "max" => Ok(None),
        number => number.parse().map(|bytes| Some(Bytes::new(bytes))),
    }
}

/// Microseconds a second, of `cpu.max`: a quota and its period, both in microseconds.
fn share_of_cpu(text: &str) -> Option<u64> {
    let (quota, period) = text.trim().split_once(' ')?;
    let (quota, period): (u64, u64) = (quota.parse().ok()?, period.parse().ok()?);
    quota.checked_mul(1_000_000)?.checked_div(period)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_says_is_what_counts() {
        let root = tempfile::tempdir().unwrap();
        let scope = root.path().join("agents.slice/a.scope");
        fs::create_dir_all(&scope).unwrap();
        fs::write(root.path().join("cgroup.controllers"), "memory\n").unwrap();
        let cgroups = Cgroups::open(root.path()).unwrap();
        let path = Path::new("/agents.slice/a.scope");
        assert_eq!(cgroups.confines(path), None, "no memory controller");
        fs::write(scope.join("memory.max"), "max\n").unwrap();
        fs::write(scope.join("memory.oom.group"), "1\n").unwrap();
        let open = CgroupLimits { max: None, swap: Some(Bytes::ZERO), group: true };
        assert_eq!(cgroups.confines(path), Some(open));
        cgroups.ungroup(path).unwrap();
        fs::write(scope.join("memory.max"), "8589934592\n").unwrap();
        fs::write(scope.join("memory.swap.max"), "max\n").unwrap();
        let closed = CgroupLimits { max: Some(Bytes::gib(8)), swap: None, group: false };
        assert_eq!(cgroups.confines(path), Some(closed));
        fs::write(scope.join("cgroup.procs"), "7\n8\n").unwrap();
        let pids = [7, 8].map(|pid| Pid::new(pid).unwrap()).to_vec();
        assert_eq!(cgroups.below(Path::new("/agents.slice")), [("a.scope".to_owned(), pids)]);
        assert_eq!(cgroups.below(Path::new("/none.slice")), []);
        fs::write(scope.join("memory.max"), "x\n").unwrap();
        assert_eq!(cgroups.confines(path), None);
    }
    #[test]
    fn what_holds_a_cgroup_is_read_and_the_least_of_several_counts() {
        let root = tempfile::tempdir().unwrap();
        let slice = root.path().join("user.slice");
        fs::create_dir_all(slice.join("a.scope")).unwrap();
        fs::write(root.path().join("cgroup.controllers"), "memory\n").unwrap();
        let cgroups = Cgroups::open(root.path()).unwrap();
        let bonds = |path: &str| cgroups.bonds(Path::new(path));
        assert_eq!(bonds("/user.slice"), InheritedLimits::default());
        assert_eq!(bonds("/gone.slice"), InheritedLimits::default());
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
        assert_eq!(bonds("/user.slice"), held);
        fs::write(slice.join("a.scope/cpu.max"), "150000 100000\n").unwrap();
        fs::write(slice.join("a.scope/pids.max"), "44\n").unwrap();
        let scope = bonds("/user.slice/a.scope");
        assert_eq!((scope.cpu_usec_per_sec, scope.tasks), (Some(1_500_000), Some(44)));
        assert_eq!(held.and(scope), InheritedLimits { cpu_usec_per_sec: Some(1_500_000), ..held });
        assert_eq!(scope.and(held), held.and(scope));
        fs::write(slice.join("cpu.max"), "1 0\n").unwrap();
        assert_eq!(bonds("/user.slice").cpu_usec_per_sec, None, "no period");
    }
}
