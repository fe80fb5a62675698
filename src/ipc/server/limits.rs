//! How much of the server one client, one user and all together may hold.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use crate::model::Uid;

/// Bounds on clients.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections of everybody together. One costs a file descriptor and at most its longest message in memory.
    pub connections: usize,
    /// Of these, kept for root: a full house must not lock the administrator out.
    pub kept_for_root: usize,
    /// Connections of one user ([`Uid::account`]); root is exempt.
    pub per_user: usize,
    /// Calls a second on one connection; what comes faster waits. A client that floods costs its own time.
    pub calls_per_second: u32,
    /// How long a connection may go without a whole call. Streams are not idle.
    pub idle: Duration,
    /// How long one reply may take to be read by the client.
    pub write: Duration,
    /// Bytes of replies that one user has asked for and not read yet. One reply, however large, is always given.
    pub unread: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 128,
            kept_for_root: 8,
            per_user: 16,
            calls_per_second: 64,
            idle: Duration::from_mins(1),
            write: Duration::from_secs(5),
            // A status of 500 agents has 0.35 MB, and the unit has 64.
            unread: 4 << 20,
        }
    }
}

/// The places that are taken.
#[derive(Debug)]
pub(super) struct Slots {
    limits: Limits,
    by_user: RefCell<HashMap<Uid, usize>>,
    unread: RefCell<HashMap<Uid, usize>>,
}

/// Bytes that wait to be read. Dropping it says that they do no longer.
#[derive(Debug)]
pub(super) struct Waiting {
    slots: Rc<Slots>,
    user: Uid,
    bytes: usize,
}

/// One place. Dropping it makes it free again.
#[derive(Debug)]
pub(super) struct Slot {
    slots: Rc<Slots>,
    user: Uid,
}

impl Slots {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, by_user: RefCell::default(), unread: RefCell::default() }
    }

    /// Room for so many bytes to wait until `user` reads them; `None` where as much waits already.
    pub(super) fn wait(slots: &Rc<Self>, user: Uid, bytes: usize) -> Option<Waiting> {
        let user = user.account();
        let mut unread = slots.unread.borrow_mut();
        let own = unread.get(&user).copied().unwrap_or(0);
        if own > 0 && own + bytes > slots.limits.unread {
            return None;
        }
        unread.insert(user, own + bytes);
        Some(Waiting { slots: Rc::clone(slots), user, bytes })
    }

    /// A place for `user`, where there is one.
    pub(super) fn take(slots: &Rc<Self>, user: Uid) -> Option<Slot> {
        let user = user.account();
        let mut by_user = slots.by_user.borrow_mut();
        let all: usize = by_user.values().sum();
        let own = by_user.get(&user).copied().unwrap_or(0);
        let Limits { connections, kept_for_root, per_user, .. } = slots.limits;
        let free = if user == Uid::ROOT {
            all < connections
        } else {
            all < connections.saturating_sub(kept_for_root) && own < per_user
        };
        if !free {
            return None;
        }
        by_user.insert(user, own + 1);
        Some(Slot { slots: Rc::clone(slots), user })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut by_user = self.slots.by_user.borrow_mut();
        if let Some(own) = by_user.get_mut(&self.user) {
            *own -= 1;
            if *own == 0 {
                by_user.remove(&self.user);
            }
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut unread = self.slots.unread.borrow_mut();
        if let Some(own) = unread.get_mut(&self.user) {
            *own -= self.bytes;
            if *own == 0 {
                unread.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(connections: usize, kept_for_root: usize, per_user: usize) -> Rc<Slots> {
        Rc::new(Slots::new(Limits { connections, kept_for_root, per_user, ..Limits::default() }))
    }

    #[test]
    fn one_user_cannot_take_the_places_of_another() {
        let (slots, alice, bob) = (slots(10, 2, 3), Uid::new(1000), Uid::new(1001));
        let taken: Vec<_> = std::iter::from_fn(|| Slots::take(&slots, alice)).collect();
        assert_eq!(taken.len(), 3);
        assert!(Slots::take(&slots, bob).is_some());
        drop(taken);
        assert!(Slots::take(&slots, alice).is_some());
        assert!(slots.by_user.borrow().is_empty(), "nothing is kept of who left");
    }

    #[test]
    fn who_owns_many_uids_is_one_user() {
        let slots = slots(10, 2, 3);
        let hers = (100_000..100_100).filter_map(|uid| Slots::take(&slots, Uid::new(uid)));
        assert_eq!(hers.collect::<Vec<_>>().len(), 3);
        assert!(slots.by_user.borrow().is_empty());
        let _unread = Slots::wait(&slots, Uid::new(100_000), 8 << 20).unwrap();
        assert!(Slots::wait(&slots, Uid::new(100_001), 1).is_none());
    }

    #[test]
    fn root_finds_a_place_when_users_filled_theirs() {
        let slots = slots(10, 2, 3);
        let users: Vec<_> = (1000..1020).filter_map(|uid| Slots::take(&slots, Uid::new(uid))).collect();
        assert_eq!(users.len(), 8);
        let roots: Vec<_> = std::iter::from_fn(|| Slots::take(&slots, Uid::ROOT)).collect();
        assert_eq!(roots.len(), 2);
    }

    #[test]
    fn what_one_user_does_not_read_is_bounded() {
        let slots = Rc::new(Slots::new(Limits { unread: 100, ..Limits::default() }));
        let (alice, bob) = (Uid::new(1000), Uid::new(1001));
        let large = Slots::wait(&slots, alice, 1000).unwrap();
        assert!(Slots::wait(&slots, alice, 1).is_none());
        let _his = Slots::wait(&slots, bob, 60).unwrap();
        assert!(Slots::wait(&slots, bob, 60).is_none());
        drop(large);
        let _first = Slots::wait(&slots, alice, 60).unwrap();
        assert!(Slots::wait(&slots, alice, 40).is_some());
        assert_eq!(slots.unread.borrow().len(), 2);
    }
}
