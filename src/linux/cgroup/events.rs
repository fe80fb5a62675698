//! What the kernel did in one cgroup for want of memory, and the most that it held. Its files are kept open: the cgroup
//! vanishes with its last process, and there is no opening them then.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use super::event_watch::{Counts, read as counts};
use super::{Cgroups, number};
use crate::linux::procfs::file::{open, read_from_start, to_end};
use crate::model::Bytes;

/// A number and a line feed.
const PEAK_LEN: usize = 32;

/// One cgroup, from a moment on.
#[derive(Debug)]
pub struct MemoryEvents {
    events: OwnedFd,
    /// Linux 5.19 and later have it.
    peak: Option<OwnedFd>,
    first: Counts,
}

/// What was done in it, and in those below it, since then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Processes that the kernel ended, for whichever limit.
    pub killed: u64,
    /// Its own limit was met and nothing could be taken back.
    pub at_limit: bool,
}

impl MemoryEvents {
    /// That of the cgroup at `path`, from now on; `None` where it is gone, or has no memory controller.
    #[must_use]
    pub fn open(cgroups: &Cgroups, path: &Path) -> Option<Self> {
        let folder = cgroups.folder(path)?;
        let events = open(&folder.join("memory.events")).ok()?;
        let first = counts(&events)?;
        Some(Self { events, peak: open(&folder.join("memory.peak")).ok(), first })
    }

    /// What was done so far; `None` where the cgroup is gone (ENODEV). A poll for `PRI` wakes for what follows.
    #[must_use]
    pub fn taken(&self) -> Option<Taken> {
        let counts = counts(&self.events)?;
        let killed = counts.oom_kill.saturating_sub(self.first.oom_kill);
        Some(Taken { killed, at_limit: counts.oom > self.first.oom })
    }

    /// The most that it ever held, page cache included; `None` where it is gone or the kernel does not tell.
    #[must_use]
    pub fn peak(&self) -> Option<Bytes> {
        let mut text = [0; PEAK_LEN];
        let len = read_from_start(self.peak.as_ref()?, &mut text, to_end).ok()?;
        number(&text[..len])
    }
}

impl AsFd for MemoryEvents {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.events.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_was_before_is_not_counted() {
        let root = tempfile::tempdir().unwrap();
        let scope = root.path().join("a.scope");
        fs::create_dir(&scope).unwrap();
        fs::write(root.path().join("cgroup.controllers"), "memory\n").unwrap();
        let cgroups = Cgroups::open(root.path()).unwrap();
        assert!(MemoryEvents::open(&cgroups, Path::new("/a.scope")).is_none(), "no memory controller");
        let file = scope.join("memory.events");
        fs::write(&file, "max 7\noom 1\noom_kill 1\n").unwrap();
        let toll = MemoryEvents::open(&cgroups, Path::new("/a.scope")).unwrap();
        assert_eq!((toll.taken(), toll.peak()), (Some(Taken::default()), None), "an old kernel");
        fs::write(&file, "max 7\noom 1\noom_kill 3\n").unwrap();
        assert_eq!(toll.taken(), Some(Taken { killed: 2, at_limit: false }), "for the whole guest's sake");
        fs::write(&file, "max 8\noom 2\noom_kill 4\n").unwrap();
        assert_eq!(toll.taken(), Some(Taken { killed: 3, at_limit: true }));
        fs::write(scope.join("memory.peak"), "4096\n").unwrap();
        assert_eq!(MemoryEvents::open(&cgroups, Path::new("/a.scope")).unwrap().peak(), Some(Bytes::kib(4)));
    }
}
