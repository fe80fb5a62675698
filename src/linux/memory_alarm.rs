//! Wakes the loop at once when memory gets short: tasks stall for it (PSI), or a cgroup has reached its limit. An alarm is
//! only a hint to sample: the kernel reports pressure once in each window, and on many kernels not at all, so the ticks go
//! on.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{io, thread};

use rustix::event::{PollFd, PollFlags, poll};

use super::cgroup::Cgroups;
use super::eventfd::EventFd;
use crate::linux::cgroup::event_watch::EventWatch;
use crate::linux::procfs::pressure::Trigger;

/// Pause of the thread after each round: at most 20 wakes a second, however often the kernel has an event.
const MIN_WAKE_INTERVAL: Duration = Duration::from_millis(50);

/// Upper bound for watched cgroups: each takes a descriptor, and a service has 1024.
const MAX_CGROUPS: usize = 128;

/// Why the loop is woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// Tasks stall for memory.
    Pressure,
    /// A watched cgroup has reached its throttle or its limit, or the kernel has killed a process in it.
    Cgroup,
}

/// A thread that waits for alarms.
#[derive(Debug)]
pub struct Alarms {
    shared: Arc<AlarmThreadState>,
    /// The last requested set of cgroups. The thread never takes this lock.
    requested: Mutex<Vec<PathBuf>>,
    pressure_error: Option<io::Error>,
}

#[derive(Debug)]
struct AlarmThreadState {
    /// Ends the thread's wait.
    eventfd: EventFd,
    /// A set of cgroups for the thread to take over. Locked only to move it in or out.
    pending: Mutex<Option<Vec<PathBuf>>>,
    /// A cgroup of the set is gone: another one may appear under its path.
    cgroup_gone: AtomicBool,
    stopping: AtomicBool,
}

impl Alarms {
    /// Starts the thread, for the pressure of the tree at `proc`, and for cgroups of the tree at `cgroup`. It calls
    /// `wake`, and stops when this is dropped.
    ///
    /// # Errors
    /// If the thread cannot be started. A kernel without pressure events is no error: see [`Self::pressure_error`].
    pub fn start(
        proc: &Path,
        cgroup: Option<&Path>,
        wake: impl Fn(Alarm) + Send + 'static,
    ) -> io::Result<Self> {
        let (trigger, pressure_error) = match Trigger::arm(proc) {
            Ok(trigger) => (Some(trigger), None),
            Err(error) => (None, Some(error)),
        };
        let shared = Arc::new(AlarmThreadState {
            eventfd: EventFd::new()?,
            pending: Mutex::new(None),
            cgroup_gone: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
        });
        let cgroups = cgroup.and_then(Cgroups::open);
        let watcher = Watcher { shared: Arc::clone(&shared), trigger, cgroups, watched: Vec::new() };
        thread::Builder::new().name("alarm".to_owned()).spawn(move || watcher.run(wake))?;
        Ok(Self { shared, requested: Mutex::default(), pressure_error })
    }

    /// Why the kernel has no pressure events for us; `None` if it has.
    #[must_use]
    pub fn pressure_error(&self) -> Option<&io::Error> {
        self.pressure_error.as_ref()
    }

    /// Watches these cgroups from now on, by their paths from the root of the tree, and no others. Does not block: the
    /// thread opens the files. The same set again costs a comparison.
    pub fn watch(&self, mut paths: Vec<PathBuf>) {
        paths.truncate(MAX_CGROUPS);
        let mut requested = lock(&self.requested);
        if *requested == paths && !self.shared.cgroup_gone.swap(false, Ordering::Relaxed) {
            return;
        }
        requested.clone_from(&paths);
        // Dropped after the lock, which the thread may wait for.
        let before = lock(&self.shared.pending).replace(paths);
        drop(before);
        self.shared.eventfd.wake();
    }
}

impl Drop for Alarms {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Relaxed);
        self.shared.eventfd.wake();
    }
}

/// The state of the thread.
struct Watcher {
    shared: Arc<AlarmThreadState>,
    trigger: Option<Trigger>,
    cgroups: Option<Cgroups>,
    watched: Vec<EventWatch>,
}

impl Watcher {
    fn run(mut self, wake: impl Fn(Alarm)) {
        while !self.shared.stopping.load(Ordering::Relaxed) {
            let pending = lock(&self.shared.pending).take();
            if let Some(paths) = pending {
                self.replace_watched(paths);
            }
            // A wait that is interrupted, or fails for want of memory, is repeated after the pause.
            if let Ok(ready) = self.wait() {
                if self.has_pressure(ready.pressure) {
                    wake(Alarm::Pressure);
                }
                if self.has_events(&ready.cgroups) {
                    wake(Alarm::Cgroup);
                }
            }
            thread::sleep(MIN_WAKE_INTERVAL);
        }
    }

    /// A cgroup that is in both sets keeps its event counts.
    fn replace_watched(&mut self, paths: Vec<PathBuf>) {
        let mut before = std::mem::take(&mut self.watched);
        let cgroups = self.cgroups.as_ref();
        let watched = paths.into_iter().filter_map(|path| {
            match before.iter().position(|events| events.path() == path) {
                Some(at) => Some(before.swap_remove(at)),
                None => EventWatch::open(cgroups?, path),
            }
        });
        self.watched = watched.collect();
    }

    fn wait(&self) -> io::Result<Ready> {
        let mut files = Vec::with_capacity(2 + self.watched.len());
        files.push(PollFd::new(&self.shared.eventfd, PollFlags::IN));
        files.extend(self.trigger.as_ref().map(|trigger| PollFd::new(trigger, PollFlags::PRI)));
        files.extend(self.watched.iter().map(|events| PollFd::new(events, PollFlags::PRI)));
        poll(&mut files, None)?;
        let mut ready = files.iter().map(PollFd::revents);
        if ready.next().is_some_and(|flags| !flags.is_empty()) {
            self.shared.eventfd.clear();
        }
        let pressure = self.trigger.as_ref().and_then(|_| ready.next()).unwrap_or(PollFlags::empty());
        Ok(Ready { pressure, cgroups: ready.collect() })
    }

    fn has_pressure(&mut self, ready: PollFlags) -> bool {
        if ready.intersects(PollFlags::ERR | PollFlags::NVAL) {
            self.trigger = None;
        }
        ready.contains(PollFlags::PRI) && self.trigger.as_mut().is_some_and(Trigger::should_wake)
    }

    /// kernfs sets `POLLERR` with each event, even for a healthy file (`kernfs_generic_poll` of `fs/kernfs/file.c`): only a
    /// read shows that a cgroup is gone.
    fn has_events(&mut self, ready: &[PollFlags]) -> bool {
        let mut happened = false;
        let mut ready = ready.iter();
        let before = self.watched.len();
        self.watched.retain_mut(|events| {
            if ready.next().is_none_or(PollFlags::is_empty) {
                return true;
            }
            let wakes = events.should_wake();
            happened |= wakes == Some(true);
            wakes.is_some()
        });
        if self.watched.len() < before {
            self.shared.cgroup_gone.store(true, Ordering::Relaxed);
        }
        happened
    }
}

/// The result of a wait.
struct Ready {
    pressure: PollFlags,
    /// In the order of the watched cgroups.
    cgroups: Vec<PollFlags>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
