//! How much of the daemon one user may take: concurrent uses ([`Quota`]) and uses per time ([`RateLimiter`]).
//!
//! The policies are the table of constants below. This is a leaf: the socket server and the daemon's handlers share it, and
//! it imports nothing but [`Uid`]. It stands outside of `model`, which has neither locks nor clocks.
//!
//! Users are counted by [`Uid::account`], so that the subordinate user ids of one user share one allowance.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::model::Uid;

/// Connections to the socket. One costs a file descriptor and at most its longest message in memory.
pub const CONNECTIONS: QuotaLimits =
    QuotaLimits { total: 128, per_user: 16, root: 128, reserved_for_root: 8 };

/// Bytes of replies that clients have requested and not read yet. A status of 500 agents has 0.35 MB, and the unit has 64.
pub const UNREAD_REPLY_BYTES: QuotaLimits =
    QuotaLimits { total: usize::MAX, per_user: 4 << 20, root: 4 << 20, reserved_for_root: 0 };

/// Replies with recorded history that are being written: each may be some megabytes, and the unit has 64.
pub const HISTORY_REPLIES: QuotaLimits = QuotaLimits { total: 4, per_user: 4, root: 4, reserved_for_root: 1 };

/// Processes that are being read for `Explain`. A thread that reads one may hang for as long as that process likes, and
/// nothing can be done about it, so their number is bounded.
pub const EXPLANATIONS: QuotaLimits = QuotaLimits { total: 8, per_user: 2, root: 8, reserved_for_root: 2 };

/// Reads of the configuration for `Reload`: its disk may hang.
pub const RELOADS: QuotaLimits = QuotaLimits { total: 1, per_user: 1, root: 1, reserved_for_root: 0 };

/// `Limit` requests in progress; more wait in a queue. Each has a thread and a connection to the service manager, which
/// does one after the other anyway. Root is exempt from the bound per user.
pub const LIMIT_REQUESTS: QuotaLimits = QuotaLimits { total: 4, per_user: 3, root: 4, reserved_for_root: 0 };

/// Calls on one connection. What comes faster waits: a client that floods costs its own time.
pub const CALLS: RateLimit = RateLimit { max: 64, window: Duration::from_secs(1), max_users: 1 };

/// `Stop` requests of one user; each is a line of the journal and an event.
pub const STOP_REQUESTS: RateLimit =
    RateLimit { max: 20, window: Duration::from_secs(10), max_users: MAX_TRACKED_USERS };

/// `Limit` requests of one user that are handled without delay: fifty agents at once are no flood, a loop is one. A loop got
/// through 607 in 20 s, and the service manager did nothing else.
pub const LIMIT_REQUEST_RATE: RateLimit =
    RateLimit { max: 100, window: Duration::from_secs(10), max_users: usize::MAX };

/// Log lines about refused requests of one user; the socket takes 64 calls a second from each connection.
pub const REFUSAL_LOG: RateLimit =
    RateLimit { max: 1, window: Duration::from_secs(10), max_users: MAX_TRACKED_USERS };

/// Users tracked by one [`RateLimiter`]; a machine has fewer.
const MAX_TRACKED_USERS: usize = 64;

/// Bounds on concurrent use.
#[derive(Clone, Copy, Debug)]
pub struct QuotaLimits {
    /// Bound for all users together.
    pub total: usize,
    /// Bound for one user other than root.
    pub per_user: usize,
    /// Bound for root.
    pub root: usize,
    /// Of `total`, reserved for root: a full house must not lock the administrator out.
    pub reserved_for_root: usize,
}

/// Counts concurrent use. Clones share one count.
#[derive(Clone, Debug)]
pub struct Quota {
    limits: QuotaLimits,
    used: Arc<Mutex<HashMap<Uid, usize>>>,
}

/// One use, or several. Dropping it returns them to its quota.
#[derive(Debug)]
pub struct Permit {
    quota: Quota,
    user: Uid,
    count: usize,
}

impl Quota {
    /// A quota of which nothing is used.
    #[must_use]
    pub fn new(limits: QuotaLimits) -> Self {
        Self { limits, used: Arc::default() }
    }

