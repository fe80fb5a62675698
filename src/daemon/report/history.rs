//! The record of memory, as the supervisor keeps and asks it.

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
use crate::history::{self, History, Notice, Origin};
use crate::ipc::MethodError;
use crate::linux::{clock, machine_id};
use crate::model::series::SeriesSample;
use crate::model::time::UnixSeconds;
use crate::model::{Boottime, Uid};

/// How long a forecast waits for what was recorded before; the loop never does.
pub(crate) const RECALL: Duration = Duration::from_secs(10);

/// As far as a forecast looks back, and a little.
const LOOKS_BACK: i64 = 9 * 3600;

/// How long an answer may take: the disk is asked for it.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long the last commit may take when we leave.
const LAST: Duration = Duration::from_secs(2);

/// The record; `None` inside where its thread could not be started.
#[derive(Clone, Debug)]
pub(crate) struct Record(Option<History>);

impl Record {
    /// Starts it.
    pub(crate) fn start(options: &Options, uid: Uid, reporter: &Reporter) -> Self {
        let root = Path::new("/");
        let origin = Origin { machine: machine_id::machine(root), boot: machine_id::boot(root) };
        let directory = state_dir::directory(options.state.clone(), uid);
        let tell = {
            let reporter = reporter.clone();
            move |notice: Notice| {
                let level = if notice.is_warning() { Level::WARN } else { Level::INFO };
                reporter.tell(Report::Log(level, notice.to_string()));
            }
        };
        let history = History::start(directory, origin, history::CAP, tell).inspect_err(|error| {
            reporter.tell(Report::Log(Level::WARN, format!("nothing is recorded: {error}")));
        });
        Self(history.ok())
    }

    /// Where what was recorded before we came will be.
    pub(crate) fn before(&self) -> Option<Receiver<HistoryInfo>> {
        let (sender, answer) = sync_channel(1);
        let now = clock::wall();
        let since = UnixSeconds(now.0 - LOOKS_BACK);
        // Whoever waits may have gone on.
        let answered = move |told| drop(sender.try_send(told));
        self.0.as_ref().filter(|history| history.read(since, now, answered))?;
        Some(answer)
    }

    /// Records a look. Waits for nobody.
    pub(crate) fn look(&self, at: Boottime, foresight: &ForecastTracker) {
        if let Some(history) = &self.0 {
            history.record(SeriesSample { at, time: clock::wall(), figures: foresight.figures() });
        }
    }

    /// What was recorded in so long a time until now.
    pub(crate) async fn last(&self, since: Duration) -> Result<HistoryInfo, MethodError> {
        let (sender, answer) = oneshot::channel();
        let now = clock::wall();
        let since = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
        let since = UnixSeconds(now.0.saturating_sub(since));
        let answered = move |told| drop(sender.send(told));
        let asked = self.0.as_ref().is_some_and(|history| history.read(since, now, answered));
        if !asked {
            return Err(MethodError::Busy {});
        }
        let answer = tokio::time::timeout(PATIENCE, answer).await;
        answer.ok().and_then(Result::ok).ok_or(MethodError::Busy {})
    }

    /// Writes what is not written yet.
    pub(crate) fn close(&self) {
        if let Some(history) = &self.0 {
            history.close(LAST);
        }
    }
}
