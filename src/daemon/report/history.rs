//! Records memory use, and reads the recorded history.

use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use tokio::sync::oneshot;
use tracing::Level;

use super::forecasts::ForecastTracker;
use super::journal::{Report, Reporter};
use super::state_dir;
use crate::api::history::HistoryInfo;
use crate::daemon::options::Options;
use crate::history::{self, History, HistoryOrigin, Notice};
use crate::ipc::MethodError;
use crate::linux::{clock, machine_id};
use crate::model::series::SeriesSample;
use crate::model::time::UnixSeconds;
use crate::model::{Boottime, Uid};

/// Time limit of the forecasts' wait for the recorded history; the loop itself never waits.
pub(crate) const SEED_TIMEOUT: Duration = Duration::from_secs(10);

/// Length of the history that seeds the forecasts, a little more than they can use.
const SEED_SECONDS: i64 = 9 * 3600;

/// Time limit of a reply: it is read from disk.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// Time limit of the last commit at shutdown.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// The recorder; `None` inside if its thread could not be started.
#[derive(Clone, Debug)]
pub(crate) struct HistoryRecorder(Option<History>);

impl HistoryRecorder {
    /// Starts the thread.
    pub(crate) fn start(options: &Options, uid: Uid, reporter: &Reporter) -> Self {
        let root = Path::new("/");
        let origin = HistoryOrigin { machine: machine_id::machine(root), boot: machine_id::boot(root) };
        let directory = state_dir::directory(options.state.clone(), uid);
        let notify = {
            let reporter = reporter.clone();
            move |notice: Notice| {
                let level = if notice.is_warning() { Level::WARN } else { Level::INFO };
                reporter.report(Report::Log(level, notice.to_string()));
            }
        };
        let history =
            History::start(directory, origin, history::MAX_DISK_SIZE, notify).inspect_err(|error| {
                reporter.report(Report::Log(Level::WARN, format!("cannot record history: {error}")));
            });
        Self(history.ok())
    }

    /// Reads the history from before this process started. It arrives later; `None` without a thread.
    pub(crate) fn read_past(&self) -> Option<Receiver<HistoryInfo>> {
        let (sender, reply) = sync_channel(1);
        let now = clock::wall();
        let since = UnixSeconds(now.0 - SEED_SECONDS);
        // The receiver may have timed out.
        let send = move |history| drop(sender.try_send(history));
        self.0.as_ref().filter(|history| history.read(since, now, send))?;
        Some(reply)
    }

    /// Records the figures of a sample; never blocks.
    pub(crate) fn record(&self, at: Boottime, forecasts: &ForecastTracker) {
        if let Some(history) = &self.0 {
            history.record(SeriesSample { at, time: clock::wall(), figures: forecasts.latest_values() });
        }
    }

    /// Reads the history of the last `since`.
    pub(crate) async fn last(&self, since: Duration) -> Result<HistoryInfo, MethodError> {
        let (sender, reply) = oneshot::channel();
        let now = clock::wall();
        let since = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
        let since = UnixSeconds(now.0.saturating_sub(since));
        let send = move |history| drop(sender.send(history));
        let is_queued = self.0.as_ref().is_some_and(|history| history.read(since, now, send));
        if !is_queued {
            return Err(MethodError::Busy {});
        }
        let reply = tokio::time::timeout(READ_TIMEOUT, reply).await;
        reply.ok().and_then(Result::ok).ok_or(MethodError::Busy {})
    }

    /// Writes pending data.
    pub(crate) fn close(&self) {
        if let Some(history) = &self.0 {
            history.close(CLOSE_TIMEOUT);
        }
    }
}