    /// One use for `user`; `None` where that would exceed a bound.
    #[must_use]
    pub fn try_acquire(&self, user: Uid) -> Option<Permit> {
        self.try_acquire_many(user, 1)
    }

    /// `count` uses for `user`; `None` where that would exceed a bound. A user without any is always within its own
    /// bound, so that no single request, however large, is refused for ever.
    #[must_use]
    pub fn try_acquire_many(&self, user: Uid, count: usize) -> Option<Permit> {
        let user = user.account();
        let mut in_use = self.used();
        let all = in_use.values().fold(count, |all, own| all.saturating_add(*own));
        let own = in_use.get(&user).copied().unwrap_or(0);
        let QuotaLimits { total, per_user, root, reserved_for_root } = self.limits;
        let (total, per_user) = if user == Uid::ROOT {
            (total, root)
        } else {
            (total.saturating_sub(reserved_for_root), per_user)
        };
        let sum = own.saturating_add(count);
        if all > total || (own > 0 && sum > per_user) {
            return None;
        }
        in_use.insert(user, sum);
        Some(Permit { quota: self.clone(), user, count })
    }

    fn used(&self) -> MutexGuard<'_, HashMap<Uid, usize>> {
        // The counts are right even after a panic elsewhere: nothing under this lock panics halfway.
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut in_use = self.quota.used();
        if let Some(own) = in_use.get_mut(&self.user) {
            *own -= self.count;
            if *own == 0 {
                in_use.remove(&self.user);
            }
        }
    }
}

/// Bounds on use per time.
#[derive(Clone, Copy, Debug)]
pub struct RateLimit {
    /// Uses of one user in a window.
    pub max: u32,
    /// The window begins with a user's first use and then anew.
    pub window: Duration,
    /// Users tracked at once; further ones are refused.
    pub max_users: usize,
}

/// Counts uses in the current window.
#[derive(Clone, Copy, Debug)]
pub struct RateWindow {
    start: Instant,
    count: u32,
}

impl RateWindow {
    /// A window that begins at `now`.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self { start: now, count: 0 }
    }

    /// Counts one use. Beyond `limit` it returns the time until the window ends.
    pub fn record(&mut self, limit: RateLimit, now: Instant) -> Option<Duration> {
        if !self.is_current(limit, now) {
            *self = Self::new(now);
        }
        self.count = self.count.saturating_add(1);
        (self.count > limit.max).then(|| limit.window.saturating_sub(now.duration_since(self.start)))
    }

    fn is_current(&self, limit: RateLimit, now: Instant) -> bool {
        now.duration_since(self.start) < limit.window
    }
}

/// Counts uses per user and time.
#[derive(Debug)]
pub struct RateLimiter {
    limit: RateLimit,
    users: RefCell<HashMap<Uid, RateWindow>>,
}

impl RateLimiter {
    /// A limiter that has counted nothing.
    #[must_use]
    pub fn new(limit: RateLimit) -> Self {
        Self { limit, users: RefCell::default() }
    }

