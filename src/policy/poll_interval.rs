//! How soon to look again, at the guest's memory and at every agent.

use std::time::Duration;

use crate::model::forecast::ForecastLevel;
use crate::model::{Bytes, BytesPerSecond};

/// Fill rate to be ready for where nothing else is known. earlyoom saw 6000 MiB/s with `stress -m 4`.
const WORST_FILL_RATE: BytesPerSecond = BytesPerSecond::mebi(6 * 1024);

/// A guest that stands still is glanced at as if nothing could fill it faster than twice what was measured, but never as if
/// it were slower than this: what a guest is given may change, and the reserve is its last 4 %.
const SLOWEST_MACHINE: BytesPerSecond = BytesPerSecond::mebi(1024);

/// A guest that fills slower than this stands still: 64 MiB between two glances that are a second apart.
const MOVING: BytesPerSecond = BytesPerSecond::mebi(64);

/// And on the fastest: two processors with huge pages took 16.3 GiB/s together, where one alone took 14.6.
const FASTEST_MACHINE: BytesPerSecond = BytesPerSecond::mebi(16 * 1024);

/// A glance is one read of `meminfo`, some ten microseconds: 50 a second are nothing, and at the worst rate 120 MiB
/// pass in between. earlyoom does not go below 100 ms.
pub(super) const QUICKEST_GLANCE: Duration = Duration::from_millis(20);

/// A look reads several files of each member of an agent.
pub(super) const QUICKEST: Duration = Duration::from_millis(100);

/// Slower than this a person notices.
pub(super) const SLOWEST: Duration = Duration::from_secs(1);

/// Between two looks where every agent is far from its lines and stands still. What moves meanwhile shows in the
/// guest's memory, and is looked at at once.
const AT_REST: Duration = Duration::from_secs(10);

/// Between two looks where there is no agent. Newcomers are looked at as they come, and what nobody knows yet shows in
/// the guest's memory.
const NOBODY: Duration = Duration::from_mins(1);

/// Between two glances where there is no agent: nobody could be acted on.
pub(super) const NOBODY_GLANCE: Duration = Duration::from_secs(2);

/// An agent stands still if it would take so long to its kill threshold at its rate.
const STILL: Duration = Duration::from_mins(2);

/// The guest may move by so much whatever its agents do.
const NOISE: Bytes = Bytes::mib(16);

/// How fast this guest can fill at the worst.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// From rest.
    possible: BytesPerSecond,
    seen: BytesPerSecond,
    /// Between the last two glances.
    now: BytesPerSecond,
}

impl Default for Pace {
    fn default() -> Self {
        Self { possible: WORST_FILL_RATE, seen: BytesPerSecond::default(), now: BytesPerSecond::default() }
    }
}

impl Pace {
    /// All processors together take memory at this rate at the most, as was measured. The clock of a processor may be
    /// raised, so twice that is taken for possible.
    pub(super) fn measured(&mut self, rate: BytesPerSecond) {
        self.possible = rate.doubled().clamp(SLOWEST_MACHINE, FASTEST_MACHINE);
    }

    /// The guest was seen to fill at this rate.
    pub(super) fn seen(&mut self, rate: BytesPerSecond) {
        self.seen = self.seen.max(rate.doubled().min(FASTEST_MACHINE));
        self.now = rate;
    }

    /// How long nothing can go wrong even at the worst rate, with so much `room`. Once something moves nothing rests on a
    /// measurement: who fills the guest has begun, and a glance too many costs less than one too few.
    pub(super) fn glance(self, room: Bytes) -> Duration {
        let moving = if self.now >= MOVING { WORST_FILL_RATE } else { BytesPerSecond::default() };
        let rate = self.possible.max(self.seen).max(moving);
        time_to_fill(room, rate).clamp(QUICKEST_GLANCE, SLOWEST)
    }

