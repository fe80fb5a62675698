//! Growth that leaves minutes: told from the last two minutes alone, where they are like nothing before.

use std::collections::VecDeque;
use std::time::Duration;

use super::bins::Bins;

/// What is looked at.
const WINDOW: Duration = Duration::from_mins(2);

/// A piece of it that may show a climb.
#[derive(Debug)]
struct Window {
    length: Duration,
    /// Fewer samples, or a shorter piece, cannot tell a climb from a step.
    fewest: usize,
    shortest: Duration,
    /// The least growth, as a share of the limit.
    least: f64,
    /// The least share of steps upwards.
    rising: f64,
}

const LONG: Window =
    Window { length: WINDOW, fewest: 7, shortest: Duration::from_secs(85), least: 0.06, rising: 0.8 };

/// What is over in a minute or two shows in a shorter piece, if it is steep enough.
const SHORT: Window = Window {
    length: Duration::from_secs(50),
    fewest: 5,
    shortest: Duration::from_secs(35),
    least: 0.2,
    rising: 1.0,
};

/// More samples than these are thinned: 4 KB.
const MOST: usize = 256;

/// A start is steep, too.
const START: Duration = Duration::from_mins(10);

/// Follows the values themselves, not their floor.
#[derive(Clone, Debug, Default)]
pub(super) struct Runaway {
    recent: VecDeque<(Duration, f64)>,
    trough: f64,
    peak: f64,
    /// The largest rise that fell back; it pales by half a percent with each further one.
    largest: f64,
    first: Option<Duration>,
}

impl Runaway {
    pub(super) fn add(&mut self, at: Duration, value: f64) {
        if self.first.is_none() {
            (self.first, self.trough, self.peak) = (Some(at), value, value);
        }
        self.peak = self.peak.max(value);
        let rise = self.peak - self.trough;
        if self.peak - value > 0.5 * rise {
            self.largest = rise.max(self.largest * 0.995);
            (self.trough, self.peak) = (value, value);
        } else if value < self.trough {
            (self.trough, self.peak) = (value, value);
        }
        self.recent.push_back((at, value));
        while self.recent.front().is_some_and(|(then, _)| *then + WINDOW < at) {
            self.recent.pop_front();
        }
        if self.recent.len() > MOST {
            let mut keep = false;
            self.recent.retain(|_| {
                keep = !keep;
                keep
            });
        }
    }

    /// What climbed has ended: a climb is told from what comes now. How high earlier ones went still counts, and that this
    /// is no start.
    pub(super) fn interrupt(&mut self) {
        self.recent.clear();
    }

    /// Seconds until `limit`, where this is a runaway.
    pub(super) fn seconds(&self, bins: &Bins, limit: f64) -> Option<f64> {
        let (end, last) = *self.recent.back()?;
        if end < self.first? + START {
            return None;
        }
        // It has been this high before.
        if bins.highest_before(3).is_some_and(|before| last < 1.02 * before) {
            return None;
        }
        // A build or a test run climbs as steeply: this one has to outgrow them.
        let alone = if self.largest < 0.03 * limit { 0.25 * limit } else { 0.0 };
        if last - self.trough < alone.max(1.5 * self.largest) {
            return None;
        }
        let climbs = [&LONG, &SHORT].into_iter().filter_map(|window| self.climb(window, limit));
        climbs.map(|rate| (limit - last).max(0.0) / rate).reduce(f64::min)
    }

    /// Bytes a second, where the newest piece of that length is one climb that does not slow down.
    #[allow(clippy::cast_precision_loss, reason = "at most 256 samples")]
    fn climb(&self, window: &Window, limit: f64) -> Option<f64> {
        let (end, last) = *self.recent.back()?;
        let from = self.recent.iter().position(|(at, _)| *at + window.length >= end)?;
        let count = self.recent.len() - from;
        let (begin, first) = self.recent[from];
        let (span, growth) = (end.saturating_sub(begin), last - first);
        if count < window.fewest || span < window.shortest || growth < window.least * limit {
            return None;
        }
        let piece = || self.recent.iter().skip(from).map(|(_, value)| *value);
        let steps = piece().zip(piece().skip(1)).map(|(before, after)| after - before);
        let up = steps.clone().filter(|step| *step > 0.0).count();
        let largest = steps.fold(f64::MIN, f64::max);
        if (up as f64) < window.rising * (count - 1) as f64 || largest > 0.4 * growth {
            return None;
        }
        let middle = self.recent[from + count / 2].1;
        let slowing = (last - middle) / (middle - first).max(1.0) < 0.6;
        (!slowing).then(|| growth / span.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An hour of calm at 10, then `climb` every ten seconds.
    fn after_calm(climb: impl Fn(u32) -> f64, steps: u32) -> Option<f64> {
        let (mut runaway, mut bins) = (Runaway::default(), Bins::default());
        let mut add = |at: u32, value: f64| {
            let at = Duration::from_secs(10) * at;
            runaway.add(at, value);
            bins.add(at, value);
        };
        (0..360).for_each(|at| add(at, 10.0));
        (1..=steps).for_each(|step| add(360 + step, climb(step)));
        runaway.seconds(&bins, 100.0)
    }

    #[test]
    fn a_steep_climb_is_one_and_its_end_is_told() {
        let seconds = after_calm(|step| 10.0 + 2.5 * f64::from(step), 15).unwrap();
        assert!((seconds - (100.0 - 47.5) / 0.25).abs() < 15.0, "{seconds}");
    }

    #[test]
    fn a_jump_a_slow_climb_and_one_that_slows_are_none() {
        assert_eq!(after_calm(|_| 60.0, 15), None);
        assert_eq!(after_calm(|step| 10.0 + 0.05 * f64::from(step), 15), None);
        assert_eq!(after_calm(|step| 10.0 + 50.0 * (1.0 - (-f64::from(step) / 3.0).exp()), 15), None);
    }

    #[test]
    fn thousands_of_samples_a_minute_cost_no_more() {
        let mut runaway = Runaway::default();
        for at in 0..100_000_u32 {
            runaway.add(Duration::from_millis(1) * at, 1.0);
        }
        assert!(runaway.recent.len() <= MOST, "{}", runaway.recent.len());
    }
}
