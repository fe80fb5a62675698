//! The thread that has it all: takes figures in, writes them down, answers.

use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use super::notice::Notice;
use super::reading::read;
use super::recent::{FURTHEST_BACK, Recent};
use super::store::{Before, Store, StoreError};
use crate::api::history::{BreakInfo, BreakKind, HistoryInfo};
use crate::model::Bytes;
use crate::model::series::SeriesSample;
use crate::model::time::UnixSeconds;

/// At most one durable commit in so long a time.
const EVERY: Duration = Duration::from_mins(1);

/// The same where only the guest is recorded: a commit costs the disk and the processor some milliseconds.
const ALONE: Duration = Duration::from_mins(5);

/// Series of which nothing is left are forgotten once an hour.
const SWEEP: u32 = 60;

/// Nothing is too old by a clock that has not stood for an hour.
const STEADY: u32 = 60;

/// What is recorded a few seconds before the last look of an earlier run is no clock that was set back.
const LEEWAY: i64 = 60;

/// A longer silence between two runs is a gap.
const GAP: i64 = 600;

/// Breaks that are kept in memory, where there is no disk.
const BREAKS: usize = 100;

/// What is asked of the thread.
pub(super) enum Ask {
    /// What was recorded since then; by now.
    Read(UnixSeconds, UnixSeconds, Box<dyn FnOnce(HistoryInfo) + Send>),
    /// Write what there is, and end.
    Close(SyncSender<()>),
}

/// Where and as whom it records.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) directory: Option<PathBuf>,
    pub(super) machine: String,
    pub(super) boot: String,
    pub(super) cap: Bytes,
}

pub(super) struct Worker<T> {
    pub(super) place: Place,
    pub(super) figures: Receiver<SeriesSample>,
    pub(super) asks: Receiver<Ask>,
    pub(super) dropped: Arc<AtomicU64>,
    pub(super) tell: T,
    pub(super) state: State,
}

#[derive(Default)]
pub(super) struct State {
    recent: Recent,
    store: Option<Store>,
    /// What the store said when it was opened, until the first look.
    before: Option<Before>,
    /// Not on disk yet; whether the clock was set back there.
    breaks: Vec<(BreakInfo, bool)>,
    /// When the last look was.
    now: i64,
    failing: bool,
    writes: u32,
    /// So many of them since the clock has stood.
    steady: u32,
}

impl<T: FnMut(Notice)> Worker<T> {
    /// Until it is closed, or nobody can ask any more.
    pub(super) fn run(mut self) {
        let served = catch_unwind(AssertUnwindSafe(|| self.serve()));
        if served.is_err() {
            (self.tell)(Notice::Stopped);
        }
    }

    fn serve(&mut self) {
        self.open();
        let mut due = Instant::now() + EVERY;
        loop {
            match self.asks.recv_timeout(due.saturating_duration_since(Instant::now())) {
                Ok(Ask::Read(since, now, answer)) => {
                    self.take_in();
                    answer(self.read(since, now));
                    // Whoever asks and asks does not keep it from being written.
                    if Instant::now() >= due {
                        self.write();
                        due = Instant::now() + self.pause();
                    }
                }
                Ok(Ask::Close(done)) => {
                    self.take_in();
                    self.write();
                    // Whoever waits for this may open it.
                    self.shut();
                    // Whoever asked may have left.
                    let _ = done.try_send(());
                    return;
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.take_in();
                    self.write();
                    due = Instant::now() + self.pause();
                }
                Err(RecvTimeoutError::Disconnected) => {
                    self.take_in();
                    self.write();
                    return;
                }
            }
        }
    }

    /// Until the next commit. Where there is no agent, the guest alone is not worth one a minute.
    fn pause(&self) -> Duration {
        let is_alone = self.state.recent.series().nth(1).is_none();
        if is_alone && !self.state.failing { ALONE } else { EVERY }
    }

