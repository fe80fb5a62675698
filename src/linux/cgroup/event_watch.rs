//! Watches `memory.events` of one cgroup and reports changes that need a wakeup of the loop.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::Cgroups;
use super::values::EventCounts;
use crate::linux::procfs::file::{open, read_from_start, to_end};

/// Six or seven short lines.
const EVENTS_LEN: usize = 512;

/// A cgroup at its limit or over its throttle has an event for each page that it takes, for hours: page cache is enough.
const MIN_WAKE_INTERVAL: Duration = Duration::from_secs(1);

/// The file, and its last content.
#[derive(Debug)]
pub(crate) struct EventWatch {
    path: PathBuf,
    file: OwnedFd,
    last: EventCounts,
    woke_at: Option<Instant>,
}

impl EventWatch {
    /// Opens that of the cgroup at `path`; `None` if it is gone, or has no memory controller. Reads it before the first
    /// wait: the kernel wakes for events since then.
    pub(crate) fn open(cgroups: &Cgroups, path: PathBuf) -> Option<Self> {
        let file = open(&cgroups.folder(&path)?.join("memory.events")).ok()?;
        let last = read_events(&file)?;
        Some(Self { path, file, last, woke_at: None })
    }

    /// The path of the cgroup.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether an event since the last call is worth a wake: a kill always is, others at most once in
    /// `MIN_WAKE_INTERVAL`. `None` if the cgroup is gone (ENODEV).
    pub(crate) fn should_wake(&mut self) -> Option<bool> {
        let now = read_events(&self.file)?;
        let before = std::mem::replace(&mut self.last, now);
        let killed = (now.oom, now.oom_kill) != (before.oom, before.oom_kill);
        let is_due = self.woke_at.is_none_or(|woke| woke.elapsed() >= MIN_WAKE_INTERVAL);
        let wakes = killed || (now != before && is_due);
        if wakes {
            self.woke_at = Some(Instant::now());
        }
        Some(wakes)
    }
}

impl AsFd for EventWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Reads an open `memory.events`; `None` if its cgroup is gone (ENODEV).
pub(super) fn read_events(file: &OwnedFd) -> Option<EventCounts> {
    let mut text = [0; EVENTS_LEN];
    let len = read_from_start(file, &mut text, to_end).ok()?;
    Some(EventCounts::parse(&text[..len]))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn an_event_wakes_once() {
        let root = tempfile::tempdir().unwrap();
        let scope = root.path().join("a.scope");
        fs::create_dir(&scope).unwrap();
        fs::write(root.path().join("cgroup.controllers"), "memory\n").unwrap();
        let cgroups = Cgroups::open(root.path()).unwrap();
        assert!(EventWatch::open(&cgroups, PathBuf::from("/a.scope")).is_none(), "no memory controller");
        let file = scope.join("memory.events");
        fs::write(&file, "low 0\nhigh 0\nmax 7\noom 0\noom_kill 0\n").unwrap();
        assert!(EventWatch::open(&cgroups, PathBuf::from("/../a.scope")).is_none(), "not in the tree");
        let mut events = EventWatch::open(&cgroups, PathBuf::from("/a.scope")).unwrap();
        assert_eq!(events.should_wake(), Some(false), "events before opening");
        let mut after = |text: &str| {
            fs::write(&file, text).unwrap();
            (events.should_wake(), events.should_wake())
        };
        let (news, none) = ((Some(true), Some(false)), (Some(false), Some(false)));
        assert_eq!(after("low 0\nhigh 1\nmax 7\noom 0\noom_kill 0\n"), news);
        assert_eq!(after("high 1\nmax 8\n"), none, "too soon after the last wake");
        assert_eq!(after("high 1\nmax 8\noom_kill 1\n"), news, "a kill wakes at once");
        std::thread::sleep(MIN_WAKE_INTERVAL);
        assert_eq!(after("high 1\nmax 9\noom_kill 1\n"), news, "a second later");
        assert_eq!(after("low 5\nhigh 1\nmax 9\noom_kill 1\n"), none, "low");
    }

    impl EventWatch {
        /// A watch of a removed cgroup: reading fails, as with a folder.
        pub(crate) fn unreadable(path: &str) -> Self {
            Self {
                path: PathBuf::from(path),
                file: open(Path::new("/")).unwrap(),
                last: EventCounts::default(),
                woke_at: None,
            }
        }
    }

    #[test]
    fn a_removed_cgroup_differs_from_a_quiet_one() {
        assert_eq!(EventWatch::unreadable("/gone.scope").should_wake(), None);
    }
}
