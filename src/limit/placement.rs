//! Decides where in the cgroup tree limited agents can go without a service manager.

use std::path::{Path, PathBuf};

/// One cgroup on the way from a process up to the root that is visible to it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each was found by itself")]
pub struct CgroupNode {
    /// The cgroup.
    pub path: PathBuf,
    /// The memory controller can be enabled for its children.
    pub available: bool,
    /// The memory controller is enabled for its children.
    pub enabled: bool,
    /// Free of processes that prevent that: the kernel's "no internal process constraint".
    pub vacant: bool,
    /// It has a memory limit of its own.
    pub limited: bool,
    /// We may create cgroups in it and move processes there.
    pub writable: bool,
}

/// The cgroup in which to create [`SLICE`](super::SLICE).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placement<'a> {
    /// Usable as it is.
    Ready(&'a Path),
    /// Usable once its processes have been moved into a cgroup below it.
    NeedsMigration(&'a Path),
}

/// The nearest usable cgroup of `nodes`, which begin with the process's own; `None` if none is usable. A process never leaves
/// an existing limit, and no process is migrated if another cgroup is usable without.
#[must_use]
pub fn find_placement(nodes: &[CgroupNode]) -> Option<Placement<'_>> {
    let limit = nodes.iter().position(|node| node.limited).map_or(nodes.len(), |at| at + 1);
    let within = || nodes.iter().take(limit).filter(|node| node.writable);
    let is_ready = |node: &&CgroupNode| node.enabled || node.available && node.vacant;
    let ready = within().find(is_ready).map(|node| Placement::Ready(&node.path));
    ready.or_else(|| within().find(|node| node.available).map(|node| Placement::NeedsMigration(&node.path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `available enabled vacant limited writable`, each by its first letter.
    fn node(path: &str, has: &str) -> CgroupNode {
        let has = |letter| has.contains(letter);
        CgroupNode {
            path: path.into(),
            available: has('a'),
            enabled: has('e'),
            vacant: has('v'),
            limited: has('l'),
            writable: has('w'),
        }
    }

    fn place(nodes: &[(&str, &str)]) -> String {
        let nodes: Vec<CgroupNode> = nodes.iter().map(|(path, has)| node(path, has)).collect();
        match find_placement(&nodes) {
            Some(Placement::Ready(path)) => path.display().to_string(),
            Some(Placement::NeedsMigration(path)) => format!("{} after migration", path.display()),
            None => "nowhere".to_owned(),
        }
    }

    #[test]
    fn a_placement_escapes_no_limit_and_avoids_migration() {
        assert_eq!(place(&[("/", "avw")]), "/", "the real root, or an empty one");
        assert_eq!(place(&[("/", "aw")]), "/ after migration", "the root of a container");
        assert_eq!(place(&[("/", "alw")]), "/ after migration", "the root of a limited container");
        assert_eq!(place(&[("/others", "aw"), ("/", "aew")]), "/", "the second agent there");
        assert_eq!(place(&[("/a", "aw"), ("/", "ae")]), "/a after migration", "a user's own cgroup");
        assert_eq!(place(&[("/a", "alw"), ("/", "aew")]), "/a after migration", "stays in its limit");
        assert_eq!(place(&[("/a", "al"), ("/", "aew")]), "nowhere", "a limit that is not ours to divide");
        assert_eq!(place(&[("/a", "w"), ("/", "avw")]), "/");
        assert_eq!(place(&[("/", "a")]), "nowhere", "read-only");
        assert_eq!(place(&[("/", "w")]), "nowhere", "no controller");
        assert_eq!(place(&[]), "nowhere");
    }
}
