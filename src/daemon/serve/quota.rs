//! Who was refused something and who asks how often, so that neither log nor events are flooded.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::model::Uid;

/// One line a user in this time; the socket takes 64 calls a second from each connection.
const EVERY: Duration = Duration::from_secs(10);

/// Users of whom that is remembered; a guest has fewer.
const MOST: usize = 64;

/// When each user was last told of.
#[derive(Debug, Default)]
pub(crate) struct Refusals(RefCell<HashMap<Uid, Instant>>);

impl Refusals {
    /// Whether another refusal of this user is to be logged.
    pub(crate) fn is_news(&self, user: Uid, now: Instant) -> bool {
        let mut last = self.0.borrow_mut();
        let user = user.account();
        last.retain(|_, at| now.duration_since(*at) < EVERY);
        if last.contains_key(&user) || last.len() >= MOST {
            return false;
        }
        last.insert(user, now);
        true
    }
}

/// So many requests of one user are taken in that time: each is a line of the journal and an event.
const OFTEN: u32 = 20;

/// How many requests each user has made of late; root is not counted.
#[derive(Debug, Default)]
pub(crate) struct Asks(RefCell<HashMap<Uid, (Instant, u32)>>);

impl Asks {
    /// Whether this user may ask once more.
    pub(crate) fn may(&self, user: Uid, now: Instant) -> bool {
        let mut asked = self.0.borrow_mut();
        let user = user.account();
        asked.retain(|_, (since, _)| now.duration_since(*since) < EVERY);
        if !asked.contains_key(&user) && asked.len() >= MOST {
            return false;
        }
        let (_, count) = asked.entry(user).or_insert((now, 0));
        *count += 1;
        *count <= OFTEN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_user_is_logged_once_in_a_while_and_keeps_nobody_else_out() {
        let (refusals, alice, bob, now) =
            (Refusals::default(), Uid::new(1000), Uid::new(1001), Instant::now());
        assert!(refusals.is_news(alice, now));
        assert!(!refusals.is_news(alice, now));
        assert!(refusals.is_news(bob, now));
        assert!(refusals.is_news(alice, now + EVERY));
        assert!(refusals.is_news(Uid::new(100_000), now));
        let subordinate = (100_000..100_100).filter(|uid| refusals.is_news(Uid::new(*uid), now)).count();
        assert_eq!(subordinate, 0, "many of them are one user's");
        let users = (0..1000).filter(|uid| refusals.is_news(Uid::new(*uid), now + EVERY)).count();
        assert!(users <= MOST, "{users}");
    }

    #[test]
    fn one_user_may_not_ask_without_end() {
        let (asks, alice, now) = (Asks::default(), Uid::new(1000), Instant::now());
        let taken = (0..1000).filter(|_| asks.may(alice, now)).count();
        assert_eq!(taken, usize::try_from(OFTEN).unwrap());
        assert!(asks.may(Uid::new(1001), now));
        assert!(asks.may(alice, now + EVERY));
    }
}
