//! OOM events of one cgroup since a moment, and its peak. The files are kept open: the cgroup vanishes with its last
//! process, and they cannot be opened then.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use super::Cgroups;
use super::event_watch::read_events;
use super::values::{EventCounts, Value};
use crate::linux::procfs::file::{open, read_from_start, to_end};
use crate::model::Bytes;

/// A number and a line feed.
const PEAK_LEN: usize = 32;

/// `memory.events` of one cgroup, counted from [`Self::open`] on.
#[derive(Debug)]
pub struct MemoryEvents {
    file: OwnedFd,
    /// Linux 5.19 and later have it.
    peak: Option<OwnedFd>,
    first: EventCounts,
}

/// OOM events in the cgroup and those below it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OomEvents {
    /// Processes that the kernel killed, for whichever limit.
    pub killed: u64,
    /// Its own limit was reached and nothing could be reclaimed.
    pub at_limit: bool,
}

impl MemoryEvents {
    /// Opens that of the cgroup at `path`; `None` if it is gone, or has no memory controller.
    #[must_use]
    pub fn open(cgroups: &Cgroups, path: &Path) -> Option<Self> {
        let folder = cgroups.folder(path)?;
        let file = open(&folder.join("memory.events")).ok()?;
        let first = read_events(&file)?;
        Some(Self { file, peak: open(&folder.join("memory.peak")).ok(), first })
    }

    /// The events so far; `None` if the cgroup is gone (ENODEV). A poll for `PRI` wakes for later ones.
    #[must_use]
    pub fn oom_events(&self) -> Option<OomEvents> {
        let events = read_events(&self.file)?;
        let killed = events.oom_kill.saturating_sub(self.first.oom_kill);
        Some(OomEvents { killed, at_limit: events.oom > self.first.oom })
    }

    /// Its highest memory usage ever, page cache included; `None` if it is gone or the kernel does not say.
    #[must_use]
    pub fn peak(&self) -> Option<Bytes> {
        let mut text = [0; PEAK_LEN];
        let len = read_from_start(self.peak.as_ref()?, &mut text, to_end).ok()?;
        Value::parse(&text[..len])?.bytes()
    }
}

impl AsFd for MemoryEvents {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn events_before_opening_are_not_counted() {
        let root = tempfile::tempdir().unwrap();
        let scope = root.path().join("a.scope");
        fs::create_dir(&scope).unwrap();
        fs::write(root.path().join("cgroup.controllers"), "memory\n").unwrap();
        let cgroups = Cgroups::open(root.path()).unwrap();
        assert!(MemoryEvents::open(&cgroups, Path::new("/a.scope")).is_none(), "no memory controller");
        let file = scope.join("memory.events");
        fs::write(&file, "max 7\noom 1\noom_kill 1\n").unwrap();
        let events = MemoryEvents::open(&cgroups, Path::new("/a.scope")).unwrap();
        assert_eq!((events.oom_events(), events.peak()), (Some(OomEvents::default()), None), "an old kernel");
        fs::write(&file, "max 7\noom 1\noom_kill 3\n").unwrap();
        assert_eq!(
            events.oom_events(),
            Some(OomEvents { killed: 2, at_limit: false }),
            "killed for the guest"
        );
        fs::write(&file, "max 8\noom 2\noom_kill 4\n").unwrap();
        assert_eq!(events.oom_events(), Some(OomEvents { killed: 3, at_limit: true }));
        fs::write(scope.join("memory.peak"), "4096\n").unwrap();
        assert_eq!(MemoryEvents::open(&cgroups, Path::new("/a.scope")).unwrap().peak(), Some(Bytes::kib(4)));
    }
}
