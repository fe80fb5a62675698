//! When a limited agent is held back just below its limit, and when no longer.
//!
//! At its brake (`memory.high`) the kernel lets a cgroup take memory only slowly, so that a leak that is quicker than the
//! ticks gets a `TERM` instead of the kernel's `KILL`. It is for the time of a decision: whoever stays above it without
//! anybody being guilty is let go, and so is whoever is acted upon, since a process that is held needs a minute for what
//! its handler of `TERM` does in half a second.

use std::time::Duration;

use crate::model::{Boottime, Bytes, Thresholds};

/// So long somebody may be held for whom nothing is done. A decision waits 3 s at most for a closer look at what members
/// share, and a tick for its figures.
const LONGEST: Duration = Duration::from_secs(4);

/// From there allocations wait from 2.2 % above the line, and the wall is at 3.2 %.
const ABOVE_LINE_SHARE: u64 = 4;

/// Whoever is so near to its brake, page cache aside, has no cache left but its own program's, of which the kernel takes
/// page after page that is then read again: a process stood still so in a guest, 0.1 % below, for as long as it was looked at.
const BITES_SHARE: u64 = 64;

/// Pressed, it may sleep for 2 s in the kernel (`MEMCG_MAX_HIGH_DELAY_JIFFIES`) and press nothing.
const ASLEEP: Duration = Duration::from_millis(2500);

/// Who was let go is held again once it is so far below the brake, or after a while out of the reach of it.
const REARM_SHARE: u64 = 32;
const REARM_AFTER: Duration = Duration::from_mins(1);

/// An order is carried out by then. What the kernel has is looked at in each look: the service manager writes `max` with
/// each property of memory that is set (`cgroup_context_apply` of systemd), and a hand may write anything.
const CARRIED_OUT: Duration = Duration::from_secs(1);

/// No page is larger on what Debian runs on; the kernel counts in pages.
const PAGE: u64 = 64 << 10;

/// The brake of one scope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Throttle {
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Nothing was ordered yet.
    #[default]
    New,
    Set {
        at: Bytes,
        ordered: Boottime,
        /// Since when it is pressed with nobody's end to wait for, and when it was last seen to be.
        bites: Option<(Boottime, Boottime)>,
        /// How often it had been pressed.
        high_events: u64,
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
    /// `memory.high`; `None`: none.
    pub high: Option<Bytes>,
    /// What is in it, page cache aside: of that the kernel takes what it needs, and nobody waits long.
    pub held: Bytes,
    /// How often the kernel has found it above `memory.high` so far.
    pub high_events: u64,
    /// Its agent is over its kill threshold.
    pub is_over: bool,
    /// What is being ended.
    pub acting: Acting,
}

/// Whom an action is about that is under way; there is one at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Acting {
    /// There is none.
    #[default]
    Nobody,
    /// This agent, or a part of it.
    This,
    /// Another one; what this one does is decided after that.
    Another,
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

impl Throttle {
    /// Where a scope with that limit is held: above its highest kill threshold by a quarter of the way to the wall. At the line, a
    /// leak stood still just below it, since the kernel's own memory counts for the limit and not for the agent's charge
    /// (0.3 % in a guest); below, it crawled there at 1 MB/s.
    #[must_use]
    pub fn place(limit: Bytes) -> Bytes {
        let line = Thresholds::below_wall(limit);
        let place = line + limit.saturating_sub(line).share(1, ABOVE_LINE_SHARE);
        Bytes::new(place.get() / PAGE * PAGE)
    }

    /// What a look asks for; `None`: it is as it should be.
    pub fn look(&mut self, seen: Held) -> Option<Order> {
        let place = Self::place(seen.limit);
        if seen.acting == Acting::This {
            // In each look anew: an order to set it may have been under way.
            self.state = State::Lifted(seen.at);
            return Some(Order::Lift);
        }
        match self.state {
            State::Set { at, ordered, bites, high_events } if at == place => {
                let bites = next_bites(seen, place, bites, seen.high_events > high_events);
                if bites.is_some_and(|(since, _)| seen.at.since(since) >= LONGEST) {
                    self.state = State::Lifted(seen.at);
                    return Some(Order::LetGo);
                }
                let again = seen.high != Some(place) && seen.at.since(ordered) >= CARRIED_OUT;
                let ordered = if again { seen.at } else { ordered };
                self.state = State::Set { at, ordered, bites, high_events: seen.high_events };
                again.then_some(Order::Set(place))
            }
            State::Lifted(since) if !may_rearm(seen, place, since) => seen.high.map(|_| Order::Lift),
            State::New | State::Set { .. } | State::Lifted(_) => {
                self.state =
                    State::Set { at: place, ordered: seen.at, bites: None, high_events: seen.high_events };
                Some(Order::Set(place))
            }
        }
    }
}