    /// Counts one use of `user` and returns whether it is within the limit.
    pub fn allow(&self, user: Uid, now: Instant) -> bool {
        let mut users = self.users.borrow_mut();
        let user = user.account();
        users.retain(|_, window| window.is_current(self.limit, now));
        if !users.contains_key(&user) && users.len() >= self.limit.max_users {
            return false;
        }
        users.entry(user).or_insert_with(|| RateWindow::new(now)).record(self.limit, now).is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: Uid = Uid::new(1000);
    const BOB: Uid = Uid::new(1001);

    fn acquire_all(quota: &Quota, user: Uid) -> Vec<Permit> {
        std::iter::from_fn(|| quota.try_acquire(user)).collect()
    }

    #[test]
    fn one_user_leaves_uses_to_others() {
        for limits in [CONNECTIONS, EXPLANATIONS] {
            let quota = Quota::new(limits);
            let hers = acquire_all(&quota, ALICE);
            assert_eq!(hers.len(), limits.per_user);
            assert!(quota.try_acquire(BOB).is_some());
            drop(hers);
            assert!(quota.try_acquire(ALICE).is_some());
            assert!(quota.used().is_empty(), "nothing is kept of users that left");
        }
    }

    #[test]
    fn root_gets_its_reserve_when_users_filled_the_rest() {
        for limits in [CONNECTIONS, EXPLANATIONS, HISTORY_REPLIES] {
            let quota = Quota::new(limits);
            let users: Vec<_> = (1000..1200).filter_map(|uid| quota.try_acquire(Uid::new(uid))).collect();
            assert_eq!(users.len(), limits.total - limits.reserved_for_root);
            assert_eq!(acquire_all(&quota, Uid::ROOT).len(), limits.reserved_for_root);
        }
    }

    #[test]
    fn subordinate_user_ids_share_one_allowance() {
        let quota = Quota::new(CONNECTIONS);
        let hers = (100_000..100_100).filter_map(|uid| quota.try_acquire(Uid::new(uid)));
        assert_eq!(hers.collect::<Vec<_>>().len(), CONNECTIONS.per_user);
        assert!(quota.used().is_empty());
        let quota = Quota::new(UNREAD_REPLY_BYTES);
        let _unread = quota.try_acquire_many(Uid::new(100_000), 8 << 20).unwrap();
        assert!(quota.try_acquire_many(Uid::new(100_001), 1).is_none());
    }

    #[test]
    fn unread_bytes_are_bounded_per_user() {
        let limits = QuotaLimits { per_user: 100, root: 100, ..UNREAD_REPLY_BYTES };
        let quota = Quota::new(limits);
        let large = quota.try_acquire_many(ALICE, 1000).unwrap();
        assert!(quota.try_acquire_many(ALICE, 1).is_none());
        let _his = quota.try_acquire_many(BOB, 60).unwrap();
        assert!(quota.try_acquire_many(BOB, 60).is_none());
        let _roots = quota.try_acquire_many(Uid::ROOT, 60).unwrap();
        assert!(quota.try_acquire_many(Uid::ROOT, 60).is_none());
        drop(large);
        let _first = quota.try_acquire_many(ALICE, 60).unwrap();
        assert!(quota.try_acquire_many(ALICE, 40).is_some());
        assert_eq!(quota.used().len(), 3);
    }

    #[test]
    fn only_one_reload_runs_at_a_time() {
        let quota = Quota::new(RELOADS);
        let first = quota.try_acquire(Uid::ROOT).unwrap();
        assert!(quota.try_acquire(Uid::ROOT).is_none() && quota.try_acquire(ALICE).is_none());
        drop(first);
        assert!(quota.try_acquire(ALICE).is_some());
    }

    #[test]
    fn refusals_of_one_user_are_logged_once_per_window() {
        let (log, now) = (RateLimiter::new(REFUSAL_LOG), Instant::now());
        assert!(log.allow(ALICE, now));
        assert!(!log.allow(ALICE, now));
        assert!(log.allow(BOB, now));
        assert!(log.allow(ALICE, now + REFUSAL_LOG.window));
        assert!(log.allow(Uid::new(100_000), now));
        let subordinate = (100_000..100_100).filter(|uid| log.allow(Uid::new(*uid), now)).count();
        assert_eq!(subordinate, 0, "many of them are one user's");
        let later = now + REFUSAL_LOG.window;
        let users = (0..1000).filter(|uid| log.allow(Uid::new(*uid), later)).count();
        assert!(users <= MAX_TRACKED_USERS, "{users}");
    }

    #[test]
    fn requests_beyond_the_rate_are_refused_until_the_window_ends() {
        let (requests, now) = (RateLimiter::new(STOP_REQUESTS), Instant::now());
        let taken = (0..1000).filter(|_| requests.allow(ALICE, now)).count();
        assert_eq!(taken, usize::try_from(STOP_REQUESTS.max).unwrap());
        assert!(requests.allow(BOB, now));
        assert!(requests.allow(ALICE, now + STOP_REQUESTS.window));
    }

    #[test]
    fn a_window_says_how_long_to_wait() {
        let now = Instant::now();
        let mut window = RateWindow::new(now);
        assert!((0..CALLS.max).all(|_| window.record(CALLS, now).is_none()));
        let wait = window.record(CALLS, now + Duration::from_millis(400));
        assert_eq!(wait, Some(Duration::from_millis(600)));
        assert_eq!(window.record(CALLS, now + CALLS.window), None);
    }
}
