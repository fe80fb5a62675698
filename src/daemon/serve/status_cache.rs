//! Bounds the age of figures that clients get. Samples are rare while memory is plentiful, so a request may trigger one.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use crate::daemon::control_loop::waker::Waker;
use crate::daemon::report::publisher::Published;

/// A person does not notice this age, and clients that poll faster trigger no further samples.
pub(crate) const STATUS_MAX_AGE: Duration = Duration::from_secs(1);

/// Shorter than [`STATUS_MAX_AGE`]: the process in question may have been started just now.
pub(crate) const EXPLANATION_MAX_AGE: Duration = MIN_REFRESH_INTERVAL;

/// Minimum interval between samples that clients trigger.
pub(crate) const MIN_REFRESH_INTERVAL: Duration = Duration::from_millis(250);

/// Maximum time that a client waits for newer figures. A sample takes milliseconds; if it takes longer, the machine is under
/// pressure, and old figures are better than none.
const REFRESH_TIMEOUT: Duration = Duration::from_millis(200);

/// The figures published last, refreshed on demand.
#[derive(Debug)]
pub(crate) struct StatusCache {
    published: watch::Receiver<Published>,
    waker: Arc<Waker>,
}

impl StatusCache {
    pub(crate) fn new(published: watch::Receiver<Published>, waker: Arc<Waker>) -> Self {
        Self { published, waker }
    }

    /// Triggers a sample if the published figures are older than `max_age`, and waits for it, at most for `max_wait`.
    pub(crate) async fn refresh_if_older_than(&self, max_age: Duration, max_wait: Option<Duration>) {
        let mut published = self.published.clone();
        if published.borrow_and_update().at.elapsed() <= max_age {
            return;
        }
        self.waker.request_sample();
        let wait = max_wait.map_or(REFRESH_TIMEOUT, |max_wait| max_wait.min(REFRESH_TIMEOUT));
        let _ = timeout(wait, published.changed()).await;
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Instant;

    use super::*;
    use crate::model::Snapshot;

    fn published(at: Instant) -> Published {
        let status = serde_json::from_value(serde_json::json!({
            "version": 1, "verdict": "ok", "agents": [],
            "guest": { "mem_total": 1, "mem_available": 1, "swap_total": 0, "swap_free": 0 },
        }));
        Published { at, snapshot: Arc::new(Snapshot::default()), status: Arc::new(status.unwrap()) }
    }

    fn block_on<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(work)
    }

    /// Published figures of `age`, and the cache over them.
    fn world(age: Duration) -> (watch::Sender<Published>, StatusCache, Arc<Waker>) {
        let sampled_at = Instant::now().checked_sub(age).unwrap();
        let (sender, waker) = (watch::Sender::new(published(sampled_at)), Arc::new(Waker::new().unwrap()));
        let cache = StatusCache::new(sender.subscribe(), Arc::clone(&waker));
        (sender, cache, waker)
    }

    #[test]
    fn fresh_figures_trigger_no_sample() {
        block_on(async {
            let (_sender, cache, waker) = world(Duration::ZERO);
            cache.refresh_if_older_than(Duration::from_mins(1), None).await;
            assert!(!waker.is_sample_requested());
        });
    }

    #[test]
    fn old_figures_trigger_a_sample_and_wait_for_it() {
        block_on(async {
            let (sender, cache, waker) = world(Duration::from_secs(5));
            let control_loop = thread::spawn(move || {
                waker.wait_until(Instant::now() + Duration::from_mins(1));
                assert!(waker.take_sample_request());
                sender.send_replace(published(Instant::now()));
                sender
            });
            cache.refresh_if_older_than(STATUS_MAX_AGE, None).await;
            control_loop.join().unwrap();
            assert!(cache.published.borrow().at.elapsed() < Duration::from_secs(4));
        });
    }

    #[test]
    fn a_stalled_control_loop_delays_a_client_only_briefly() {
        block_on(async {
            let (_sender, cache, waker) = world(Duration::from_secs(5));
            let begun = Instant::now();
            cache.refresh_if_older_than(STATUS_MAX_AGE, None).await;
            assert!(begun.elapsed() >= REFRESH_TIMEOUT, "{:?}", begun.elapsed());
            assert!(waker.is_sample_requested());
        });
    }
}
