//! The history thread: records samples, writes them, answers requests.

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
use super::recent::{MAX_CLOCK_STEP_BACK_SECONDS, RecentSamples};
use super::store::{PreviousContents, Store, StoreError};
use crate::api::history::{BreakInfo, BreakKind, HistoryInfo};
use crate::model::Bytes;
use crate::model::series::SeriesSample;
use crate::model::time::UnixSeconds;

/// Minimum time between two durable commits.
const COMMIT_INTERVAL: Duration = Duration::from_mins(1);

/// The same if only the machine is recorded: a commit costs some milliseconds of disk and processor time.
const COMMIT_INTERVAL_WITHOUT_AGENTS: Duration = Duration::from_mins(5);

/// Series without rows are removed once an hour.
const COMMITS_PER_SWEEP: u32 = 60;

/// No row expires by a clock that has not been stable for an hour, in commits.
const MIN_STABLE_COMMITS: u32 = 60;

/// Tolerance for rows slightly later than the last sample of an earlier run: the clock was not set back.
const CLOCK_TOLERANCE_SECONDS: i64 = 60;

/// A longer silence between two runs is a gap.
const MIN_RESTART_GAP_SECONDS: i64 = 600;

/// Maximum number of breaks kept in memory without a disk.
const MAX_BREAKS_IN_MEMORY: usize = 100;

/// A request to the thread.
pub(super) enum HistoryRequest {
    /// The history since then, until now.
    Read(UnixSeconds, UnixSeconds, Box<dyn FnOnce(HistoryInfo) + Send>),
    /// Write pending data and exit.
    Close(SyncSender<()>),
}

/// Where the history is stored, and for which boot.
#[derive(Clone, Debug)]
pub(super) struct StoreLocation {
    pub(super) directory: Option<PathBuf>,
    pub(super) machine: String,
    pub(super) boot: String,
    pub(super) cap: Bytes,
}

pub(super) struct Worker<T> {
    pub(super) location: StoreLocation,
    pub(super) samples: Receiver<SeriesSample>,
    pub(super) requests: Receiver<HistoryRequest>,
    pub(super) dropped: Arc<AtomicU64>,
    pub(super) notify: T,
    pub(super) state: WorkerState,
}

#[derive(Default)]
pub(super) struct WorkerState {
    recent: RecentSamples,
    store: Option<Store>,
    /// Contents of the store when it was opened, until the first sample.
    before: Option<PreviousContents>,
    /// Not on disk yet; and whether the clock was set back there.
    breaks: Vec<(BreakInfo, bool)>,
    /// Time of the last sample.
    now: i64,
    failing: bool,
    writes: u32,
    /// Number of writes since the clock became stable.
    stable_commits: u32,
}

impl<T: FnMut(Notice)> Worker<T> {
    /// Runs until it is closed, or all requesters are gone.
    pub(super) fn run(mut self) {
        let served = catch_unwind(AssertUnwindSafe(|| self.serve()));
        if served.is_err() {
            (self.notify)(Notice::Stopped);
        }
    }

    fn serve(&mut self) {
        self.open();
        let mut due = Instant::now() + COMMIT_INTERVAL;
        loop {
            match self.requests.recv_timeout(due.saturating_duration_since(Instant::now())) {
                Ok(HistoryRequest::Read(since, now, answer)) => {
                    self.receive_samples();
                    answer(self.read(since, now));
                    // Continuous requests must not prevent writing.
                    if Instant::now() >= due {
                        self.write();
                        due = Instant::now() + self.commit_interval();
                    }
                }
                Ok(HistoryRequest::Close(done)) => {
                    self.receive_samples();
                    self.write();
                    // The waiting caller may open the file now.
                    self.close_store();
                    // The requester may have left.
                    let _ = done.try_send(());
                    return;
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.receive_samples();
                    self.write();
                    due = Instant::now() + self.commit_interval();
                }
                Err(RecvTimeoutError::Disconnected) => {
                    self.receive_samples();
                    self.write();
                    return;
                }
            }
        }
    }

    /// Time until the next commit. Without an agent, the machine alone is not worth one a minute.
    fn commit_interval(&self) -> Duration {
        let is_alone = self.state.recent.series().nth(1).is_none();
        if is_alone && !self.state.failing { COMMIT_INTERVAL_WITHOUT_AGENTS } else { COMMIT_INTERVAL }
    }

