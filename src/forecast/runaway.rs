//! Growth that leaves only minutes, detected from the last two minutes alone if they are like nothing before.

use std::collections::VecDeque;
use std::time::Duration;

use super::bins::Bins;

/// Time for which samples are kept.
const OBSERVATION_WINDOW: Duration = Duration::from_mins(2);

/// Criteria for a climb within the observed time.
#[derive(Debug)]
struct ClimbWindow {
    length: Duration,
    /// Fewer samples, or a shorter part, cannot distinguish a climb from a step.
    min_samples: usize,
    min_span: Duration,
    /// Minimum growth, as a share of the limit.
    min_growth: f64,
    /// Minimum share of rising steps.
    min_rising: f64,
}

/// A climb over the whole observed time.
const SUSTAINED_CLIMB_WINDOW: ClimbWindow = ClimbWindow {
    length: OBSERVATION_WINDOW,
    min_samples: 7,
    min_span: Duration::from_secs(85),
    min_growth: 0.06,
    min_rising: 0.8,
};

/// A climb of a minute or two shows in a shorter part, if it is steep enough.
const STEEP_CLIMB_WINDOW: ClimbWindow = ClimbWindow {
    length: Duration::from_secs(50),
    min_samples: 5,
    min_span: Duration::from_secs(35),
    min_growth: 0.2,
    min_rising: 1.0,
};

/// More samples are thinned out: 4 KB.
const MAX_RUNAWAY_SAMPLES: usize = 256;

/// A starting program climbs steeply, too.
const WARM_UP_TIME: Duration = Duration::from_mins(10);

/// Follows the values themselves, not their floor.
#[derive(Clone, Debug, Default)]
pub(super) struct Runaway {
    recent: VecDeque<(Duration, f64)>,
    trough: f64,
    peak: f64,
    /// The largest rise that fell back; it decays by half a percent with each further one.
    largest_spike: f64,
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
            self.largest_spike = rise.max(self.largest_spike * 0.995);
            (self.trough, self.peak) = (value, value);
        } else if value < self.trough {
            (self.trough, self.peak) = (value, value);
        }
        self.recent.push_back((at, value));
        while self.recent.front().is_some_and(|(then, _)| *then + OBSERVATION_WINDOW < at) {
            self.recent.pop_front();
        }
        if self.recent.len() > MAX_RUNAWAY_SAMPLES {
            let mut keep = false;
            self.recent.retain(|_| {
                keep = !keep;
                keep
            });
        }
    }

    /// The climbing process has exited: a climb is detected from new samples only. The height of earlier ones is kept,
    /// and that this is no start.
    pub(super) fn interrupt(&mut self) {
        self.recent.clear();
    }

    /// Seconds until `limit`, if this is a runaway.
    pub(super) fn seconds(&self, bins: &Bins, limit: f64) -> Option<f64> {
        let (end, last) = *self.recent.back()?;
        if end < self.first? + WARM_UP_TIME {
            return None;
        }
        // It has been this high before.
        if bins.highest_before(3).is_some_and(|before| last < 1.02 * before) {
            return None;
        }
        // A build or a test run climbs as steeply: this climb has to exceed those.
        let alone = if self.largest_spike < 0.03 * limit { 0.25 * limit } else { 0.0 };
        if last - self.trough < alone.max(1.5 * self.largest_spike) {
            return None;
        }
        let climbs = [&SUSTAINED_CLIMB_WINDOW, &STEEP_CLIMB_WINDOW]
            .into_iter()
            .filter_map(|window| self.climb(window, limit));
        climbs.map(|rate| (limit - last).max(0.0) / rate).reduce(f64::min)
    }

    /// Bytes a second, if the newest part of that length is one climb that does not slow down.
    #[allow(clippy::cast_precision_loss, reason = "at most 256 samples")]
    fn climb(&self, window: &ClimbWindow, limit: f64) -> Option<f64> {
        let (end, last) = *self.recent.back()?;
        let from = self.recent.iter().position(|(at, _)| *at + window.length >= end)?;
        let count = self.recent.len() - from;
        let (begin, first) = self.recent[from];
        let (span, growth) = (end.saturating_sub(begin), last - first);
        if count < window.min_samples || span < window.min_span || growth < window.min_growth * limit {
            return None;
        }
        let piece = || self.recent.iter().skip(from).map(|(_, value)| *value);
        let steps = piece().zip(piece().skip(1)).map(|(before, after)| after - before);
        let up = steps.clone().filter(|step| *step > 0.0).count();
        let largest_spike = steps.fold(f64::MIN, f64::max);
        if (up as f64) < window.min_rising * (count - 1) as f64 || largest_spike > 0.4 * growth {
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
    fn a_steep_climb_is_a_runaway() {
        let seconds = after_calm(|step| 10.0 + 2.5 * f64::from(step), 15).unwrap();
        assert!((seconds - (100.0 - 47.5) / 0.25).abs() < 15.0, "{seconds}");
    }

    #[test]
    fn jumps_and_slow_or_slowing_climbs_are_no_runaway() {
        assert_eq!(after_calm(|_| 60.0, 15), None);
        assert_eq!(after_calm(|step| 10.0 + 0.05 * f64::from(step), 15), None);
        assert_eq!(after_calm(|step| 10.0 + 50.0 * (1.0 - (-f64::from(step) / 3.0).exp()), 15), None);
    }

    #[test]
    fn the_sample_count_is_bounded() {
        let mut runaway = Runaway::default();
        for at in 0..100_000_u32 {
            runaway.add(Duration::from_millis(1) * at, 1.0);
        }
        assert!(runaway.recent.len() <= MAX_RUNAWAY_SAMPLES, "{}", runaway.recent.len());
    }
}
