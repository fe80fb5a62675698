//! Memory history of one month: the samples of the last ten minutes in memory, spans of a minute, ten minutes and an hour
//! on disk. One thread owns all of it; only readers wait for it.
//!
//! Retention and size: docs/history.md.

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
use thread::{HistoryRequest, StoreLocation, Worker, WorkerState};

/// Maximum size on disk.
pub const MAX_DISK_SIZE: Bytes = Bytes::mib(32);

/// Name of its thread: if a corrupt file makes the store panic, only this thread is affected.
pub const THREAD_NAME: &str = "history";

/// Samples waiting to be recorded: a minute of them, ten minutes if the disk is slow.
const SAMPLE_QUEUE_CAPACITY: usize = 600;

/// Requests waiting for an answer.
const MAX_PENDING_REQUESTS: usize = 16;

/// Identifies the recording machine and boot.
#[derive(Clone, Debug)]
pub struct HistoryOrigin {
    /// The machine id; a clone has another one than its image.
    pub machine: String,
    /// The boot id.
    pub boot: String,
}

/// The history. Its thread records the samples once a minute, and before each answer.
#[derive(Clone, Debug)]
pub struct History {
    samples: SyncSender<SeriesSample>,
    requests: SyncSender<HistoryRequest>,
    dropped: Arc<AtomicU64>,
}

impl History {
    /// Starts it with its file in `directory`; `None`: in memory only, three hours. On disk it uses at most `cap`. Its thread
    /// calls `notify`.
    ///
    /// # Errors
    /// If the thread cannot be started. Problems with the file are reported as notices.
    pub fn start(
        directory: Option<PathBuf>,
        origin: HistoryOrigin,
        cap: Bytes,
        notify: impl FnMut(Notice) + Send + 'static,
    ) -> io::Result<Self> {
        let ((samples, sample_receiver), (requests, request_receiver)) =
            (sync_channel(SAMPLE_QUEUE_CAPACITY), sync_channel(MAX_PENDING_REQUESTS));
        let dropped = Arc::new(AtomicU64::new(0));
        let HistoryOrigin { machine, boot } = origin;
        let worker = Worker {
            location: StoreLocation { directory, machine, boot, cap },
            samples: sample_receiver,
            requests: request_receiver,
            dropped: Arc::clone(&dropped),
            notify,
            state: WorkerState::default(),
        };
        threads::Builder::new().name(THREAD_NAME.to_owned()).spawn(move || worker.run())?;
        Ok(Self { samples, requests, dropped })
    }

    /// Records a sample without waiting or waking a thread. Samples beyond the capacity are dropped with a notice.
    pub fn record(&self, sample: SeriesSample) {
        if self.samples.try_send(sample).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Requests the history from `since` until `now`; the thread calls `answer`. `false`: too many requests.
    pub fn read(
        &self,
        since: UnixSeconds,
        now: UnixSeconds,
        answer: impl FnOnce(HistoryInfo) + Send + 'static,
    ) -> bool {
        self.requests.try_send(HistoryRequest::Read(since, now, Box::new(answer))).is_ok()
    }

    /// Writes it a last time, waiting at most this long.
    pub fn close(&self, within: Duration) {
        let (done, closed) = sync_channel(1);
        if self.requests.try_send(HistoryRequest::Close(done)).is_ok() {
            let _ = closed.recv_timeout(within);
        }
    }
}