    fn receive_samples(&mut self) {
        while let Ok(sample) = self.samples.try_recv() {
            self.state.now = sample.time.0;
            self.record_startup_break();
            if let Some(broken) = self.state.recent.record(&sample) {
                if broken.kind == BreakKind::Clock {
                    self.state.stable_commits = 0;
                    (self.notify)(Notice::ClockJumped);
                }
                let time = UnixSeconds(broken.time);
                let info = BreakInfo { time, kind: broken.kind, seconds: broken.seconds };
                self.state.breaks.push((info, broken.back));
            }
        }
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            (self.notify)(Notice::SamplesDropped(dropped));
        }
    }

    /// The break between the end of the stored history and the first sample of this run.
    fn record_startup_break(&mut self) {
        let Some((boot, last)) = self.state.before.take().and_then(|before| before.last) else { return };
        let now = self.state.now;
        let (passed, time) = (now.saturating_sub(last), UnixSeconds(now));
        let seconds = u64::try_from(passed).ok();
        let (kind, back) = if passed < -CLOCK_TOLERANCE_SECONDS {
            (BreakKind::Clock, passed >= -MAX_CLOCK_STEP_BACK_SECONDS)
        } else if boot != self.location.boot {
            (BreakKind::Boot, false)
        } else if passed > MIN_RESTART_GAP_SECONDS {
            (BreakKind::Gap, false)
        } else {
            return;
        };
        self.state
            .breaks
            .push((BreakInfo { time, kind, seconds: seconds.filter(|_| kind != BreakKind::Clock) }, back));
    }

    fn path(&self) -> Option<PathBuf> {
        Some(self.location.directory.as_ref()?.join("history.redb"))
    }

    fn open(&mut self) {
        let Some(path) = self.path() else { return };
        // A file moved aside makes room for a new one, once.
        for _ in 0..2 {
            match self.try_open(&path) {
                Ok((store, PreviousContents { foreign: false, last })) => {
                    let first = self.state.now == 0;
                    self.state.before = Some(PreviousContents { foreign: false, last }).filter(|_| first);
                    self.state.store = Some(store);
                    return;
                }
                Ok((store, _)) => {
                    self.state.store = Some(store);
                    self.close_store();
                    let to = self.move_aside("other");
                    let moved = to.is_some();
                    // If it cannot be moved now, it will not be in a minute: report it once.
                    if moved || !std::mem::replace(&mut self.state.failing, true) {
                        (self.notify)(Notice::AnotherMachine { to });
                    }
                    if !moved {
                        return;
                    }
                }
                Err(error) => {
                    if !self.abandon_store(&error) {
                        return;
                    }
                }
            }
        }
    }

    fn try_open(&self, path: &std::path::Path) -> Result<(Store, PreviousContents), StoreError> {
        let StoreLocation { directory, machine, boot, cap } = &self.location;
        if let Some(directory) = directory {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(directory)
                .map_err(|error| StoreError::Disk(error.to_string()))?;
        }
        catch_panics(|| Store::open(path, machine, boot, *cap))
    }

    /// Continues without the store. Returns whether a new one may be tried at once.
    fn abandon_store(&mut self, error: &StoreError) -> bool {
        let path = self.path().unwrap_or_default();
        // Release the lock before the name.
        self.close_store();
        let (why, suffix) = match error {
            StoreError::Broken(_) => (error.to_string(), "corrupt"),
            StoreError::Newer(_) => (error.to_string(), "newer"),
            StoreError::Disk(_) | StoreError::InUse(_) => {
                if !std::mem::replace(&mut self.state.failing, true) {
                    (self.notify)(Notice::Unwritable { path, why: error.to_string() });
                }
                return false;
            }
        };
        let to = self.move_aside(suffix);
        let moved = to.is_some();
        // If it cannot be moved now, it will be as corrupt in a minute: report it once.
        if moved || !std::mem::replace(&mut self.state.failing, true) {
            (self.notify)(Notice::MovedAside { to, why });
        }
        moved
    }

    /// Keeps one notice of each kind.
    fn move_aside(&self, suffix: &str) -> Option<PathBuf> {
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
        let WorkerState { recent, store, breaks, now, writes, stable_commits, .. } = &mut self.state;
        let Some(store) = store.as_mut().filter(|_| *now != 0) else {
            self.forget_breaks();
            return;
        };
        *writes += 1;
        *stable_commits += 1;
        // A clock that is wrong for a moment would expire a month.
        let ages = *stable_commits >= MIN_STABLE_COMMITS;
        let sweeps = writes.is_multiple_of(COMMITS_PER_SWEEP);
        let result = catch_panics(|| {
            store.write(recent, breaks, *now, ages)?;
            if sweeps { store.sweep() } else { Ok(()) }
        });
        match result {
            Ok(()) => {
                recent.mark_written();
                breaks.clear();
                if let Some(path) = self.path().filter(|_| std::mem::take(&mut self.state.failing)) {
                    (self.notify)(Notice::Written(path));
                }
            }
            Err(error) => {
                self.abandon_store(&error);
                self.forget_breaks();
            }
        }
    }

    /// Closing a file that contradicts itself may panic, like reading it.
    fn close_store(&mut self) {
        let store = self.state.store.take();
        let _ = catch_panics(|| {
            drop(store);
            Ok(())
        });
    }

    fn forget_breaks(&mut self) {
        let many = self.state.breaks.len().saturating_sub(MAX_BREAKS_IN_MEMORY);
        self.state.breaks.drain(..many);
    }

    fn read(&mut self, since: UnixSeconds, now: UnixSeconds) -> HistoryInfo {
        let WorkerState { recent, store, breaks, .. } = &self.state;
        let breaks: Vec<BreakInfo> = breaks.iter().map(|(info, _)| *info).collect();
        let boot = self.location.boot.clone();
        match catch_panics(|| read(store.as_ref(), recent, &breaks, &boot, since.0, now.0)) {
            Ok(reply) => reply,
            Err(error) => {
                self.abandon_store(&error);
                // From memory instead.
                read(None, &self.state.recent, &breaks, &boot, since.0, now.0).unwrap_or_default()
            }
        }
    }
}

/// A file that was tampered with may make redb panic: that is a corrupt file, and must not end the daemon.
fn catch_panics<R>(work: impl FnOnce() -> Result<R, StoreError>) -> Result<R, StoreError> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(StoreError::Broken("its pages contradict one another".to_owned())))
}
