//! What the kernel lets a cgroup have.

use std::fs;
use std::io;
use std::num::ParseIntError;
use std::path::Path;

use super::cgroup::Cgroups;
use crate::model::{Bytes, Pid};

/// The limits of one cgroup; `None`: none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confines {
    /// `memory.max`.
    pub max: Option<Bytes>,
    /// `memory.swap.max`; no bytes where the kernel has no swap.
    pub swap: Option<Bytes>,
    /// `memory.oom.group`: the kernel ends all in it, not one.
    pub group: bool,
}

impl Cgroups {
    /// The limits of the cgroup at `path`; `None` where it is gone or has no memory controller.
    #[must_use]
    pub fn confines(&self, path: &Path) -> Option<Confines> {
        let folder = self.folder(path)?;
        let read = |name: &str| fs::read_to_string(folder.join(name)).ok();
        Some(Confines {
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
        let open = Confines { max: None, swap: Some(Bytes::ZERO), group: true };
        assert_eq!(cgroups.confines(path), Some(open));
        cgroups.ungroup(path).unwrap();
        fs::write(scope.join("memory.max"), "8589934592\n").unwrap();
        fs::write(scope.join("memory.swap.max"), "max\n").unwrap();
        let closed = Confines { max: Some(Bytes::gib(8)), swap: None, group: false };
        assert_eq!(cgroups.confines(path), Some(closed));
        fs::write(scope.join("cgroup.procs"), "7\n8\n").unwrap();
        let pids = [7, 8].map(|pid| Pid::new(pid).unwrap()).to_vec();
        assert_eq!(cgroups.below(Path::new("/agents.slice")), [("a.scope".to_owned(), pids)]);
        assert_eq!(cgroups.below(Path::new("/none.slice")), []);
        fs::write(scope.join("memory.max"), "x\n").unwrap();
        assert_eq!(cgroups.confines(path), None);
    }
}
