//! The queue of `Limit` requests: one user that floods does not delay others for long.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep};

use crate::model::Uid;
use crate::quota::{self, LIMIT_REQUESTS, RateLimiter};

/// Delay of each request of a user above [`LIMIT_REQUEST_RATE`](quota::LIMIT_REQUEST_RATE).
const FLOOD_DELAY: Duration = Duration::from_millis(500);

/// Admits requests in their order of arrival. Unlike a [`Quota`](quota::Quota) it lets them wait, so it rests on tokio's fair
/// semaphores.
#[derive(Debug)]
pub(crate) struct LimitQueue {
    all: Arc<Semaphore>,
    /// Semaphores of the users that have a request in progress or waiting.
    users: RefCell<HashMap<Uid, Arc<Semaphore>>>,
    rate: RateLimiter,
}

/// A request in progress, until it is dropped.
#[derive(Debug)]
pub(crate) struct LimitPermit {
    _all: OwnedSemaphorePermit,
    _own: Option<OwnedSemaphorePermit>,
}

impl Default for LimitQueue {
    fn default() -> Self {
        Self {
            all: Arc::new(Semaphore::new(LIMIT_REQUESTS.total)),
            users: RefCell::default(),
            rate: RateLimiter::new(quota::LIMIT_REQUEST_RATE),
        }
    }
}

impl LimitQueue {
    /// Waits until a request of this user may begin; `None` if the queue is closed.
    pub(crate) async fn acquire(&self, user: Uid) -> Option<LimitPermit> {
        let own = if user == Uid::ROOT {
            None
        } else {
            let is_flood = !self.rate.allow(user, Instant::now().into_std());
            let own = self.of_user(user.account()).acquire_owned().await.ok()?;
            if is_flood {
                sleep(FLOOD_DELAY).await;
            }
            Some(own)
        };
        let all = Arc::clone(&self.all).acquire_owned().await.ok()?;
        Some(LimitPermit { _all: all, _own: own })
    }

    fn of_user(&self, account: Uid) -> Arc<Semaphore> {
        let mut users = self.users.borrow_mut();
        // Permits and waiting requests hold a reference each.
        users.retain(|_, semaphore| Arc::strong_count(semaphore) > 1);
        Arc::clone(users.entry(account).or_insert_with(|| Arc::new(Semaphore::new(LIMIT_REQUESTS.per_user))))
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;
    use crate::quota::LIMIT_REQUEST_RATE;

    const ALICE: Uid = Uid::new(1000);
    const BOB: Uid = Uid::new(1001);

    #[tokio::test(start_paused = true)]
    async fn one_user_leaves_a_permit_to_others() {
        let queue = LimitQueue::default();
        let mut hers = Vec::new();
        while let Ok(permit) = timeout(Duration::from_secs(1), queue.acquire(ALICE)).await {
            hers.push(permit.unwrap());
        }
        assert_eq!(hers.len(), LIMIT_REQUESTS.per_user);
        let his = timeout(Duration::from_secs(1), queue.acquire(BOB)).await.unwrap().unwrap();
        assert!(timeout(Duration::from_secs(1), queue.acquire(Uid::ROOT)).await.is_err(), "all are taken");
        drop(his);
        assert!(timeout(Duration::from_secs(1), queue.acquire(Uid::ROOT)).await.is_ok());
        drop(hers.pop());
        assert!(timeout(Duration::from_secs(1), queue.acquire(ALICE)).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn floods_of_requests_are_delayed_and_bursts_are_not() {
        let queue = LimitQueue::default();
        let begun = Instant::now();
        for _ in 0..LIMIT_REQUEST_RATE.max {
            drop(queue.acquire(ALICE).await);
        }
        assert_eq!(begun.elapsed(), Duration::ZERO);
        for _ in 0..4 {
            drop(queue.acquire(ALICE).await);
        }
        assert_eq!(begun.elapsed(), FLOOD_DELAY * 4);
        let before = Instant::now();
        drop(queue.acquire(BOB).await);
        drop(queue.acquire(Uid::ROOT).await);
        assert_eq!(before.elapsed(), Duration::ZERO, "others are not delayed by it");
        tokio::time::advance(LIMIT_REQUEST_RATE.window).await;
        let later = Instant::now();
        drop(queue.acquire(ALICE).await);
        assert_eq!(later.elapsed(), Duration::ZERO, "the delay is over with the window");
        drop(queue.acquire(BOB).await);
        assert_eq!(queue.users.borrow().len(), 1, "nothing is kept of users that left");
    }

    #[tokio::test(start_paused = true)]
    async fn subordinate_user_ids_share_one_allowance() {
        let queue = LimitQueue::default();
        let mut held = Vec::new();
        for n in 0..10 {
            let request = queue.acquire(Uid::new(100_000 + n));
            held.extend(timeout(Duration::from_secs(1), request).await.ok());
        }
        assert_eq!(held.len(), LIMIT_REQUESTS.per_user);
    }
}
