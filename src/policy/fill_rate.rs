//! How fast the memory of the machine fills.

use std::collections::VecDeque;
use std::time::Duration;

use crate::model::{Boottime, Bytes, BytesPerSecond};

/// Window of the sustained rate: a build takes gigabytes within two or three seconds and gives them back.
const SUSTAINED_WINDOW: Duration = Duration::from_secs(10);

/// Below this window there is no sustained rate.
const MIN_SUSTAINED_WINDOW: Duration = Duration::from_secs(3);

/// Interval of the points in the window.
const MIN_POINT_INTERVAL: Duration = Duration::from_millis(250);

/// Two samples in quicker succession give no rate: the kernel batches its counters.
pub(super) const MIN_RATE_INTERVAL: Duration = Duration::from_millis(10);

/// No machine fills faster. A larger change means that memory was taken away from it: a part of it, or a pool.
const MAX_RATE: BytesPerSecond = BytesPerSecond::mebi(20 * 1024);

/// Recent memory use. Based on used memory rather than available memory: swap that is removed, and zram with an estimated
/// capacity proves wrong, is no growth and may be gigabytes between two samples.
#[derive(Debug, Default)]
pub(super) struct FillRate {
    last: Option<(Boottime, Bytes)>,
    current: BytesPerSecond,
    points: VecDeque<(Boottime, Bytes)>,
}

impl FillRate {
    /// Observes the memory in use.
    pub(super) fn record(&mut self, at: Boottime, used: Bytes) {
        if let Some((before, last)) = self.last {
            let elapsed = at.since(before);
            if elapsed < MIN_RATE_INTERVAL {
                return;
            }
            self.current = BytesPerSecond::growth(last, used, elapsed).min(MAX_RATE);
        }
        self.last = Some((at, used));
        if self.points.back().is_none_or(|(newest, _)| at.since(*newest) >= MIN_POINT_INTERVAL) {
            self.points.push_back((at, used));
        }
        // Keep one point at least as old as the window.
        while self.points.get(1).is_some_and(|(second, _)| at.since(*second) >= SUSTAINED_WINDOW) {
            self.points.pop_front();
        }
    }

    /// The rate between the last two samples.
    pub(super) fn current(&self) -> BytesPerSecond {
        self.current
    }

    /// The rate of the last ten seconds; zero if less than three of them were observed.
    pub(super) fn sustained(&self) -> BytesPerSecond {
        let (Some((at, used)), Some((oldest, before))) = (self.last, self.points.front()) else {
            return BytesPerSecond::default();
        };
        let elapsed = at.since(*oldest);
        if elapsed < MIN_SUSTAINED_WINDOW {
            return BytesPerSecond::default();
        }
        BytesPerSecond::growth(*before, used, elapsed).min(MAX_RATE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Boottime {
        Boottime::new(Duration::from_millis(millis))
    }

    #[test]
    fn a_burst_is_not_sustained() {
        let mut fill = FillRate::default();
        for second in 0..20 {
            fill.record(at(second * 1000), Bytes::gib(6));
        }
        fill.record(at(20_000), Bytes::gib(7));
        fill.record(at(21_000), Bytes::gib(8));
        assert_eq!(fill.current(), BytesPerSecond::mebi(1024));
        assert!(fill.sustained() <= BytesPerSecond::mebi(205), "{:?}", fill.sustained());
    }

    #[test]
    fn a_leak_is_sustained() {
        let mut fill = FillRate::default();
        for tick in 0..100 {
            fill.record(at(tick * 200), Bytes::mib(10_000 + tick * 20));
        }
        assert_eq!(
            (fill.current(), fill.sustained()),
            (BytesPerSecond::mebi(100), BytesPerSecond::mebi(100))
        );
        assert!(fill.points.len() < 64, "{}", fill.points.len());
    }

    #[test]
    fn a_jump_is_capped() {
        let mut fill = FillRate::default();
        fill.record(at(0), Bytes::gib(1));
        fill.record(at(20), Bytes::gib(4));
        assert_eq!(fill.current(), MAX_RATE);
    }

    #[test]
    fn two_samples_at_once_are_one() {
        let mut fill = FillRate::default();
        fill.record(at(0), Bytes::gib(1));
        fill.record(at(1000), Bytes::mib(1048));
        fill.record(at(1001), Bytes::mib(1200));
        assert_eq!(fill.current(), BytesPerSecond::mebi(24));
    }
}
