//! `memory.events` of one cgroup (`Documentation/admin-guide/cgroup-v2.rst`).

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::linux::cgroup::Cgroups;
use crate::linux::procfs::file::{open, read_from_start, to_end};

/// Six or seven short lines.
const EVENTS_LEN: usize = 512;

/// A cgroup at its limit or over its brake says so with each page that it takes, for hours: page cache is enough.
const SELDOM: Duration = Duration::from_secs(1);

/// The file, and what it said last.
#[derive(Debug)]
pub(crate) struct Events {
    path: PathBuf,
    file: OwnedFd,
    counts: Counts,
    /// When that was last worth a wake.
    told: Option<Instant>,
}

/// How often something happened in the cgroup and those below it. `low` is nothing that concerns us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::linux) struct Counts {
    /// Over `memory.high`.
    high: u64,
    /// At `memory.max`.
    max: u64,
    /// No memory could be had.
    pub(in crate::linux) oom: u64,
    /// The kernel killed a process.
    pub(in crate::linux) oom_kill: u64,
}

impl Events {
    /// That of the cgroup at `path`; `None` where it is gone, or has no memory controller. Reads it before anybody
    /// waits: the kernel wakes for what has happened since.
    pub(crate) fn open(cgroups: &Cgroups, path: PathBuf) -> Option<Self> {
        let file = open(&cgroups.folder(&path)?.join("memory.events")).ok()?;
        let counts = read(&file)?;
        Some(Self { path, file, counts, told: None })
    }

    /// Whose.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether something happened since the last look; `None` where the cgroup is gone (ENODEV).
    pub(crate) fn look(&mut self) -> Option<bool> {
        let counts = read(&self.file)?;
        let before = std::mem::replace(&mut self.counts, counts);
        let killed = (counts.oom, counts.oom_kill) != (before.oom, before.oom_kill);
        let is_due = self.told.is_none_or(|told| told.elapsed() >= SELDOM);
        let tells = killed || (counts != before && is_due);
        if tells {
            self.told = Some(Instant::now());
        }
        Some(tells)
    }
}

impl AsFd for Events {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// What it says now; `None` where the cgroup is gone (ENODEV).
pub(in crate::linux) fn read(file: &OwnedFd) -> Option<Counts> {
    let mut text = [0; EVENTS_LEN];
    let len = read_from_start(file, &mut text, to_end).ok()?;
    Some(Counts::parse(&text[..len]))
}

impl Counts {
    /// What a kernel does not count stands still.
    fn parse(text: &[u8]) -> Self {
        let mut counts = Self::default();
        for line in text.split(|&b| b == b'\n') {
            let mut words = line.splitn(2, |&b| b == b' ');
            let count = match words.next() {
                Some(b"high") => &mut counts.high,
                Some(b"max") => &mut counts.max,
                Some(b"oom") => &mut counts.oom,
                Some(b"oom_kill") => &mut counts.oom_kill,
                _ => continue,
            };
            let number = words.next().and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
            *count = number.unwrap_or(0);
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn four_counts_are_read() {
        let text = b"low 9\nhigh 1\nmax 2\noom 3\noom_kill 4\noom_group_kill 5\nsock_throttled 6\n";
        assert_eq!(Counts::parse(text), Counts { high: 1, max: 2, oom: 3, oom_kill: 4 });
        for odd in [&b""[..], b"high\n", b"high x\n", b"high  1\n", b"highest 1\n", b"\xff\n", b" high 1\n"] {
            assert_eq!(Counts::parse(odd), Counts::default(), "{}", odd.escape_ascii());
        }
    }

    #[test]
    fn what_happened_is_told_once() {
        let root = tempfile::tempdir().unwrap();
        let scope = root.path().join("a.scope");
        fs::create_dir(&scope).unwrap();
        fs::write(root.path().join("cgroup.controllers"), "memory\n").unwrap();
        let cgroups = Cgroups::open(root.path()).unwrap();
        assert!(Events::open(&cgroups, PathBuf::from("/a.scope")).is_none(), "no memory controller");
        let file = scope.join("memory.events");
        fs::write(&file, "low 0\nhigh 0\nmax 7\noom 0\noom_kill 0\n").unwrap();
        assert!(Events::open(&cgroups, PathBuf::from("/../a.scope")).is_none(), "not in the tree");
        let mut events = Events::open(&cgroups, PathBuf::from("/a.scope")).unwrap();
        assert_eq!(events.look(), Some(false), "what was before is not news");
        let mut after = |text: &str| {
            fs::write(&file, text).unwrap();
            (events.look(), events.look())
        };
        let (news, none) = ((Some(true), Some(false)), (Some(false), Some(false)));
        assert_eq!(after("low 0\nhigh 1\nmax 7\noom 0\noom_kill 0\n"), news);
        assert_eq!(after("high 1\nmax 8\n"), none, "at its limit it is again and again");
        assert_eq!(after("high 1\nmax 8\noom_kill 1\n"), news, "a kill is told at once");
        std::thread::sleep(SELDOM);
        assert_eq!(after("high 1\nmax 9\noom_kill 1\n"), news, "a second later");
        assert_eq!(after("low 5\nhigh 1\nmax 9\noom_kill 1\n"), none, "low");
    }

    impl Events {
        /// One that is gone: a read of it fails, as that of a folder does.
        pub(crate) fn unreadable(path: &str) -> Self {
            Self {
                path: PathBuf::from(path),
                file: open(Path::new("/")).unwrap(),
                counts: Counts::default(),
                told: None,
            }
        }
    }

    #[test]
    fn a_cgroup_that_is_gone_is_told_from_one_where_nothing_happened() {
        assert_eq!(Events::unreadable("/gone.scope").look(), None);
    }

    proptest::proptest! {
        #[test]
        fn garbage_is_refused_not_fatal(text: Vec<u8>) {
            let _ = Counts::parse(&text);
        }
    }
}
