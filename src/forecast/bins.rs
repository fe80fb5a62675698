//! The history of a series in bins of 90 seconds: the lowest and highest value of each.

use std::collections::VecDeque;
use std::time::Duration;

/// Width of a bin. Short against the cycles of a garbage collector that matter (minutes to hours), long enough for two
/// samples a minute.
pub(super) const BIN_WIDTH: Duration = Duration::from_secs(90);

/// Bins kept: 8 hours and a quarter, a working day of levels that were survived.
pub(super) const MAX_BINS: usize = 330;

/// A longer gap cannot be bridged: the history before it does not apply any more.
pub(super) const MAX_GAP: Duration = Duration::from_mins(10);

/// One bin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bin {
    pub(super) low: f64,
    pub(super) high: f64,
}

/// The bins, oldest first; the last one is open.
#[derive(Clone, Debug, Default)]
pub(super) struct Bins {
    kept: VecDeque<Bin>,
    /// The number of the open bin since the clock's zero.
    number: u64,
    /// Seconds until the open bin closes.
    open: f64,
}

impl Bins {
    /// Observes a value. Returns the bin that this has closed. A bin without a value repeats the one before it.
    #[allow(clippy::cast_precision_loss, reason = "a century has 35 million bins")]
    pub(super) fn add(&mut self, at: Duration, value: f64) -> Option<Bin> {
        let number = at.as_secs() / BIN_WIDTH.as_secs();
        self.open =
            (BIN_WIDTH.as_secs_f64() - (at.as_secs_f64() - BIN_WIDTH.as_secs_f64() * number as f64)).max(0.0);
        let Some(open) = self.kept.back_mut().filter(|_| number <= self.number) else {
            let closed = self.kept.back().copied();
            if let Some(before) = closed {
                // Bounded by the longest gap.
                for _ in self.number + 1..number {
                    self.push(before);
                }
            }
            self.push(Bin { low: value, high: value });
            self.number = number;
            return closed;
        };
        open.low = open.low.min(value);
        open.high = open.high.max(value);
        None
    }

    fn push(&mut self, bin: Bin) {
        if self.kept.len() == MAX_BINS {
            self.kept.pop_front();
        }
        self.kept.push_back(bin);
    }

    /// Seconds until the newest bin closes.
    pub(super) fn seconds_until_close(&self) -> f64 {
        self.open
    }

    pub(super) fn len(&self) -> usize {
        self.kept.len()
    }

    /// The newest `count` bins, oldest first.
    pub(super) fn newest(&self, count: usize) -> impl Iterator<Item = Bin> + Clone {
        self.kept.iter().skip(self.kept.len().saturating_sub(count)).copied()
    }

    /// The highest value before the newest `count` bins.
    pub(super) fn highest_before(&self, count: usize) -> Option<f64> {
        let before = self.kept.len().saturating_sub(count);
        self.kept.iter().take(before).map(|bin| bin.high).reduce(f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lows(bins: &Bins) -> Vec<f64> {
        bins.newest(MAX_BINS).map(|bin| bin.low).collect()
    }

    #[test]
    fn bins_have_extremes_and_gaps_repeat_the_last() {
        let mut bins = Bins::default();
        for (at, value) in [(0, 5.0), (30, 3.0), (60, 7.0), (95, 4.0), (300, 9.0)] {
            bins.add(Duration::from_secs(at), value);
        }
        assert_eq!(lows(&bins), [3.0, 4.0, 4.0, 9.0]);
        assert_eq!(bins.newest(4).map(|bin| bin.high).collect::<Vec<_>>(), [7.0, 4.0, 4.0, 9.0]);
        assert_eq!(bins.highest_before(1), Some(7.0));
        assert_eq!(bins.highest_before(4), None);
    }

    #[test]
    fn old_bins_are_dropped() {
        let mut bins = Bins::default();
        for at in 0..2000_u32 {
            bins.add(BIN_WIDTH * at, f64::from(at));
        }
        assert_eq!((bins.len(), lows(&bins)[0]), (MAX_BINS, 2000.0 - 330.0));
    }
}
