//! Tells what the supervisor makes of one process. Never in the way of a tick: what is told rests on the last
//! snapshot, which is shared and not copied, and the process itself is read on a thread aside, with a time limit.

mod belonging;
pub(crate) mod build;
pub(crate) mod places;
pub(crate) mod reading;
mod signals;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::api::explanation::Explanation;
use crate::daemon::control_loop::active_config::Settings;
use crate::daemon::report::publisher::Published;
use crate::ipc::MethodError;
use crate::model::{Pid, Uid};

use places::Places;

/// How long a process is read. Longer than any `smaps_rollup` that is not held up, shorter than a client's patience.
const PATIENCE: Duration = Duration::from_secs(2);

/// Explains processes to those who ask over the socket.
#[derive(Debug)]
pub(crate) struct Explainer {
    settings: watch::Receiver<Arc<Settings>>,
    seen: watch::Receiver<Published>,
    places: Places,
}

impl Explainer {
    pub(crate) fn new(settings: watch::Receiver<Arc<Settings>>, seen: watch::Receiver<Published>) -> Self {
        Self { settings, seen, places: Places::default() }
    }

    /// What is made of `pid`, as `reader` may see it.
    pub(crate) async fn explain(&self, pid: Pid, reader: Uid) -> Result<Explanation, MethodError> {
        let place = self.places.take(reader).ok_or(MethodError::Busy {})?;
        // A clone, not the loan: whoever publishes waits until a loan is given back.
        let seen = self.seen.borrow().clone();
        let settings = Arc::clone(&self.settings.borrow());
        let reading = reading::read(&settings, pid, reader, seen.roots(), place).await?;
        // By now there may be a newer one, as new as the reading.
        let seen = self.seen.borrow().clone();
        Ok(build::explanation(&reading, &seen, &settings).seen_by(reader))
    }
}
