//! What was seen of memory, for a month: looks of the last ten minutes in memory, spans of a minute, ten minutes and an
//! hour on disk. One thread has it all; nobody waits for it who does not ask.
//!
//! What is kept, and what it takes: docs/history.md.

mod cell;
mod notice;
mod reading;
mod recent;
mod store;
mod stored;
mod thread;
mod tier;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;
use std::{io, thread as threads};

use crate::api::history::HistoryInfo;
use crate::model::Bytes;
use crate::model::series::SeriesSample;
use crate::model::time::UnixSeconds;
pub use notice::Notice;
use thread::{Ask, Place, State, Worker};

/// What the record may take on disk.
pub const CAP: Bytes = Bytes::mib(32);

/// The name of its thread: where a broken file makes the store panic, only this one is concerned.
pub const THREAD: &str = "history";

/// Looks that wait to be taken in: a minute of them, ten where the disk is slow.
const WAITING: usize = 600;

/// Questions that wait.
const ASKED: usize = 16;

/// Who records.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Which machine; a clone is another one than its image.
    pub machine: String,
    /// Which boot of it.
    pub boot: String,
}

/// The record. What it is given is taken in by its thread once a minute, and when somebody asks.
#[derive(Clone, Debug)]
pub struct History {
    figures: SyncSender<SeriesSample>,
    asks: SyncSender<Ask>,
    dropped: Arc<AtomicU64>,
}

impl History {
    /// Starts it, with its file in `directory`; `None`: in memory only, three hours of it. On disk it takes no more than
    /// `cap`. `tell` is called by its thread.
    ///
    /// # Errors
    /// Where the thread cannot be started. Whatever is wrong with the file is told, and is no error.
    pub fn start(
        directory: Option<PathBuf>,
        origin: Origin,
        cap: Bytes,
        tell: impl FnMut(Notice) + Send + 'static,
    ) -> io::Result<Self> {
        let ((figures, taken), (asks, asked)) = (sync_channel(WAITING), sync_channel(ASKED));
        let dropped = Arc::new(AtomicU64::new(0));
        let Origin { machine, boot } = origin;
        let worker = Worker {
            place: Place { directory, machine, boot, cap },
            figures: taken,
            asks: asked,
            dropped: Arc::clone(&dropped),
            tell,
            state: State::default(),
        };
        threads::Builder::new().name(THREAD.to_owned()).spawn(move || worker.run())?;
        Ok(Self { figures, asks, dropped })
    }

    /// Records a look. Waits for nobody and wakes nobody; what does not fit is left out, and told of.
    pub fn record(&self, figures: SeriesSample) {
        if self.figures.try_send(figures).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Asks for what was recorded from `since` until `now`; `answer` is called by the thread. `false`: too many ask.
    pub fn read(
        &self,
        since: UnixSeconds,
        now: UnixSeconds,
        answer: impl FnOnce(HistoryInfo) + Send + 'static,
    ) -> bool {
        self.asks.try_send(Ask::Read(since, now, Box::new(answer))).is_ok()
    }

    /// Has it written a last time, for which it is waited so long at the most.
    pub fn close(&self, within: Duration) {
        let (done, closed) = sync_channel(1);
        if self.asks.try_send(Ask::Close(done)).is_ok() {
            let _ = closed.recv_timeout(within);
        }
    }
}
