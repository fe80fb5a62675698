//! Intervals of memory polls and of samples.

use std::time::Duration;

use crate::model::forecast::ForecastLevel;
use crate::model::{Bytes, BytesPerSecond};

/// Fill rate assumed until a higher one is observed. earlyoom measured 6000 MiB/s with `stress -m 4`.
const DEFAULT_MAX_FILL_RATE: BytesPerSecond = BytesPerSecond::mebi(6 * 1024);

/// Upper bound for an observed fill rate: two processors with huge pages took 16.3 GiB/s together, one alone 14.6.
const MAX_ASSUMED_FILL_RATE: BytesPerSecond = BytesPerSecond::mebi(16 * 1024);

/// A poll is one read of `meminfo`, some ten microseconds: 50 a second are negligible, and at the highest rate 120 MiB
/// pass between two. earlyoom does not go below 100 ms.
pub(super) const MIN_POLL_INTERVAL: Duration = Duration::from_millis(20);

/// A sample reads several files per member of an agent.
pub(super) const MIN_SAMPLE_INTERVAL: Duration = Duration::from_millis(100);

/// A longer interval is noticeable to a person.
pub(super) const MAX_POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Sample interval while every agent is far from its thresholds and stable. A change meanwhile shows in the memory of
/// the machine, and triggers a sample.
const SAMPLE_INTERVAL_AT_REST: Duration = Duration::from_secs(10);

/// Sample interval without agents. New processes are scanned as they start, and unknown ones show in the memory of the
/// machine.
const SAMPLE_INTERVAL_WITHOUT_AGENTS: Duration = Duration::from_mins(1);

/// Poll interval without agents: there is nothing to kill.
pub(super) const POLL_INTERVAL_WITHOUT_AGENTS: Duration = Duration::from_secs(2);

/// An agent is stable if it would take this long to reach its kill threshold at its rate.
const MIN_TIME_TO_KILL_AT_REST: Duration = Duration::from_mins(2);

/// Memory use may change by this much regardless of agents.
const MIN_SAMPLING_SLACK: Bytes = Bytes::mib(16);

/// The highest rate at which this machine may fill, which determines the next poll.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PollIntervals {
    /// Twice the highest rate between two polls.
    observed_rate: BytesPerSecond,
}

impl PollIntervals {
    /// Observes the fill rate between two polls.
    pub(super) fn observe(&mut self, rate: BytesPerSecond) {
        self.observed_rate = self.observed_rate.max(rate.doubled().min(MAX_ASSUMED_FILL_RATE));
    }

    /// Time in which `room` cannot fill, even at the highest rate.
    pub(super) fn until_poll(self, room: Bytes) -> Duration {
        let rate = self.observed_rate.max(DEFAULT_MAX_FILL_RATE);
        time_to_fill(room, rate).clamp(MIN_POLL_INTERVAL, MAX_POLL_INTERVAL)
    }

    /// Time until all agents are sampled again although memory use is stable. A faster change triggers a sample through
    /// a poll.
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

/// The distance of one agent from its thresholds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Headroom {
    /// From its charge to its kill threshold.
    pub(super) to_kill: Bytes,
    /// From its charge to its next threshold.
    pub(super) to_next: Bytes,
    /// Whether it is below half of its warn threshold.
    pub(super) is_small: bool,
    pub(super) rate: BytesPerSecond,
}

fn time_to_fill(room: Bytes, rate: BytesPerSecond) -> Duration {
    rate.time_to_fill(room).unwrap_or(MAX_POLL_INTERVAL)
}

/// The longest sample interval with this forecast: a runaway is detected from a minute or two.
pub(super) fn max_sample_interval(level: ForecastLevel) -> Duration {
    match level {
        ForecastLevel::None => SAMPLE_INTERVAL_WITHOUT_AGENTS,
        ForecastLevel::Watch => SAMPLE_INTERVAL_AT_REST / 2,
        ForecastLevel::Warn | ForecastLevel::Runaway => MAX_POLL_INTERVAL,
    }
}

/// The change of memory use that triggers a sample: a quarter of the distance to the nearest threshold, or to that
/// of an unknown agent.
pub(super) fn sampling_slack(headrooms: impl Iterator<Item = Headroom>, unknown: Bytes) -> Bytes {
    headrooms.map(|w| w.to_next).fold(unknown, Bytes::min).share(1, 4).max(MIN_SAMPLING_SLACK)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Bytes = Bytes::mib(1200);

    fn until_poll(intervals: PollIntervals) -> u128 {
        intervals.until_poll(ROOM).as_millis()
    }

    #[test]
    fn a_guest_at_rest_is_polled_for_the_default_rate() {
        assert_eq!(until_poll(PollIntervals::default()), 195);
        assert_eq!(PollIntervals::default().until_poll(Bytes::gib(16)).as_millis(), 1000);
        assert_eq!(PollIntervals::default().until_poll(Bytes::mib(1)).as_millis(), 20);
    }

    #[test]
    fn an_observed_faster_rate_counts_from_then_on() {
        let mut intervals = PollIntervals::default();
        intervals.observe(BytesPerSecond::mebi(1024));
        assert_eq!(until_poll(intervals), 195);
        intervals.observe(BytesPerSecond::mebi(6 * 1024));
        intervals.observe(BytesPerSecond::mebi(10));
        assert_eq!(until_poll(intervals), 97);
        intervals.observe(BytesPerSecond::mebi(50_000));
        assert_eq!(until_poll(intervals), 73, "memory itself is no faster");
    }

    #[test]
    fn sample_intervals_are_no_shorter_than_needed() {
        let headroom =
            Headroom { to_kill: ROOM, to_next: ROOM, is_small: false, rate: BytesPerSecond::default() };
        assert_eq!(PollIntervals::until_sample([headroom].into_iter()).as_millis(), 195);
    }
}
