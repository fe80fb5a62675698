//! What memory did in the scope of the command.

use std::path::Path;
use std::time::Duration;

use crate::api::limited::LimitInfo;
use crate::linux::cgroup::Cgroups;
use crate::linux::cgroup::events::{MemoryEvents, Taken};
use crate::linux::clock;
use crate::linux::procfs::details::Details;
use crate::model::{Boottime, Bytes, Pid};

/// A scope at its limit says so with each page that it takes; no wake is needed for more than ten of those in a second.
const SELDOM: Duration = Duration::from_millis(100);

/// What is seen of it.
#[derive(Debug)]
pub(super) struct Scope {
    /// `None` where it cannot be watched, and from its end on.
    toll: Option<MemoryEvents>,
    /// The slice around it, which stays.
    slice: Option<MemoryEvents>,
    /// How many the kernel had ended in that when the scope was looked at last.
    before: u64,
    told: Boottime,
    seen: Seen,
}

/// What was seen until now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// Its limit; `None` where the command has none.
    pub(super) limit: Option<Bytes>,
    pub(super) taken: Taken,
    /// When the kernel ended a process in it last.
    pub(super) last: Option<Boottime>,
    /// The most that it held, as far as we could look.
    pub(super) peak: Option<Bytes>,
}

impl Scope {
    /// The one that `pid` is in.
    pub(super) fn of(pid: Pid, limited: &LimitInfo) -> Self {
        let path = Details::of(Path::new("/proc")).cgroup(pid);
        let cgroups = Cgroups::open(Path::new("/sys/fs/cgroup"));
        let place = path.zip(cgroups);
        let slice = place.as_ref().and_then(|(path, cgroups)| MemoryEvents::open(cgroups, path.parent()?));
        let toll = place.and_then(|(path, cgroups)| MemoryEvents::open(&cgroups, &path));
        let seen = Seen { limit: Some(limited.limit), ..Seen::default() };
        Self { toll, slice, before: 0, told: Boottime::default(), seen }
    }

    fn killed_in_slice(&self) -> u64 {
        self.slice.as_ref().and_then(MemoryEvents::taken).map_or(0, |taken| taken.killed)
    }

    /// Its events, where it is time to wait for them; else how long that is.
    pub(super) fn due(&self) -> Result<Option<&MemoryEvents>, Duration> {
        let since = clock::now().since(self.told);
        if since < SELDOM { Err(SELDOM.saturating_sub(since)) } else { Ok(self.toll.as_ref()) }
    }

    /// Takes a look.
    pub(super) fn look(&mut self) {
        self.told = clock::now();
        let Some(toll) = &self.toll else { return };
        // Before the scope's own count: one that comes in between is then counted there.
        let before = self.killed_in_slice();
        let Some(taken) = toll.taken() else {
            self.toll = None;
            return;
        };
        self.before = before;
        if taken.killed > self.seen.taken.killed {
            self.seen.last = Some(self.told);
            self.before = self.killed_in_slice();
        }
        self.seen.taken = taken;
        self.seen.peak = toll.peak().or(self.seen.peak);
    }

    /// All that was seen, after a last look. Where the scope was removed before that, and the command was `killed`, the slice
    /// tells whether the kernel has ended somebody since.
    pub(super) fn leave(mut self, killed: bool) -> Seen {
        self.look();
        if killed && self.toll.is_none() && self.killed_in_slice() > self.before {
            self.seen.taken.killed += 1;
            self.seen.last = Some(self.told);
        }
        self.seen
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn an_end_that_the_scope_did_not_survive_is_known_from_the_slice() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("cgroup.controllers"), "memory\n").unwrap();
        let slice = root.path().join("agents.slice");
        fs::create_dir_all(slice.join("a.scope")).unwrap();
        let events = |folder: &Path, killed: u64| {
            fs::write(folder.join("memory.events"), format!("oom 0\noom_kill {killed}\n")).unwrap();
        };
        let cgroups = Cgroups::open(root.path()).unwrap();
        let scope = |is_there: bool| {
            events(&slice, 3);
            events(&slice.join("a.scope"), 0);
            let toll = MemoryEvents::open(&cgroups, Path::new("/agents.slice/a.scope")).filter(|_| is_there);
            let slice = MemoryEvents::open(&cgroups, Path::new("/agents.slice"));
            Scope { toll, slice, before: 0, told: Boottime::default(), seen: Seen::default() }
        };
        let killed = |scope: Scope, killed| {
            let seen = scope.leave(killed);
            (seen.taken.killed, seen.last.is_some())
        };
        assert_eq!(killed(scope(false), true), (0, false), "nobody");
        let gone = scope(false);
        events(&slice, 4);
        assert_eq!(killed(gone, true), (1, true));
        let gone = scope(false);
        events(&slice, 4);
        assert_eq!(killed(gone, false), (0, false), "it ended by itself");
        let stays = scope(true);
        events(&slice, 4);
        assert_eq!(killed(stays, true), (0, false), "another's");
        let mut seen = scope(true);
        events(&slice, 4);
        events(&slice.join("a.scope"), 1);
        seen.look();
        seen.toll = None;
        assert_eq!(killed(seen, true), (1, true), "once");
    }
}
