//! Climbs of the floor that fell back by themselves: a major collection, the end of a task, a restart.

use std::collections::VecDeque;
use std::time::Duration;

use super::floor_trend::median;

/// Climbs remembered.
const MAX_CLIMBS: usize = 6;

/// Time for which a climb is remembered.
const CLIMB_RETENTION: Duration = Duration::from_hours(12);

/// Follows the floor, bin by bin.
#[derive(Clone, Debug, Default)]
pub(super) struct Cycles {
    trough: Option<(Duration, f64)>,
    peak: (Duration, f64),
    recovered: VecDeque<CompletedClimb>,
}

#[derive(Clone, Copy, Debug)]
struct CompletedClimb {
    at: Duration,
    peak: f64,
    climb: Duration,
}

impl Cycles {
    /// Observes the floor of a closed bin. A climb counts from 4 % of the limit, once half of it is given back.
    pub(super) fn add(&mut self, at: Duration, floor: f64, limit: f64) {
        let Some(trough) = self.trough else {
            (self.trough, self.peak) = (Some((at, floor)), (at, floor));
            return;
        };
        if floor > self.peak.1 {
            self.peak = (at, floor);
        }
        let rise = self.peak.1 - trough.1;
        if rise > 0.04 * limit && self.peak.1 - floor > 0.5 * rise {
            if self.recovered.len() == MAX_CLIMBS {
                self.recovered.pop_front();
            }
            let climb = self.peak.0.saturating_sub(trough.0);
            self.recovered.push_back(CompletedClimb { at: self.peak.0, peak: self.peak.1, climb });
            (self.trough, self.peak) = (Some((at, floor)), (at, floor));
        } else if floor < trough.1 {
            (self.trough, self.peak) = (Some((at, floor)), (at, floor));
        }
    }

    /// Duration of such a climb, if two or more fell back and the floor is not clearly above the level that they fell
    /// back from.
    pub(super) fn climb(&self, now: Duration, floor: f64) -> Option<Duration> {
        let last = self.recovered.back()?;
        if self.recovered.len() < 2 || last.at + CLIMB_RETENTION <= now {
            return None;
        }
        let recent = || self.recovered.iter().rev().take(4);
        let highest = recent().map(|recovered| recovered.peak).fold(f64::MIN, f64::max);
        if floor >= 1.02 * highest {
            return None;
        }
        let mut climbs = [0.0; 4];
        let mut count = 0;
        for (climb, recovered) in climbs.iter_mut().zip(recent()) {
            *climb = recovered.climb.as_secs_f64();
            count += 1;
        }
        Some(Duration::from_secs_f64(median(&mut climbs[..count])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cycle_is_detected_after_two_climbs() {
        let mut cycles = Cycles::default();
        let mut at = Duration::ZERO;
        let mut turns = 0;
        for turn in 0..4 {
            for step in 0..10 {
                at += Duration::from_secs(90);
                cycles.add(at, 100.0 + 10.0 * f64::from(step), 1000.0);
                turns = turn;
            }
        }
        assert_eq!(turns, 3);
        let climb = cycles.climb(at, 150.0).unwrap();
        assert_eq!(climb, Duration::from_secs(9 * 90));
        assert_eq!(cycles.climb(at, 300.0), None, "above all earlier peaks");
        assert_eq!(cycles.climb(at + CLIMB_RETENTION * 2, 150.0), None);
    }

    #[test]
    fn small_swings_are_no_cycles() {
        let mut cycles = Cycles::default();
        for step in 0..100_u32 {
            cycles.add(Duration::from_secs(90) * step, 100.0 + f64::from(step % 5), 1000.0);
        }
        assert_eq!(cycles.climb(Duration::from_mins(150), 100.0), None);
    }
}
