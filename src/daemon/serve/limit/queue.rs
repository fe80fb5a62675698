//! Whose turn it is to be limited: one user who asks without end keeps nobody else waiting for long.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep};

use crate::model::Uid;

/// Each has a thread and a connection to the service manager, which does one after the other anyway.
const AT_ONCE: usize = 4;

/// Of these a single user has so many; root is exempt.
const OF_ONE: usize = 3;

/// So many in a [`WHILE`] and each further one takes a [`PAUSE`]: fifty agents at once are no flood, a loop is one.
/// It got through 607 in 20 s, and the service manager did nothing else.
const OFTEN: u32 = 100;
const WHILE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(500);

/// Gives out turns, in the order in which they are asked for.
#[derive(Debug)]
pub(crate) struct Turns {
    all: Arc<Semaphore>,
    users: RefCell<HashMap<Uid, User>>,
}

/// A turn, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    _all: OwnedSemaphorePermit,
    _own: Option<OwnedSemaphorePermit>,
}

#[derive(Debug)]
struct User {
    places: Arc<Semaphore>,
    since: Instant,
    asked: u32,
}

impl Default for Turns {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(AT_ONCE)), users: RefCell::default() }
    }
}

impl Turns {
    /// Waits for a turn of this user; `None`: there will be none any more.
    pub(crate) async fn take(&self, user: Uid) -> Option<Turn> {
        let own = if user == Uid::ROOT {
            None
        } else {
            let (places, often) = self.note(user.account(), Instant::now());
            let own = places.acquire_owned().await.ok()?;
            if often {
                sleep(PAUSE).await;
            }
            Some(own)
        };
        let all = Arc::clone(&self.all).acquire_owned().await.ok()?;
        Some(Turn { _all: all, _own: own })
    }

    /// The places of a user who asks now, and whether it asks too often.
    fn note(&self, user: Uid, now: Instant) -> (Arc<Semaphore>, bool) {
        let mut users = self.users.borrow_mut();
        // Those who have a turn or wait for one hold their places, too.
        users.retain(|_, u| now.duration_since(u.since) < WHILE || Arc::strong_count(&u.places) > 1);
        let new = || User { places: Arc::new(Semaphore::new(OF_ONE)), since: now, asked: 0 };
        let user = users.entry(user).or_insert_with(new);
        if now.duration_since(user.since) >= WHILE {
            (user.since, user.asked) = (now, 0);
        }
        user.asked += 1;
        (Arc::clone(&user.places), user.asked > OFTEN)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    const ALICE: Uid = Uid::new(1000);
    const BOB: Uid = Uid::new(1001);

    #[tokio::test(start_paused = true)]
    async fn one_user_leaves_a_place_to_others() {
        let turns = Turns::default();
        let mut hers = Vec::new();
        while let Ok(turn) = timeout(Duration::from_secs(1), turns.take(ALICE)).await {
            hers.push(turn.unwrap());
        }
        assert_eq!(hers.len(), OF_ONE);
        let his = timeout(Duration::from_secs(1), turns.take(BOB)).await.unwrap().unwrap();
        assert!(timeout(Duration::from_secs(1), turns.take(Uid::ROOT)).await.is_err(), "all are taken");
        drop(his);
        assert!(timeout(Duration::from_secs(1), turns.take(Uid::ROOT)).await.is_ok());
        drop(hers.pop());
        assert!(timeout(Duration::from_secs(1), turns.take(ALICE)).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn fifty_at_once_are_no_flood_and_a_loop_is_one() {
        let turns = Turns::default();
        let begun = Instant::now();
        for _ in 0..OFTEN {
            drop(turns.take(ALICE).await);
        }
        assert_eq!(begun.elapsed(), Duration::ZERO);
        for _ in 0..4 {
            drop(turns.take(ALICE).await);
        }
        assert_eq!(begun.elapsed(), PAUSE * 4);
        let before = Instant::now();
        drop(turns.take(BOB).await);
        drop(turns.take(Uid::ROOT).await);
        assert_eq!(before.elapsed(), Duration::ZERO, "others do not pay for it");
        tokio::time::advance(WHILE).await;
        let later = Instant::now();
        drop(turns.take(ALICE).await);
        assert_eq!(later.elapsed(), Duration::ZERO, "nothing is held against her for ever");
        tokio::time::advance(WHILE).await;
        drop(turns.take(BOB).await);
        assert_eq!(turns.users.borrow().len(), 1, "nothing is kept of who left");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_has_many_uids_is_one_user() {
        let turns = Turns::default();
        let many = (0..10).map(|n| turns.take(Uid::new(100_000 + n)));
        let mut held = Vec::new();
        for turn in many {
            held.extend(timeout(Duration::from_secs(1), turn).await.ok());
        }
        assert_eq!(held.len(), OF_ONE);
    }
}
