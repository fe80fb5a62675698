//! cgroup v2: which processes are in a cgroup, and its memory.

pub(crate) mod event_watch;
pub mod events;
pub mod kill;
pub mod limits;
#[cfg(feature = "standalone")]
pub mod tree;
pub(crate) mod values;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::model::snapshot::CgroupMemory;
use crate::model::{Charge, Pid};
use values::{EventCounts, MemoryStat, Value};

/// Upper bound for the cgroups that are walked below one, once a second and agent: a user may make any number of them.
const MAX_CGROUPS: usize = 256;

/// Reads a cgroup v2 tree, or a folder with the same files.
#[derive(Clone, Debug)]
pub struct Cgroups {
    root: PathBuf,
}

impl Cgroups {
    /// The tree at `root`, usually `/sys/fs/cgroup`; `None` if it is no cgroup v2 (hybrid, v1, or none).
    #[must_use]
    pub fn open(root: &Path) -> Option<Self> {
        root.join("cgroup.controllers").exists().then(|| Self { root: root.to_owned() })
    }

    /// Every process in the cgroup at `path` and those below it. `None` if `path` is gone, holds processes that our pid
    /// namespace does not show, or has more than `MAX_CGROUPS` below it.
    #[must_use]
    pub fn pids(&self, path: &Path) -> Option<Vec<Pid>> {
        let mut pids = Vec::new();
        self.walk(path, |pid| {
            pids.push(pid);
            true
        })?;
        Some(pids)
    }

    /// Whether the cgroup at `path` and those below it hold processes, and `is_own` is true for all of them. Stops at the
    /// first other process.
    pub fn holds_only(&self, path: &Path, is_own: impl Fn(Pid) -> bool) -> bool {
        let mut is_populated = false;
        let all = self.walk(path, |pid| {
            is_populated = true;
            is_own(pid)
        });
        all.is_some() && is_populated
    }

    /// Calls `visit` for each process. `None` if not all were visited, because `visit` returned `false` or the tree cannot
    /// be read.
    fn walk(&self, path: &Path, mut visit: impl FnMut(Pid) -> bool) -> Option<()> {
        let top = self.folder(path).filter(|top| top.is_dir())?;
        let (mut folders, mut walked) = (vec![top], 0);
        while let Some(folder) = folders.pop() {
            walked += 1;
            // A cgroup that vanished meanwhile was empty; a threaded one refuses, and its domain above lists all.
            let text = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
            // 0 is a process that our pid namespace does not show.
            let visited =
                text.lines().all(|line| line.parse().ok().and_then(Pid::new).is_some_and(&mut visit));
            if walked > MAX_CGROUPS || !visited {
                return None;
            }
            let below = fs::read_dir(&folder).into_iter().flatten().flatten();
            let is_folder = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
            folders.extend(below.filter(is_folder).map(|entry| entry.path()).take(MAX_CGROUPS));
        }
        Some(())
    }

