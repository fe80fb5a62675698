//! Wakes the loop at once when memory gets short: tasks wait for it (PSI), or a cgroup has reached its limit. Only a
//! hint to look: the kernel tells of pressure once in each window, and not at all on many kernels, so the ticks go on.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{io, thread};

use rustix::event::{PollFd, PollFlags, poll};

use super::cgroup::Cgroups;
use super::eventfd::EventFd;
use crate::linux::cgroup::event_watch::Events;
use crate::linux::procfs::pressure::Trigger;

/// After each round of the thread: 20 wakes a second at most, whatever the kernel says how often.
const PAUSE: Duration = Duration::from_millis(50);

/// Cgroups of more agents are not watched: each is a descriptor, and a service has 1024.
const MOST: usize = 128;

/// Why the loop is woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// Tasks wait for memory.
    Pressure,
    /// A cgroup that is watched has reached its brake or its limit, or the kernel has killed in it.
    Cgroup,
}

/// A thread that waits for such.
#[derive(Debug)]
pub struct Alarms {
    shared: Arc<Shared>,
    /// What was asked for last. The thread never takes this lock.
    asked: Mutex<Vec<PathBuf>>,
    unarmed: Option<io::Error>,
}

#[derive(Debug)]
struct Shared {
    /// Ends the thread's wait.
    bell: EventFd,
    /// A set of cgroups that the thread has not taken yet. Locked to put it in or out, never longer.
    waiting: Mutex<Option<Vec<PathBuf>>>,
    /// A cgroup of the set has gone: under its path there may be another one.
    lost: AtomicBool,
    over: AtomicBool,
}

impl Alarms {
    /// Starts the thread, for the pressure of the tree at `proc`, and for cgroups of the tree at `cgroup`. It calls
    /// `wake`, and ends with this.
    ///
    /// # Errors
    /// Where the thread cannot be started. That there is no pressure to be told of is none: see [`Self::unarmed`].
    pub fn start(
        proc: &Path,
        cgroup: Option<&Path>,
        wake: impl Fn(Alarm) + Send + 'static,
    ) -> io::Result<Self> {
        let (trigger, unarmed) = match Trigger::arm(proc) {
            Ok(trigger) => (Some(trigger), None),
            Err(error) => (None, Some(error)),
        };
        let shared = Arc::new(Shared {
            bell: EventFd::new()?,
            waiting: Mutex::new(None),
            lost: AtomicBool::new(false),
            over: AtomicBool::new(false),
        });
        let cgroups = cgroup.and_then(Cgroups::open);
        let watch = Watch { shared: Arc::clone(&shared), trigger, cgroups, watched: Vec::new() };
        thread::Builder::new().name("alarm".to_owned()).spawn(move || watch.run(wake))?;
        Ok(Self { shared, asked: Mutex::default(), unarmed })
    }

    /// Why the kernel does not tell of pressure; `None` where it does.
    #[must_use]
    pub fn unarmed(&self) -> Option<&io::Error> {
        self.unarmed.as_ref()
    }

    /// From now on watches these cgroups, by their paths from the root of the tree, and no others. Waits for nobody:
    /// files are opened by the thread. The same set again costs a comparison.
    pub fn watch(&self, mut paths: Vec<PathBuf>) {
        paths.truncate(MOST);
        let mut asked = lock(&self.asked);
        if *asked == paths && !self.shared.lost.swap(false, Ordering::Relaxed) {
            return;
        }
        asked.clone_from(&paths);
        let before = lock(&self.shared.waiting).replace(paths);
        drop(before);
        self.shared.bell.ring();
    }
}

impl Drop for Alarms {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        self.shared.bell.ring();
    }
}

/// What the thread has.
struct Watch {
    shared: Arc<Shared>,
    trigger: Option<Trigger>,
    cgroups: Option<Cgroups>,
    watched: Vec<Events>,
}

impl Watch {
    fn run(mut self, wake: impl Fn(Alarm)) {
        while !self.shared.over.load(Ordering::Relaxed) {
            let waiting = lock(&self.shared.waiting).take();
            if let Some(paths) = waiting {
                self.change(paths);
            }
            // Interrupted, or short of memory: tried again after a pause.
            if let Ok(ready) = self.wait() {
                if self.has_pressure(ready.pressure) {
                    wake(Alarm::Pressure);
                }
                if self.has_events(&ready.cgroups) {
                    wake(Alarm::Cgroup);
                }
            }
            thread::sleep(PAUSE);
        }
    }

    /// Keeps what is watched already: its counts are from when it was last looked at.
    fn change(&mut self, paths: Vec<PathBuf>) {
        let mut before = std::mem::take(&mut self.watched);
        let cgroups = self.cgroups.as_ref();
        let watched = paths.into_iter().filter_map(|path| {
            match before.iter().position(|events| events.path() == path) {
                Some(at) => Some(before.swap_remove(at)),
                None => Events::open(cgroups?, path),
            }
        });
        self.watched = watched.collect();
    }

    fn wait(&self) -> io::Result<Ready> {
        let mut files = Vec::with_capacity(2 + self.watched.len());
        files.push(PollFd::new(&self.shared.bell, PollFlags::IN));
        files.extend(self.trigger.as_ref().map(|trigger| PollFd::new(trigger, PollFlags::PRI)));
        files.extend(self.watched.iter().map(|events| PollFd::new(events, PollFlags::PRI)));
        poll(&mut files, None)?;
        let mut ready = files.iter().map(PollFd::revents);
        if ready.next().is_some_and(|bell| !bell.is_empty()) {
            self.shared.bell.silence();
        }
        let pressure = self.trigger.as_ref().and_then(|_| ready.next()).unwrap_or(PollFlags::empty());
        Ok(Ready { pressure, cgroups: ready.collect() })
    }

    fn has_pressure(&mut self, ready: PollFlags) -> bool {
        if ready.intersects(PollFlags::ERR | PollFlags::NVAL) {
            self.trigger = None;
        }
        ready.contains(PollFlags::PRI) && self.trigger.as_mut().is_some_and(Trigger::counts)
    }

    /// kernfs says `POLLERR` with each event, also where the file is well (`kernfs_generic_poll` of `fs/kernfs/file.c`):
    /// only a read tells one that is gone.
    fn has_events(&mut self, ready: &[PollFlags]) -> bool {
        let mut happened = false;
        let mut ready = ready.iter();
        let before = self.watched.len();
        self.watched.retain_mut(|events| {
            if ready.next().is_none_or(PollFlags::is_empty) {
                return true;
            }
            let look = events.look();
            happened |= look == Some(true);
            look.is_some()
        });
        if self.watched.len() < before {
            self.shared.lost.store(true, Ordering::Relaxed);
        }
        happened
    }
}

/// What is ready after a wait.
struct Ready {
    pressure: PollFlags,
    /// In the order of those watched.
    cgroups: Vec<PollFlags>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
