//! Watches the command's cgroup for kills by the kernel.

use std::path::Path;
use std::time::Duration;

use crate::api::limited::LimitInfo;
use crate::linux::cgroup::Cgroups;
use crate::linux::cgroup::events::{MemoryEvents, OomEvents};
use crate::linux::clock;
use crate::linux::procfs::Proc;
use crate::model::{Boottime, Bytes, Pid};

/// Minimum interval between two reads. A scope at its limit signals an event for each page that it takes.
const READ_INTERVAL: Duration = Duration::from_millis(100);

/// The scope of the command.
#[derive(Debug)]
pub(super) struct ScopeMonitor {
    /// `None` if it cannot be watched, and after it was removed.
    events: Option<MemoryEvents>,
    /// The slice around it, which outlives it.
    slice: Option<MemoryEvents>,
    /// Kills in the slice at the last read of the scope.
    slice_kills: u64,
    last_read: Boottime,
    usage: ScopeUsage,
}

/// Limit, peak and kills of a scope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ScopeUsage {
    /// `None` if the command has no limit.
    pub(super) limit: Option<Bytes>,
    pub(super) taken: OomEvents,
    /// When the kernel last killed a process in it.
    pub(super) last_kill: Option<Boottime>,
    /// Peak usage at the last read.
    pub(super) peak: Option<Bytes>,
}

impl ScopeMonitor {
    /// Opens the scope that `pid` is in.
    pub(super) fn open(pid: Pid, limited: &LimitInfo) -> Self {
        let path = Proc::open(Path::new("/proc")).ok().and_then(|proc| proc.cgroup(pid));
        let cgroups = Cgroups::open(Path::new("/sys/fs/cgroup"));
        let place = path.zip(cgroups);
        let slice = place.as_ref().and_then(|(path, cgroups)| MemoryEvents::open(cgroups, path.parent()?));
        let events = place.and_then(|(path, cgroups)| MemoryEvents::open(&cgroups, &path));
        let usage = ScopeUsage { limit: Some(limited.limit), ..ScopeUsage::default() };
        Self { events, slice, slice_kills: 0, last_read: Boottime::default(), usage }
    }

    fn read_slice_kills(&self) -> u64 {
        self.slice.as_ref().and_then(MemoryEvents::oom_events).map_or(0, |taken| taken.killed)
    }

    /// Its events if they may be read now, else the time until then.
    pub(super) fn due(&self) -> Result<Option<&MemoryEvents>, Duration> {
        let since = clock::now().since(self.last_read);
        if since < READ_INTERVAL {
            Err(READ_INTERVAL.saturating_sub(since))
        } else {
            Ok(self.events.as_ref())
        }
    }

    /// Reads its events and its peak.
    pub(super) fn read(&mut self) {
        self.last_read = clock::now();
        let Some(events) = &self.events else { return };
        // Before the scope's own count: a kill in between is then counted there.
        let slice_kills = self.read_slice_kills();
        let Some(taken) = events.oom_events() else {
            self.events = None;
            return;
        };
        self.slice_kills = slice_kills;
        if taken.killed > self.usage.taken.killed {
            self.usage.last_kill = Some(self.last_read);
            self.slice_kills = self.read_slice_kills();
        }
        self.usage.taken = taken;
        self.usage.peak = events.peak().or(self.usage.peak);
    }

    /// Reads once more and returns the result. If the scope has been removed before that and the command was `killed`, a
    /// new kill in the slice counts as one of the scope.
    pub(super) fn finish(mut self, killed: bool) -> ScopeUsage {
        self.read();
        if killed && self.events.is_none() && self.read_slice_kills() > self.slice_kills {
            self.usage.taken.killed += 1;
            self.usage.last_kill = Some(self.last_read);
        }
        self.usage
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_slice_shows_a_kill_in_a_removed_scope() {
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
            let events =
                MemoryEvents::open(&cgroups, Path::new("/agents.slice/a.scope")).filter(|_| is_there);
            let slice = MemoryEvents::open(&cgroups, Path::new("/agents.slice"));
            ScopeMonitor {
                events,
                slice,
                slice_kills: 0,
                last_read: Boottime::default(),
                usage: ScopeUsage::default(),
            }
        };
        let killed = |scope: ScopeMonitor, killed| {
            let usage = scope.finish(killed);
            (usage.taken.killed, usage.last_kill.is_some())
        };
        assert_eq!(killed(scope(false), true), (0, false), "no kill");
        let gone = scope(false);
        events(&slice, 4);
        assert_eq!(killed(gone, true), (1, true));
        let gone = scope(false);
        events(&slice, 4);
        assert_eq!(killed(gone, false), (0, false), "it exited");
        let stays = scope(true);
        events(&slice, 4);
        assert_eq!(killed(stays, true), (0, false), "a kill in another scope");
        let mut removed = scope(true);
        events(&slice, 4);
        events(&slice.join("a.scope"), 1);
        removed.read();
        removed.events = None;
        assert_eq!(killed(removed, true), (1, true), "counted once");
    }
}
