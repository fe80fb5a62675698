//! How old figures may be that a reader gets. Looks are rare while all is well; who asks is worth one.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use crate::daemon::control_loop::waker::Waker;
use crate::daemon::report::publisher::Published;

/// A status may be so old: a person does not notice, and whoever polls faster causes no more looks by it.
pub(crate) const STATUS: Duration = Duration::from_secs(1);

/// An explanation rests on figures that are not older than this: who asks of a process may have started it just now.
pub(crate) const EXPLANATION: Duration = SPACING;

/// Readers cause looks that are so far apart at least, however many they are.
pub(crate) const SPACING: Duration = Duration::from_millis(250);

/// So long a reader waits for newer figures. A look takes milliseconds; where it takes longer, the guest has other
/// needs, and old figures are better than none.
const PATIENCE: Duration = Duration::from_millis(200);

/// The readers' end of the loop.
#[derive(Debug)]
pub(crate) struct StatusCache {
    seen: watch::Receiver<Published>,
    calls: Arc<Waker>,
}

impl StatusCache {
    pub(crate) fn new(seen: watch::Receiver<Published>, calls: Arc<Waker>) -> Self {
        Self { seen, calls }
    }

    /// Comes back when the newest figures are not older than `age`, or could not be had in time.
    pub(crate) async fn within(&self, age: Duration) {
        self.waiting(age, None).await;
    }

    /// The same for somebody who waits no longer than `wait`.
    pub(crate) async fn waiting(&self, age: Duration, wait: Option<Duration>) {
        let mut seen = self.seen.clone();
        if seen.borrow_and_update().at.elapsed() <= age {
            return;
        }
        self.calls.ask();
        let _ = timeout(wait.map_or(PATIENCE, |wait| wait.min(PATIENCE)), seen.changed()).await;
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Instant;

    use super::*;
    use crate::model::Snapshot;

    fn seen(at: Instant) -> Published {
        let status = serde_json::from_value(serde_json::json!({
            "version": 1, "verdict": "ok", "agents": [],
            "guest": { "mem_total": 1, "mem_available": 1, "swap_total": 0, "swap_free": 0 },
        }));
        Published { at, snapshot: Arc::new(Snapshot::default()), status: Arc::new(status.unwrap()) }
    }

    fn block_on<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(work)
    }

    /// Figures of `age`, and who asks for newer ones of them.
    fn world(age: Duration) -> (watch::Sender<Published>, StatusCache, Arc<Waker>) {
        let then = Instant::now().checked_sub(age).unwrap();
        let (sender, calls) = (watch::Sender::new(seen(then)), Arc::new(Waker::new().unwrap()));
        let status_cache = StatusCache::new(sender.subscribe(), Arc::clone(&calls));
        (sender, status_cache, calls)
    }

    #[test]
    fn new_figures_are_taken_as_they_are() {
        block_on(async {
            let (_sender, status_cache, calls) = world(Duration::ZERO);
            status_cache.within(Duration::from_mins(1)).await;
            assert!(!calls.is_asked());
        });
    }

    #[test]
    fn old_figures_are_waited_out() {
        block_on(async {
            let (sender, status_cache, calls) = world(Duration::from_secs(5));
            let supervisor = thread::spawn(move || {
                calls.wait_until(Instant::now() + Duration::from_mins(1));
                assert!(calls.take_asked());
                sender.send_replace(seen(Instant::now()));
                sender
            });
            status_cache.within(STATUS).await;
            supervisor.join().unwrap();
            assert!(status_cache.seen.borrow().at.elapsed() < Duration::from_secs(4));
        });
    }

    #[test]
    fn a_supervisor_that_does_not_answer_is_not_waited_for() {
        block_on(async {
            let (_sender, status_cache, calls) = world(Duration::from_secs(5));
            let begun = Instant::now();
            status_cache.within(STATUS).await;
            assert!(begun.elapsed() >= PATIENCE, "{:?}", begun.elapsed());
            assert!(calls.is_asked());
        });
    }
}
