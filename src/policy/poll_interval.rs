//! How soon to look again, at the guest's memory and at every agent.

use std::time::Duration;

use crate::model::forecast::ForecastLevel;
use crate::model::{Bytes, BytesPerSecond};

/// Fill rate to be ready for where nothing else is known. earlyoom saw 6000 MiB/s with `stress -m 4`.
const DEFAULT_MAX_FILL_RATE: BytesPerSecond = BytesPerSecond::mebi(6 * 1024);

/// A guest that stands still is glanced at as if nothing could fill it faster than twice what was set_max_fill_rate, but never as if
/// it were slower than this: what a guest is given may change, and the reserve is its last 4 %.
const MIN_ASSUMED_FILL_RATE: BytesPerSecond = BytesPerSecond::mebi(1024);

/// A guest that fills slower than this stands still: 64 MiB between two glances that are a second apart.
const MIN_MOVING_RATE: BytesPerSecond = BytesPerSecond::mebi(64);

/// And on the fastest: two processors with huge pages took 16.3 GiB/s together, where one alone took 14.6.
const MAX_ASSUMED_FILL_RATE: BytesPerSecond = BytesPerSecond::mebi(16 * 1024);

/// A glance is one read of `meminfo`, some ten microseconds: 50 a second are nothing, and at the worst rate 120 MiB
/// pass in between. earlyoom does not go below 100 ms.
pub(super) const MIN_POLL_INTERVAL: Duration = Duration::from_millis(20);

/// A look reads several files of each member of an agent.
pub(super) const MIN_SAMPLE_INTERVAL: Duration = Duration::from_millis(100);

/// Slower than this a person notices.
pub(super) const MAX_POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Between two looks where every agent is far from its lines and stands still. What moves meanwhile shows in the
/// guest's memory, and is looked at at once.
const SAMPLE_INTERVAL_AT_REST: Duration = Duration::from_secs(10);

/// Between two looks where there is no agent. Newcomers are looked at as they come, and what nobody knows yet shows in
/// the guest's memory.
const SAMPLE_INTERVAL_WITHOUT_AGENTS: Duration = Duration::from_mins(1);

/// Between two glances where there is no agent: nobody could be acted on.
pub(super) const POLL_INTERVAL_WITHOUT_AGENTS: Duration = Duration::from_secs(2);

/// An agent stands still if it would take so long to its kill threshold at its rate.
const MIN_TIME_TO_KILL_AT_REST: Duration = Duration::from_mins(2);

/// The guest may move by so much whatever its agents do.
const MIN_SAMPLING_SLACK: Bytes = Bytes::mib(16);

/// How fast this guest can fill at the worst.
#[derive(Clone, Copy, Debug)]
pub(super) struct PollIntervals {
    /// From rest.
    max_rate: BytesPerSecond,
    observed_rate: BytesPerSecond,
    /// Between the last two glances.
    current_rate: BytesPerSecond,
}

impl Default for PollIntervals {
    fn default() -> Self {
        Self {
            max_rate: DEFAULT_MAX_FILL_RATE,
            observed_rate: BytesPerSecond::default(),
            current_rate: BytesPerSecond::default(),
        }
    }
}

impl PollIntervals {
    /// All processors together take memory at this rate at the most, as was set_max_fill_rate. The clock of a processor may be
    /// raised, so twice that is taken for possible.
    pub(super) fn set_max_fill_rate(&mut self, rate: BytesPerSecond) {
        self.max_rate = rate.doubled().clamp(MIN_ASSUMED_FILL_RATE, MAX_ASSUMED_FILL_RATE);
    }

    /// The guest was seen to fill at this rate.
    pub(super) fn observe(&mut self, rate: BytesPerSecond) {
        self.observed_rate = self.observed_rate.max(rate.doubled().min(MAX_ASSUMED_FILL_RATE));
        self.current_rate = rate;
    }

    /// How long nothing can go wrong even at the worst rate, with so much `room`. Once something moves nothing rests on a
    /// measurement: who fills the guest has begun, and a glance too many costs less than one too few.
    pub(super) fn until_poll(self, room: Bytes) -> Duration {
        let moving = if self.current_rate >= MIN_MOVING_RATE {
            DEFAULT_MAX_FILL_RATE
        } else {
            BytesPerSecond::default()
        };
        let rate = self.max_rate.max(self.observed_rate).max(moving);
        time_to_fill(room, rate).clamp(MIN_POLL_INTERVAL, MAX_POLL_INTERVAL)
    }