    /// Memory of the cgroup at `path`, those below it included; `None` without a memory controller. Whether an agent has
    /// it for itself (`alone`) is for the caller to say.
    #[must_use]
    pub fn memory(&self, path: &Path) -> Option<CgroupMemory> {
        let folder = self.folder(path)?;
        let stat = MemoryStat::parse(&fs::read(folder.join("memory.stat")).ok()?);
        let events = EventCounts::parse(&fs::read(folder.join("memory.events")).unwrap_or_default());
        let bytes = |name| value(&folder, name).and_then(Value::bytes);
        Some(CgroupMemory {
            path: path.to_owned(),
            alone: false,
            charge: Charge {
                anon: stat.anon,
                shmem: stat.shmem,
                // On a kernel without swap the file is missing, and nothing is swapped.
                swap: bytes("memory.swap.current").unwrap_or_default(),
            },
            current: bytes("memory.current").unwrap_or_default(),
            cache: stat.cache,
            max: bytes("memory.max"),
            high: bytes("memory.high"),
            high_events: events.high,
            killed: events.oom_kill,
        })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn folder(&self, path: &Path) -> Option<PathBuf> {
        below(path).map(|below| self.root.join(below))
    }
}

/// The value in a file of one cgroup; `None` if there is no such file, or nothing like a value in it.
pub(super) fn value(folder: &Path, name: &str) -> Option<Value> {
    Value::parse(&fs::read(folder.join(name)).ok()?)
}

/// A cgroup's path, relative to the root of its tree. The root cgroup is no agent's, and a path from elsewhere must not
/// lead out of the tree. Allocates nothing.
pub(super) fn below(path: &Path) -> Option<&Path> {
    let below = path.strip_prefix("/").ok().filter(|below| *below != Path::new(""))?;
    let leads_out = below.components().any(|c| !matches!(c, std::path::Component::Normal(_)));
    (!leads_out).then_some(below)
}

/// The cgroup v2 path in the text of `/proc/PID/cgroup` (`cgroups(7)`: the line that starts with `0::`).
#[must_use]
pub fn path_of(text: &[u8]) -> Option<PathBuf> {
    let line = text.split(|&b| b == b'\n').find_map(|line| line.strip_prefix(b"0::"))?;
    // A cgroup that was removed although its last process still exists.
    let path = line.strip_suffix(b" (deleted)").unwrap_or(line);
    path.starts_with(b"/").then(|| PathBuf::from(OsStr::from_bytes(path)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Bytes;

    fn tree() -> (tempfile::TempDir, Cgroups) {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("agents.slice/a.scope/below");
        fs::create_dir_all(&inner).unwrap();
        fs::write(root.path().join("cgroup.controllers"), "memory\n").unwrap();
        let scope = root.path().join("agents.slice/a.scope");
        fs::write(scope.join("cgroup.procs"), "12\n13\n").unwrap();
        fs::write(inner.join("cgroup.procs"), "14\n").unwrap();
        fs::write(
            scope.join("memory.stat"),
            "anon 1000\nfile 700\nanon_thp 5\nshmem 300\ninactive_file 150\nactive_file 250\n",
        )
        .unwrap();
        fs::write(scope.join("memory.swap.current"), "50\n").unwrap();
        fs::write(scope.join("memory.current"), "2000\n").unwrap();
        fs::write(scope.join("memory.max"), "max\n").unwrap();
        fs::write(scope.join("memory.high"), "4096\n").unwrap();
        fs::write(scope.join("memory.events"), "low 9\nhigh 7\nmax 8\n").unwrap();
        let cgroups = Cgroups::open(root.path()).unwrap();
        (root, cgroups)
    }

    fn holds_only(cgroups: &Cgroups, path: &str, pids: &[i32]) -> bool {
        cgroups.holds_only(Path::new(path), |pid| pids.contains(&pid.get()))
    }

    #[test]
    fn a_cgroup_includes_those_below_it() {
        let (_root, cgroups) = tree();
        assert!(holds_only(&cgroups, "/agents.slice/a.scope", &[12, 13, 14, 15]));
        assert!(!holds_only(&cgroups, "/agents.slice/a.scope", &[12, 13]), "14 is below it");
        assert!(!holds_only(&cgroups, "/agents.slice", &[12, 13]));
        let memory = cgroups.memory(Path::new("/agents.slice/a.scope")).unwrap();
        assert_eq!(memory.charge.total(), Bytes::new(1350));
        assert_eq!((memory.current, memory.cache, memory.max), (Bytes::new(2000), Bytes::new(400), None));
        assert_eq!((memory.high, memory.high_events), (Some(Bytes::kib(4)), 7));
    }

    #[test]
    fn nothing_is_read_outside_the_tree() {
        let (_root, cgroups) = tree();
        for path in ["/", "", "/../x", "agents.slice/a.scope", "/gone.scope"] {
            assert!(!holds_only(&cgroups, path, &[12, 13, 14]), "{path}");
            assert_eq!(cgroups.memory(Path::new(path)), None, "{path}");
        }
        assert!(Cgroups::open(Path::new("/nowhere")).is_none());
    }

    #[test]
    fn a_cgroup_with_a_hidden_process_is_unknown() {
        let (root, cgroups) = tree();
        fs::write(root.path().join("agents.slice/a.scope/cgroup.procs"), "12\n0\n").unwrap();
        assert!(!holds_only(&cgroups, "/agents.slice/a.scope", &[12, 13, 14]));
    }

    #[test]
    fn an_endless_tree_is_not_walked() {
        let (root, cgroups) = tree();
        for number in 0..2 * MAX_CGROUPS {
            fs::create_dir(root.path().join(format!("agents.slice/a.scope/{number}"))).unwrap();
        }
        assert!(!holds_only(&cgroups, "/agents.slice/a.scope", &[12, 13, 14]));
    }

    #[test]
    fn the_path_is_that_of_cgroup_v2() {
        assert_eq!(path_of(b"5:memory:/x\n0::/a b/c.scope\n").unwrap(), Path::new("/a b/c.scope"));
        assert_eq!(path_of(b"0::/a (deleted)\n").unwrap(), Path::new("/a"));
        assert_eq!(path_of(b"0::\n"), None);
        assert_eq!(path_of(b"1:name=systemd:/x\n"), None);
    }

    proptest::proptest! {
        #[test]
        fn garbage_does_not_lead_out_of_the_tree(text: Vec<u8>, path in "(0::)?/?[./a-z]{0,20}") {
            for text in [text.as_slice(), path.as_bytes()] {
                let Some(path) = path_of(text) else { continue };
                if let Some(below) = below(&path) {
                    proptest::prop_assert!(below.is_relative() && !below.starts_with(".."), "{below:?}");
                }
            }
        }
    }
}