    /// How long until every agent is to be looked at again, though the guest does not move. What is faster shows in a glance
    /// before.
    pub(super) fn look(ways: impl Iterator<Item = Headroom>) -> Duration {
        let rests =
            |w: &Headroom| w.is_small && w.rate.time_to_fill(w.to_kill).is_none_or(|time| time >= STILL);
        let one = |w: Headroom| {
            if rests(&w) {
                AT_REST
            } else {
                time_to_fill(w.to_kill, WORST_FILL_RATE).clamp(QUICKEST, SLOWEST)
            }
        };
        ways.map(one).min().unwrap_or(NOBODY)
    }
}

/// One agent on its way to its lines.
#[derive(Clone, Copy, Debug)]
pub(super) struct Headroom {
    /// From its charge to its kill threshold.
    pub(super) to_kill: Bytes,
    /// From its charge to the next of its lines.
    pub(super) to_next: Bytes,
    /// Whether it is below half of its warn threshold.
    pub(super) is_small: bool,
    pub(super) rate: BytesPerSecond,
}

fn time_to_fill(room: Bytes, rate: BytesPerSecond) -> Duration {
    rate.time_to_fill(room).unwrap_or(SLOWEST)
}

/// How long until the next look at the longest, with such a thing foretold: a runaway is told from a minute or two.
pub(super) fn foretold(level: ForecastLevel) -> Duration {
    match level {
        ForecastLevel::None => NOBODY,
        ForecastLevel::Watch => AT_REST / 2,
        ForecastLevel::Warn | ForecastLevel::Runaway => SLOWEST,
    }
}

/// By how much the guest may fill before they are to be looked at all the same: a quarter of the way to the nearest
/// line, or of what an agent that nobody knows yet would need.
pub(super) fn leeway(ways: impl Iterator<Item = Headroom>, unknown: Bytes) -> Bytes {
    ways.map(|w| w.to_next).fold(unknown, Bytes::min).share(1, 4).max(NOISE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Bytes = Bytes::mib(1200);

    fn measured(mib: u64) -> Pace {
        let mut pace = Pace::default();
        pace.measured(BytesPerSecond::mebi(mib));
        pace
    }

    fn glance(pace: Pace) -> u128 {
        pace.glance(ROOM).as_millis()
    }

    #[test]
    fn a_fast_guest_is_glanced_at_more_often_and_a_slow_one_less_while_it_rests() {
        assert_eq!(glance(Pace::default()), 195);
        assert_eq!((glance(measured(3072)), glance(measured(1024))), (195, 585));
        assert_eq!((glance(measured(512)), glance(measured(1))), (1000, 1000));
        assert_eq!(measured(1).glance(Bytes::mib(256)).as_millis(), 250);
        assert_eq!(
            (glance(measured(8192)), glance(measured(80_000))),
            (73, 73),
            "memory itself is no faster"
        );
    }

    #[test]
    fn what_moves_is_glanced_at_as_on_any_machine() {
        let mut pace = measured(300);
        pace.seen(BytesPerSecond::mebi(63));
        assert_eq!(glance(pace), 1000);
        pace.seen(BytesPerSecond::mebi(64));
        assert_eq!(glance(pace), 195);
        pace.seen(BytesPerSecond::default());
        assert_eq!(glance(pace), 1000, "and rests again");
    }

    #[test]
    fn what_is_seen_is_possible_from_then_on() {
        let mut pace = measured(300);
        pace.seen(BytesPerSecond::mebi(1024));
        assert_eq!(glance(pace), 195);
        pace.seen(BytesPerSecond::mebi(10));
        pace.measured(BytesPerSecond::mebi(300));
        assert_eq!(glance(pace), 585);
        pace.seen(BytesPerSecond::mebi(50_000));
        pace.measured(BytesPerSecond::mebi(300));
        assert_eq!(glance(pace), 73);
    }

    #[test]
    fn looks_need_not_be_faster_than_glances_make_them() {
        let way = Headroom { to_kill: ROOM, to_next: ROOM, is_small: false, rate: BytesPerSecond::default() };
        assert_eq!(Pace::look([way].into_iter()).as_millis(), 195);
    }
}
