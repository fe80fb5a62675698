//! When a limited agent is held back just below its limit, and when no longer.
//!
//! At its brake (`memory.high`) the kernel lets a cgroup take memory only slowly, so that a leak that is quicker than the
//! ticks gets a `TERM` instead of the kernel's `KILL`. It is for the time of a decision: whoever stays above it without
//! anybody being guilty is let go, and so is whoever is acted upon, since a process that is held needs a minute for what
//! its handler of `TERM` does in half a second.

use std::time::Duration;

use crate::model::{Boottime, Bytes, Lines};

/// The kernel lets those wait who are 1.4 % over (`calculate_high_delay` of `mm/memcontrol.c`, with the 250 ticks a second
/// of Debian's kernels): so far below the kill line that it begins there.
const BELOW_LINE: u64 = 72;

/// So long somebody may be held for whom nothing is done. A decision waits 3 s at most for a closer look at what members
/// share, and a tick for its figures.
const LONGEST: Duration = Duration::from_secs(4);

/// Who was let go is held again once it is so far below the brake, or after a while at all below it.
const REARM_SHARE: u64 = 32;
const REARM_AFTER: Duration = Duration::from_secs(60);

/// The brake of one scope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Brake {
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Not set, since then.
    #[default]
    New,
    Set {
        at: Bytes,
        /// Since when more than that is held that no reclaim gives back.
        bites: Option<Boottime>,
    },
    Lifted(Boottime),
}

/// What one look at a scope shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// When.
    pub at: Boottime,
    /// `memory.max`.
    pub limit: Bytes,
    /// What is in it, page cache aside: of that the kernel takes what it needs, and nobody waits long.
    pub held: Bytes,
    /// Its agent is being ended, or a part of it.
    pub acting: bool,
}

/// What is to be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// `memory.high` is to be that.
    Set(Bytes),
    /// It is to be `max`.
    Lift,
    /// It is to be `max`: nobody was found guilty, and that is to be told.
    LetGo,
}

impl Brake {
    /// Where a scope with that limit is held.
    #[must_use]
    pub fn place(limit: Bytes) -> Bytes {
        let line = Lines::below_wall(limit);
        line.saturating_sub(line.share(1, BELOW_LINE))
    }

    /// What a look asks for; `None`: it is as it should be.
    pub fn look(&mut self, seen: Held) -> Option<Order> {
        let place = Self::place(seen.limit);
        if seen.acting {
            // In each look anew: an order to set it may have been under way.
            self.state = State::Lifted(seen.at);
            return Some(Order::Lift);
        }
        match self.state {
            State::Set { at, bites } if at == place => {
                let since = (seen.held > place).then(|| bites.unwrap_or(seen.at));
                if since.is_some_and(|since| seen.at.since(since) >= LONGEST) {
                    self.state = State::Lifted(seen.at);
                    return Some(Order::LetGo);
                }
                self.state = State::Set { at, bites: since };
                None
            }
            State::Lifted(since) if !may_rearm(seen, place, since) => None,
            State::New | State::Set { .. } | State::Lifted(_) => {
                self.state = State::Set { at: place, bites: None };
                Some(Order::Set(place))
            }
        }
    }
}

fn may_rearm(seen: Held, place: Bytes, since: Boottime) -> bool {
    let room = place.saturating_sub(seen.held);
    room > place.share(1, REARM_SHARE) || (room > Bytes::ZERO && seen.at.since(since) >= REARM_AFTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Bytes = Bytes::mib(320);

    fn seen(ms: u64, held: u64) -> Held {
        let at = Boottime::new(Duration::from_millis(ms));
        Held { at, limit: LIMIT, held: Bytes::mib(held), acting: false }
    }

    #[test]
    fn it_bites_at_the_line_and_below_the_wall() {
        for gib in [1, 2, 8, 13, 64, 120] {
            let limit = Bytes::gib(gib);
            let (place, line) = (Brake::place(limit), Lines::below_wall(limit));
            // Where the kernel begins to let allocations wait.
            let waits = place + place.share(14, 1000);
            let off = waits.saturating_sub(line) + line.saturating_sub(waits);
            assert!(off < line.share(1, 1000) && waits < limit, "{limit}: {waits} {line}");
        }
    }

    #[test]
    fn who_is_held_for_nothing_is_let_go() {
        let mut brake = Brake::default();
        let place = Brake::place(LIMIT);
        assert_eq!(brake.look(seen(0, 100)), Some(Order::Set(place)));
        assert_eq!(brake.look(seen(1000, 310)), None);
        assert_eq!(brake.look(seen(3000, 300)), None, "it gave way");
        assert_eq!(brake.look(seen(4000, 310)), None);
        assert_eq!(brake.look(seen(7900, 312)), None);
        assert_eq!(brake.look(seen(8000, 312)), Some(Order::LetGo));
        assert_eq!(brake.look(seen(9000, 312)), None);
        assert_eq!(brake.look(seen(10_000, 304)), None, "a little below is not below");
        assert_eq!(brake.look(seen(11_000, 290)), Some(Order::Set(place)));
        for ms in [12_000, 16_000] {
            let _ = brake.look(seen(ms, 312));
        }
        assert_eq!(brake.look(seen(75_900, 304)), None);
        assert_eq!(brake.look(seen(76_000, 312)), None, "still above it");
        assert_eq!(brake.look(seen(77_000, 304)), Some(Order::Set(place)), "after a while it is tried again");
    }

    #[test]
    fn who_is_acted_upon_is_not_held() {
        let mut brake = Brake::default();
        let _ = brake.look(seen(0, 100));
        for ms in [100, 200, 300] {
            let acting = Held { acting: true, ..seen(ms, 312) };
            assert_eq!(brake.look(acting), Some(Order::Lift));
        }
        assert_eq!(brake.look(seen(400, 312)), None, "what is left is above it");
        assert_eq!(brake.look(seen(500, 100)), Some(Order::Set(Brake::place(LIMIT))));
        assert_eq!(brake.look(seen(600, 100)), None);
    }

    #[test]
    fn another_limit_is_another_brake() {
        let mut brake = Brake::default();
        let _ = brake.look(seen(0, 100));
        let tighter = Held { limit: Bytes::mib(160), ..seen(100, 100) };
        assert_eq!(brake.look(tighter), Some(Order::Set(Brake::place(Bytes::mib(160)))));
        assert_eq!(brake.look(tighter), None);
    }
}
