//! What there is to work with: which cgroups, whose figures, which service manager.

use std::fs;
use std::path::{Path, PathBuf};

use crate::model::Bytes;

/// How cgroups are mounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CgroupTree {
    /// Version 2, with these of what we need.
    Unified {
        /// The memory controller is there for whoever is below.
        memory: bool,
    },
    /// Version 1 with a tree of version 2 beside it, which has no memory controller.
    Hybrid,
    /// Version 1.
    V1,
    /// None.
    Absent,
}

/// What a process can find out about where it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surroundings {
    /// Where cgroups were looked for.
    pub cgroup: PathBuf,
    /// Which they are.
    pub tree: CgroupTree,
    /// What all processes that we can see may use together, where that is less than the machine has: the limit of the
    /// cgroup that is the root to us.
    pub limit: Option<Bytes>,
    /// The kernel keeps figures of memory pressure (PSI).
    pub pressure: bool,
    /// The container, by the name of what runs it.
    pub container: Option<String>,
    /// systemd is the service manager.
    pub systemd: bool,
}

impl Surroundings {
    /// Looks around. `proc` and `cgroup` are where those are, `root` is the root of the file system. What cannot be read
    /// is not there.
    #[must_use]
    pub fn of(proc: &Path, cgroup: &Path, root: &Path) -> Self {
        Self {
            cgroup: cgroup.to_owned(),
            tree: tree(cgroup),
            limit: limit(cgroup),
            pressure: fs::read(proc.join("pressure/memory")).is_ok_and(|text| text.starts_with(b"some ")),
            container: container(proc, root),
            systemd: root.join("run/systemd/system").is_dir(),
        }
    }
}

fn tree(cgroup: &Path) -> CgroupTree {
    if let Ok(controllers) = fs::read_to_string(cgroup.join("cgroup.controllers")) {
        return CgroupTree::Unified { memory: controllers.split_whitespace().any(|name| name == "memory") };
    }
    let has = |name: &str| cgroup.join(name).is_dir();
    match (has("unified"), has("memory") || has("cpu") || has("systemd")) {
        (true, true) => CgroupTree::Hybrid,
        (false, true) => CgroupTree::V1,
        _ => CgroupTree::Absent,
    }
}

/// The real root of the tree has no limits, and so no such file.
fn limit(cgroup: &Path) -> Option<Bytes> {
    let text = fs::read_to_string(cgroup.join("memory.max")).ok()?;
    text.trim().parse().ok().map(Bytes::new)
}

/// As `systemd-detect-virt --container` finds it (`CONTAINER_INTERFACE`), and by the marks of those that follow no such
/// custom.
fn container(proc: &Path, root: &Path) -> Option<String> {
    let named = |text: &str| {
        let name: String =
            text.trim().chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(32).collect();
        (!name.is_empty()).then_some(name)
    };
    let of_init = || {
        let environment = fs::read(proc.join("1/environ")).ok()?;
        let mut variables = environment.split(|byte| *byte == 0);
        let value = variables.find_map(|variable| variable.strip_prefix(b"container="))?;
        named(&String::from_utf8_lossy(value))
    };
    let marked = |path: &str, name: &str| root.join(path).exists().then(|| name.to_owned());
    fs::read_to_string(root.join("run/systemd/container"))
        .ok()
        .and_then(|text| named(&text))
        .or_else(of_init)
        .or_else(|| marked("run/.containerenv", "podman"))
        .or_else(|| marked(".dockerenv", "docker"))
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    /// A file system with these files; a path that ends in `/` is a directory.
    fn world(files: &[(&str, &str)]) -> (TempDir, Surroundings) {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            if text.is_empty() && path.to_string_lossy().ends_with('/') {
                fs::create_dir_all(path).unwrap();
                continue;
            }
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let seen = Surroundings::of(&dir.path().join("proc"), &dir.path().join("cgroup"), dir.path());
        (dir, seen)
    }

    #[test]
    fn each_way_to_mount_cgroups_is_told_apart() {
        let tree = |files: &[(&str, &str)]| world(files).1.tree;
        assert_eq!(
            tree(&[("cgroup/cgroup.controllers", "cpuset cpu memory pids\n")]),
            CgroupTree::Unified { memory: true }
        );
        assert_eq!(tree(&[("cgroup/cgroup.controllers", "cpu\n")]), CgroupTree::Unified { memory: false });
        assert_eq!(tree(&[("cgroup/cgroup.controllers", "")]), CgroupTree::Unified { memory: false });
        assert_eq!(tree(&[("cgroup/unified/", ""), ("cgroup/memory/", "")]), CgroupTree::Hybrid);
        assert_eq!(tree(&[("cgroup/memory/", "")]), CgroupTree::V1);
        assert_eq!(tree(&[("cgroup/", "")]), CgroupTree::Absent);
        assert_eq!(tree(&[]), CgroupTree::Absent);
    }

    #[test]
    fn containers_are_known_by_their_marks_and_names_are_names() {
        let container = |files: &[(&str, &str)]| world(files).1.container;
        assert_eq!(container(&[]), None);
        assert_eq!(container(&[("run/systemd/container", "lxc\n")]).as_deref(), Some("lxc"));
        assert_eq!(container(&[("proc/1/environ", "A=1\0container=podman\0")]).as_deref(), Some("podman"));
        assert_eq!(container(&[(".dockerenv", "")]).as_deref(), Some("docker"));
        assert_eq!(container(&[("run/.containerenv", "")]).as_deref(), Some("podman"));
        assert_eq!(container(&[("proc/1/environ", "container=\u{1b}[2Jx\0")]).as_deref(), Some("2Jx"));
        assert_eq!(container(&[("run/systemd/container", "\n"), ("proc/1/environ", "container=")]), None);
    }

    #[test]
    fn limits_pressure_and_the_service_manager() {
        let (_dir, bare) = world(&[("cgroup/memory.max", "max\n"), ("proc/pressure/memory", "")]);
        assert_eq!((bare.limit, bare.pressure, bare.systemd), (None, false, false));
        let (_dir, full) = world(&[
            ("cgroup/memory.max", "4294967296\n"),
            ("proc/pressure/memory", "some avg10=0.00\n"),
            ("run/systemd/system/", ""),
        ]);
        assert_eq!((full.limit, full.pressure, full.systemd), (Some(Bytes::gib(4)), true, true));
    }
}
