//! Where cgroups for limited agents can be made, if nobody does it for us.

use std::path::{Path, PathBuf};

/// One cgroup on the way from a process up to the root that it sees.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each was found by itself")]
pub struct CgroupNode {
    /// The cgroup.
    pub path: PathBuf,
    /// It could give its children the memory controller.
    pub available: bool,
    /// It does.
    pub enabled: bool,
    /// No process in it keeps it from doing so: the kernel's rule of no internal processes.
    pub clear: bool,
    /// It has a limit of its own.
    pub limited: bool,
    /// We may make cgroups in it and move processes there.
    pub ours: bool,
}

/// The cgroup that holds [`SLICE`](super::SLICE).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placement<'a> {
    /// As it is.
    Ready(&'a Path),
    /// Once the processes that are in it have gone aside, into a cgroup below it.
    NeedsMigration(&'a Path),
}

/// The nearest of `levels`, the process's own first; `None` where there is none. Nobody is led out of a limit that they are
/// in, and nobody moved where there is another way.
#[must_use]
pub fn find_placement(levels: &[CgroupNode]) -> Option<Placement<'_>> {
    let limit = levels.iter().position(|level| level.limited).map_or(levels.len(), |at| at + 1);
    let within = || levels.iter().take(limit).filter(|level| level.ours);
    let is_clear = |level: &&CgroupNode| level.enabled || level.available && level.clear;
    let clear = within().find(is_clear).map(|level| Placement::Ready(&level.path));
    clear.or_else(|| {
        within().find(|level| level.available).map(|level| Placement::NeedsMigration(&level.path))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `available enabled clear limited ours`, each by its first letter.
    fn level(path: &str, has: &str) -> CgroupNode {
        let has = |letter| has.contains(letter);
        CgroupNode {
            path: path.into(),
            available: has('a'),
            enabled: has('p'),
            clear: has('c'),
            limited: has('l'),
            ours: has('o'),
        }
    }

    fn of(levels: &[(&str, &str)]) -> String {
        let levels: Vec<CgroupNode> = levels.iter().map(|(path, has)| level(path, has)).collect();
        match find_placement(&levels) {
            Some(Placement::Ready(path)) => path.display().to_string(),
            Some(Placement::NeedsMigration(path)) => {
                format!("{} once its processes are aside", path.display())
            }
            None => "nowhere".to_owned(),
        }
    }

    #[test]
    fn a_place_is_found_that_moves_nobody_and_leaves_no_limit() {
        assert_eq!(of(&[("/", "aco")]), "/", "the real root, or one that is empty");
        assert_eq!(of(&[("/", "ao")]), "/ once its processes are aside", "a container's first");
        assert_eq!(of(&[("/", "alo")]), "/ once its processes are aside", "one with a limit");
        assert_eq!(of(&[("/others", "ao"), ("/", "apo")]), "/", "the next one there");
        assert_eq!(of(&[("/a", "ao"), ("/", "ap")]), "/a once its processes are aside", "a user's own");
        assert_eq!(
            of(&[("/a", "alo"), ("/", "apo")]),
            "/a once its processes are aside",
            "stays in its limit"
        );
        assert_eq!(of(&[("/a", "al"), ("/", "apo")]), "nowhere", "a limit that is not ours to divide");
        assert_eq!(of(&[("/a", "o"), ("/", "aco")]), "/");
        assert_eq!(of(&[("/", "a")]), "nowhere", "read-only");
        assert_eq!(of(&[("/", "o")]), "nowhere", "no controller");
        assert_eq!(of(&[]), "nowhere");
    }
}