fn next_bites(
    seen: Held,
    place: Bytes,
    before: Option<(Boottime, Boottime)>,
    is_pressed: bool,
) -> Option<(Boottime, Boottime)> {
    // Who is over its line waits for another's end. An innocent does not.
    let waits = seen.acting == Acting::Another && seen.is_over;
    if waits || seen.held < place.saturating_sub(place.share(1, BITES_SHARE)) {
        return None;
    }
    match before {
        Some((since, _)) if is_pressed => Some((since, seen.at)),
        Some((_, last)) if seen.at.since(last) < ASLEEP => before,
        _ => is_pressed.then_some((seen.at, seen.at)),
    }
}

fn may_rearm(seen: Held, place: Bytes, since: Boottime) -> bool {
    let room = place.saturating_sub(seen.held);
    let is_out_of_reach = room > place.share(1, BITES_SHARE);
    room > place.share(1, REARM_SHARE) || (is_out_of_reach && seen.at.since(since) >= REARM_AFTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Bytes = Bytes::mib(320);

    /// What the kernel has of what was ordered: all of it at once.
    struct Scope {
        brake: Throttle,
        high: Option<Bytes>,
        limit: Bytes,
        high_events: u64,
        cache: u64,
        is_over: bool,
    }

    impl Scope {
        fn new() -> Self {
            Self {
                brake: Throttle::default(),
                high: None,
                limit: LIMIT,
                high_events: 0,
                cache: 0,
                is_over: false,
            }
        }

        fn look(&mut self, ms: u64, held: u64, acting: Acting) -> Option<Order> {
            let at = Boottime::new(Duration::from_millis(ms));
            let (limit, high) = (self.limit, self.high);
            let all = Bytes::mib(held + self.cache);
            self.high_events += u64::from(high.is_some_and(|high| all >= high));
            let held = Bytes::mib(held);
            let (high_events, is_over) = (self.high_events, self.is_over);
            let order = self.brake.look(Held { at, limit, high, held, high_events, is_over, acting });
            match order {
                Some(Order::Set(place)) => self.high = Some(place),
                Some(Order::Lift | Order::LetGo) => self.high = None,
                None => {}
            }
            order
        }

        fn alone(&mut self, ms: u64, held: u64) -> Option<Order> {
            self.look(ms, held, Acting::Nobody)
        }
    }

    const SET: Option<Order> = Some(Order::Set(Bytes::kib(312 * 1024 + 512)));

    #[test]
    fn it_slows_down_between_the_line_and_the_wall() {
        for gib in [1, 2, 8, 13, 64, 120] {
            let limit = Bytes::gib(gib);
            let (place, line) = (Throttle::place(limit), Thresholds::below_wall(limit));
            assert!(place > line + line.share(7, 1000), "{limit}: {place}");
            // There allocations wait for 25 ms each 256K.
            assert!(place + place.share(2, 100) < limit, "{limit}: {place}");
        }
    }

    #[test]
    fn who_is_held_for_nothing_is_let_go() {
        let mut scope = Scope::new();
        assert_eq!(scope.alone(0, 100), SET);
        assert_eq!(scope.alone(1000, 316), None);
        assert_eq!(scope.alone(3000, 290), None, "it gave way");
        assert_eq!(scope.alone(4000, 316), None);
        assert_eq!(scope.alone(7900, 316), None);
        assert_eq!(scope.alone(8000, 316), Some(Order::LetGo));
        assert_eq!(scope.alone(9000, 316), None);
        assert_eq!(scope.alone(10_000, 306), None, "a little below is not below");
        assert_eq!(scope.alone(11_000, 290), SET);
        for ms in [12_000, 16_000] {
            let _ = scope.alone(ms, 316);
        }
        assert_eq!(scope.alone(75_900, 306), None);
        assert_eq!(scope.alone(76_000, 316), None, "still above it");
        assert_eq!(scope.alone(77_000, 310), None, "within its reach");
        assert_eq!(scope.alone(78_000, 306), SET, "after a while it is tried again");
    }

    /// It is at the brake with all that it needs to run, and one page below with what it holds.
    #[test]
    fn who_stands_still_because_its_program_is_taken_away_is_let_go() {
        let mut scope = Scope { cache: 2, ..Scope::new() };
        let _ = scope.alone(0, 100);
        assert_eq!(scope.alone(1000, 311), None);
        assert_eq!(scope.alone(4900, 311), None);
        assert_eq!(scope.alone(5000, 311), Some(Order::LetGo));
    }

    #[test]
    fn a_cache_as_large_as_it_may_be_is_no_reason() {
        let mut scope = Scope { cache: 300, ..Scope::new() };
        for ms in (0..60_000).step_by(1000) {
            assert_eq!(scope.alone(ms, 250), if ms == 0 { SET } else { None });
        }
        assert_eq!(scope.high_events, 59);
    }

    #[test]
    fn who_lives_just_below_it_without_touching_it_is_not_held() {
        let mut scope = Scope::new();
        for ms in (0..60_000).step_by(1000) {
            assert_eq!(scope.alone(ms, 311), if ms == 0 { SET } else { None });
        }
    }

    /// From the line to where it bites is 62M, and the line is where it is acted upon.
    #[test]
    fn a_leak_that_comes_slowly_to_a_large_limit_is_not_let_go_before_its_line() {
        let mut scope = Scope { limit: Bytes::gib(8), ..Scope::new() };
        let line = Thresholds::below_wall(scope.limit);
        let mut held = 7000;
        for ms in (0..120_000).step_by(100) {
            held += u64::from(ms % 500 == 0);
            if Bytes::mib(held) < line {
                assert_ne!(scope.alone(ms, held), Some(Order::LetGo), "{held}");
            }
        }
    }

    #[test]
    fn who_is_acted_upon_is_not_held() {
        let mut scope = Scope::new();
        let _ = scope.alone(0, 100);
        for ms in [100, 200, 300] {
            assert_eq!(scope.look(ms, 316, Acting::This), Some(Order::Lift));
        }
        assert_eq!(scope.alone(400, 316), None, "what is left is above it");
        assert_eq!(scope.alone(500, 100), SET);
        assert_eq!(scope.alone(600, 100), None);
    }

    #[test]
    fn who_waits_for_anothers_end_is_held_for_as_long_as_that_takes() {
        let mut scope = Scope { is_over: true, ..Scope::new() };
        let _ = scope.alone(0, 100);
        for ms in (1000..20_000).step_by(1000) {
            assert_eq!(scope.look(ms, 316, Acting::Another), None);
        }
        assert_eq!(scope.alone(20_000, 316), None);
        assert_eq!(scope.alone(24_000, 316), Some(Order::LetGo));
    }

    #[test]
    fn an_innocent_does_not_wait_for_anothers_end() {
        let mut scope = Scope::new();
        let _ = scope.alone(0, 100);
        assert_eq!(scope.look(1000, 316, Acting::Another), None);
        assert_eq!(scope.look(3000, 316, Acting::Another), None);
        assert_eq!(scope.look(5000, 316, Acting::Another), Some(Order::LetGo));
    }

    /// Looks come each tenth of a second there, and the kernel presses more seldom.
    #[test]
    fn who_sleeps_in_the_kernel_between_two_looks_is_held_all_the_same() {
        let mut scope = Scope::new();
        let _ = scope.alone(0, 100);
        let high = scope.high;
        let mut told = Vec::new();
        for ms in (1000..=6000).step_by(100) {
            // Without one the fixture counts nothing.
            scope.high = high.filter(|_| ms % 2000 == 1000);
            let high_events = scope.high_events + u64::from(scope.high.is_some());
            let at = Boottime::new(Duration::from_millis(ms));
            let held = Bytes::mib(316);
            let seen =
                Held { at, limit: LIMIT, high, held, high_events, is_over: false, acting: Acting::Nobody };
            scope.high_events = high_events;
            told.extend(scope.brake.look(seen).map(|order| (ms, order)));
        }
        assert_eq!(told.first(), Some(&(5000, Order::LetGo)));
    }

    #[test]
    fn another_limit_is_another_brake() {
        let mut scope = Scope::new();
        let _ = scope.alone(0, 100);
        scope.limit = Bytes::mib(160);
        assert_eq!(scope.alone(100, 100), Some(Order::Set(Bytes::kib(156 * 1024 + 256))));
        assert_eq!(scope.alone(200, 100), None);
    }

    #[test]
    fn what_others_write_does_not_stay() {
        let mut scope = Scope::new();
        let _ = scope.alone(0, 100);
        scope.high = None;
        assert_eq!(scope.alone(500, 100), None, "the order may be under way");
        assert_eq!(scope.alone(1000, 100), SET);
        scope.high = Some(Bytes::mib(7));
        assert_eq!(scope.alone(1500, 100), None);
        assert_eq!(scope.alone(2000, 100), SET);
        let _ = scope.look(3000, 316, Acting::This);
        scope.high = Some(Bytes::mib(7));
        assert_eq!(scope.alone(3100, 316), Some(Order::Lift), "let go is let go");
        assert_eq!(scope.alone(3200, 316), None);
    }
}
