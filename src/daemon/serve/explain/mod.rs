//! Explains why a process does or does not belong to an agent. It never delays a tick: it uses the published snapshot, which
//! is shared and not copied, and reads the process itself on a thread of its own, with a timeout.

mod belonging;
pub(crate) mod build;
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
use crate::quota::{EXPLANATIONS, Quota};

/// Timeout for reading a process. Longer than any undisturbed `smaps_rollup`, shorter than a client's own timeout.
const READ_TIMEOUT: Duration = Duration::from_secs(2);

/// Explains processes to the socket's clients.
#[derive(Debug)]
pub(crate) struct Explainer {
    settings: watch::Receiver<Arc<Settings>>,
    published: watch::Receiver<Published>,
    quota: Quota,
}

impl Explainer {
    pub(crate) fn new(
        settings: watch::Receiver<Arc<Settings>>,
        published: watch::Receiver<Published>,
    ) -> Self {
        Self { settings, published, quota: Quota::new(EXPLANATIONS) }
    }

    /// Explains `pid`, as `reader` may see it.
    pub(crate) async fn explain(&self, pid: Pid, reader: Uid) -> Result<Explanation, MethodError> {
        let permit = self.quota.try_acquire(reader).ok_or(MethodError::Busy {})?;
        // Clone and drop the guard: holding it would block the publisher's `send`.
        let published = self.published.borrow().clone();
        let settings = Arc::clone(&self.settings.borrow());
        let reading = reading::read(&settings, pid, reader, published.roots(), permit).await?;
        // Again: a snapshot that is as new as the reading may have been published meanwhile.
        let published = self.published.borrow().clone();
        Ok(build::explanation(&reading, &published, &settings).seen_by(reader))
    }
}