    fn take_in(&mut self) {
        while let Ok(figures) = self.figures.try_recv() {
            self.state.now = figures.time.0;
            self.since_before();
            if let Some(broken) = self.state.recent.take(&figures) {
                if broken.kind == BreakKind::Clock {
                    self.state.steady = 0;
                    (self.tell)(Notice::ClockJumped);
                }
                let time = UnixSeconds(broken.time);
                let info = BreakInfo { time, kind: broken.kind, seconds: broken.seconds };
                self.state.breaks.push((info, broken.back));
            }
        }
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            (self.tell)(Notice::LeftOut(dropped));
        }
    }

    /// What lies between the end of the record and the first look of this run.
    fn since_before(&mut self) {
        let Some((boot, last)) = self.state.before.take().and_then(|before| before.last) else { return };
        let now = self.state.now;
        let (passed, time) = (now.saturating_sub(last), UnixSeconds(now));
        let seconds = u64::try_from(passed).ok();
        let (kind, back) = if passed < -LEEWAY {
            (BreakKind::Clock, passed >= -FURTHEST_BACK)
        } else if boot != self.place.boot {
            (BreakKind::Boot, false)
        } else if passed > GAP {
            (BreakKind::Gap, false)
        } else {
            return;
        };
        self.state
            .breaks
            .push((BreakInfo { time, kind, seconds: seconds.filter(|_| kind != BreakKind::Clock) }, back));
    }

    fn path(&self) -> Option<PathBuf> {
        Some(self.place.directory.as_ref()?.join("history.redb"))
    }

    fn open(&mut self) {
        let Some(path) = self.path() else { return };
        // A file that is set aside makes room for a new one, once.
        for _ in 0..2 {
            match self.try_open(&path) {
                Ok((store, Before { foreign: false, last })) => {
                    let first = self.state.now == 0;
                    self.state.before = Some(Before { foreign: false, last }).filter(|_| first);
                    self.state.store = Some(store);
                    return;
                }
                Ok((store, _)) => {
                    self.state.store = Some(store);
                    self.shut();
                    let to = self.set_aside("other");
                    let moved = to.is_some();
                    // Where it cannot be moved it is another machine's in a minute, too: that is told once.
                    if moved || !std::mem::replace(&mut self.state.failing, true) {
                        (self.tell)(Notice::AnotherMachine { to });
                    }
                    if !moved {
                        return;
                    }
                }
                Err(error) => {
                    if !self.give_up(&error) {
                        return;
                    }
                }
            }
        }
    }

    fn try_open(&self, path: &std::path::Path) -> Result<(Store, Before), StoreError> {
        let Place { directory, machine, boot, cap } = &self.place;
        if let Some(directory) = directory {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(directory)
                .map_err(|error| StoreError::Disk(error.to_string()))?;
        }
        guarded(|| Store::open(path, machine, boot, *cap))
    }

    /// Goes on without the store; whether a new one may be tried at once.
    fn give_up(&mut self, error: &StoreError) -> bool {
        let path = self.path().unwrap_or_default();
        // Its lock goes before its name does.
        self.shut();
        let (why, suffix) = match error {
            StoreError::Broken(_) => (error.to_string(), "corrupt"),
            StoreError::Newer(_) => (error.to_string(), "newer"),
            StoreError::Disk(_) | StoreError::InUse(_) => {
                if !std::mem::replace(&mut self.state.failing, true) {
                    (self.tell)(Notice::NotWritten { path, why: error.to_string() });
                }
                return false;
            }
        };
        let to = self.set_aside(suffix);
        let moved = to.is_some();
        // Where it cannot be moved it will be as broken in a minute: that is told once.
        if moved || !std::mem::replace(&mut self.state.failing, true) {
            (self.tell)(Notice::SetAside { to, why });
        }
        moved
    }

    /// One is kept of each kind.
    fn set_aside(&self, suffix: &str) -> Option<PathBuf> {
        let path = self.path()?;
        let to = path.with_extension(format!("redb.{suffix}"));
        match fs::rename(&path, &to) {
            Ok(()) => Some(to),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(_) => None,
        }
    }

    fn write(&mut self) {
        if self.state.store.is_none() {
            self.open();
        }
        let State { recent, store, breaks, now, writes, steady, .. } = &mut self.state;
        let Some(store) = store.as_mut().filter(|_| *now != 0) else {
            self.forget_breaks();
            return;
        };
        *writes += 1;
        *steady += 1;
        // By a clock that was wrong for a moment a month would be too old.
        let ages = *steady >= STEADY;
        let sweeps = writes.is_multiple_of(SWEEP);
        let result = guarded(|| {
            store.write(recent, breaks, *now, ages)?;
            if sweeps { store.sweep() } else { Ok(()) }
        });
        match result {
            Ok(()) => {
                recent.flushed();
                breaks.clear();
                if let Some(path) = self.path().filter(|_| std::mem::take(&mut self.state.failing)) {
                    (self.tell)(Notice::Written(path));
                }
            }
            Err(error) => {
                self.give_up(&error);
                self.forget_breaks();
            }
        }
    }

    /// Closing a file that contradicts itself may panic as reading it may.
    fn shut(&mut self) {
        let store = self.state.store.take();
        let _ = guarded(|| {
            drop(store);
            Ok(())
        });
    }

    fn forget_breaks(&mut self) {
        let many = self.state.breaks.len().saturating_sub(BREAKS);
        self.state.breaks.drain(..many);
    }

    fn read(&mut self, since: UnixSeconds, now: UnixSeconds) -> HistoryInfo {
        let State { recent, store, breaks, .. } = &self.state;
        let breaks: Vec<BreakInfo> = breaks.iter().map(|(info, _)| *info).collect();
        let boot = self.place.boot.clone();
        match guarded(|| read(store.as_ref(), recent, &breaks, &boot, since.0, now.0)) {
            Ok(told) => told,
            Err(error) => {
                self.give_up(&error);
                // From memory, then.
                read(None, &self.state.recent, &breaks, &boot, since.0, now.0).unwrap_or_default()
            }
        }
    }
}

/// A file that was tampered with may make redb panic; that is a broken file and not the end of us.
fn guarded<R>(work: impl FnOnce() -> Result<R, StoreError>) -> Result<R, StoreError> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(StoreError::Broken("its pages contradict one another".to_owned())))
}