    /// How long until every agent is to be looked at again, though the guest does not move. What is faster shows in a glance
    /// before.
    pub(super) fn until_sample(headrooms: impl Iterator<Item = Headroom>) -> Duration {
        let is_at_rest = |w: &Headroom| {
            w.is_small && w.rate.time_to_fill(w.to_kill).is_none_or(|time| time >= MIN_TIME_TO_KILL_AT_REST)
        };
        let one = |w: Headroom| {
            if is_at_rest(&w) {
                SAMPLE_INTERVAL_AT_REST
            } else {
                time_to_fill(w.to_kill, DEFAULT_MAX_FILL_RATE).clamp(MIN_SAMPLE_INTERVAL, MAX_POLL_INTERVAL)
            }
        };
        headrooms.map(one).min().unwrap_or(SAMPLE_INTERVAL_WITHOUT_AGENTS)
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
    rate.time_to_fill(room).unwrap_or(MAX_POLL_INTERVAL)
}

/// How long until the next look at the longest, with such a thing foretold: a runaway is told from a minute or two.
pub(super) fn max_sample_interval(level: ForecastLevel) -> Duration {
    match level {
        ForecastLevel::None => SAMPLE_INTERVAL_WITHOUT_AGENTS,
        ForecastLevel::Watch => SAMPLE_INTERVAL_AT_REST / 2,
        ForecastLevel::Warn | ForecastLevel::Runaway => MAX_POLL_INTERVAL,
    }
}

/// By how much the guest may fill before they are to be looked at all the same: a quarter of the way to the nearest
/// line, or of what an agent that nobody knows yet would need.
pub(super) fn sampling_slack(headrooms: impl Iterator<Item = Headroom>, unknown: Bytes) -> Bytes {
    headrooms.map(|w| w.to_next).fold(unknown, Bytes::min).share(1, 4).max(MIN_SAMPLING_SLACK)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Bytes = Bytes::mib(1200);

    fn set_max_fill_rate(mib: u64) -> PollIntervals {
        let mut pace = PollIntervals::default();
        pace.set_max_fill_rate(BytesPerSecond::mebi(mib));
        pace
    }

    fn until_poll(pace: PollIntervals) -> u128 {
        pace.until_poll(ROOM).as_millis()
    }

    #[test]
    fn a_fast_guest_is_glanced_at_more_often_and_a_slow_one_less_while_it_rests() {
        assert_eq!(until_poll(PollIntervals::default()), 195);
        assert_eq!((until_poll(set_max_fill_rate(3072)), until_poll(set_max_fill_rate(1024))), (195, 585));
        assert_eq!((until_poll(set_max_fill_rate(512)), until_poll(set_max_fill_rate(1))), (1000, 1000));
        assert_eq!(set_max_fill_rate(1).until_poll(Bytes::mib(256)).as_millis(), 250);
        assert_eq!(
            (until_poll(set_max_fill_rate(8192)), until_poll(set_max_fill_rate(80_000))),
            (73, 73),
            "memory itself is no faster"
        );
    }

    #[test]
    fn what_moves_is_glanced_at_as_on_any_machine() {
        let mut pace = set_max_fill_rate(300);
        pace.observe(BytesPerSecond::mebi(63));
        assert_eq!(until_poll(pace), 1000);
        pace.observe(BytesPerSecond::mebi(64));
        assert_eq!(until_poll(pace), 195);
        pace.observe(BytesPerSecond::default());
        assert_eq!(until_poll(pace), 1000, "and rests again");
    }

    #[test]
    fn what_is_seen_is_possible_from_then_on() {
        let mut pace = set_max_fill_rate(300);
        pace.observe(BytesPerSecond::mebi(1024));
        assert_eq!(until_poll(pace), 195);
        pace.observe(BytesPerSecond::mebi(10));
        pace.set_max_fill_rate(BytesPerSecond::mebi(300));
        assert_eq!(until_poll(pace), 585);
        pace.observe(BytesPerSecond::mebi(50_000));
        pace.set_max_fill_rate(BytesPerSecond::mebi(300));
        assert_eq!(until_poll(pace), 73);
    }

    #[test]
    fn looks_need_not_be_faster_than_glances_make_them() {
        let headroom =
            Headroom { to_kill: ROOM, to_next: ROOM, is_small: false, rate: BytesPerSecond::default() };
        assert_eq!(PollIntervals::until_sample([headroom].into_iter()).as_millis(), 195);
    }
}
