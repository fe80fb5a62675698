//! Tells what the supervisor makes of one process. Never in the way of a tick: what is told rests on the last
//! snapshot, which is shared and not copied, and the process itself is read on a thread aside, with a time limit.

mod belonging;
pub(crate) mod build;
pub(crate) mod places;
pub(crate) mod reading;
mod signals;
mod told;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::api::explanation::Explanation;
use crate::api::status::StatusInfo;
use crate::config::{Config, EffectiveThresholds};
use crate::ipc::Fault;
use crate::model::{Pid, ProcessKey, Snapshot, Uid};
use crate::rules::Rules;

use places::Places;

/// How long a process is read. Longer than any `smaps_rollup` that is not held up, shorter than a client's patience.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the last tick saw, and what was made of it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// When that was.
    pub(crate) at: Instant,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) status: Arc<StatusInfo>,
}

impl Seen {
    pub(crate) fn roots(&self) -> Vec<ProcessKey> {
        self.snapshot.agents.iter().map(|agent| agent.agent.root).collect()
    }
}

/// What does not change from tick to tick.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Where `/proc` is.
    pub(crate) proc: PathBuf,
    /// Where cgroups are.
    pub(crate) cgroup: PathBuf,
    pub(crate) config: Config,
    pub(crate) rules: Arc<Rules>,
    pub(crate) thresholds: EffectiveThresholds,
    /// Only this user's agents are supervised; `None`: everybody's.
    pub(crate) only: Option<Uid>,
    /// The supervisor itself; `None` where there is none.
    pub(crate) supervisor: Option<Pid>,
}

/// Explains processes to those who ask over the socket.
#[derive(Debug)]
pub(crate) struct Explainer {
    settings: watch::Receiver<Arc<Settings>>,
    seen: watch::Receiver<Seen>,
    places: Places,
}

impl Explainer {
    pub(crate) fn new(settings: watch::Receiver<Arc<Settings>>, seen: watch::Receiver<Seen>) -> Self {
        Self { settings, seen, places: Places::default() }
    }

    /// What is made of `pid`, as `reader` may see it.
    pub(crate) async fn explain(&self, pid: Pid, reader: Uid) -> Result<Explanation, Fault> {
        let place = self.places.take(reader).ok_or(Fault::Busy {})?;
        // A clone, not the loan: whoever publishes waits until a loan is given back.
        let seen = self.seen.borrow().clone();
        let settings = Arc::clone(&self.settings.borrow());
        let reading = reading::read(&settings, pid, reader, seen.roots(), place).await?;
        // By now there may be a newer one, as new as the reading.
        let seen = self.seen.borrow().clone();
        Ok(build::explanation(&reading, &seen, &settings).seen_by(reader))
    }
}
