//! Derives a stable level from estimates.

use std::time::Duration;

use crate::model::forecast::ForecastLevel;

/// Warn if the limit will be reached within this time.
pub(super) const WARN_HORIZON: Duration = Duration::from_hours(1);

/// Consecutive evaluations that raise the level.
const EVALUATIONS_TO_RAISE: u32 = 3;

/// Consecutive evaluations, with the limit more than half as far again away, that clear it.
const EVALUATIONS_TO_CLEAR: u32 = 10;

/// The level, and the counters that change it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AlertLevel {
    pub(super) level: ForecastLevel,
    near: u32,
    far: u32,
}

impl AlertLevel {
    /// Observes an evaluation: seconds to the limit, infinite without one, and whether it is a runaway.
    pub(super) fn evaluate(&mut self, seconds: f64, runaway: bool) {
        let (horizon, clear) = (WARN_HORIZON.as_secs_f64(), WARN_HORIZON.as_secs_f64() * 2.0);
        if self.is_raised() {
            self.far = if seconds > clear { self.far + 1 } else { 0 };
            if self.far >= EVALUATIONS_TO_CLEAR {
                *self = Self::default();
            }
        } else {
            self.near = if seconds <= horizon { self.near + 1 } else { 0 };
        }
        self.level = match self.is_raised() || self.near >= EVALUATIONS_TO_RAISE {
            true if runaway => ForecastLevel::Runaway,
            true => ForecastLevel::Warn,
            false if seconds <= clear => ForecastLevel::Watch,
            false => ForecastLevel::None,
        };
    }

    /// A runaway: there is no time for a second evaluation.
    pub(super) fn raise_runaway(&mut self) {
        (self.level, self.far) = (ForecastLevel::Runaway, 0);
    }

    /// The climbing process has exited. A trend continues below that, or is disproved within a few evaluations.
    pub(super) fn interrupt(&mut self) {
        if self.level == ForecastLevel::Runaway {
            self.level =
                if self.near >= EVALUATIONS_TO_RAISE { ForecastLevel::Warn } else { ForecastLevel::None };
        }
        if self.is_raised() {
            self.far = self.far.max(EVALUATIONS_TO_CLEAR - EVALUATIONS_TO_RAISE);
        }
    }

    pub(super) fn is_raised(&self) -> bool {
        matches!(self.level, ForecastLevel::Warn | ForecastLevel::Runaway)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ForecastLevel as L;

    #[test]
    fn raising_takes_three_evaluations_and_clearing_ten() {
        let mut alert_level = AlertLevel::default();
        let mut levels = Vec::new();
        for seconds in [3000.0, 3000.0, 9000.0, 3000.0, 3000.0, 3000.0] {
            alert_level.evaluate(seconds, false);
            levels.push(alert_level.level);
        }
        assert_eq!(levels, [L::Watch, L::Watch, L::None, L::Watch, L::Watch, L::Warn]);
        for _ in 0..9 {
            alert_level.evaluate(f64::INFINITY, false);
        }
        alert_level.evaluate(5000.0, false);
        assert_eq!(alert_level.level, L::Warn, "one that is near begins it anew");
        for _ in 0..10 {
            alert_level.evaluate(f64::INFINITY, false);
        }
        assert_eq!(alert_level.level, L::None);
    }

    #[test]
    fn an_exit_keeps_the_trend_until_evaluated() {
        let mut alert_level = AlertLevel::default();
        (0..3).for_each(|_| alert_level.evaluate(3000.0, false));
        alert_level.interrupt();
        assert_eq!(alert_level.level, L::Warn);
        alert_level.evaluate(3000.0, false);
        alert_level.interrupt();
        let mut levels = Vec::new();
        for _ in 0..4 {
            alert_level.evaluate(f64::INFINITY, false);
            levels.push(alert_level.level);
        }
        assert_eq!(levels, [L::Warn, L::Warn, L::None, L::None]);
        // Exits that follow one another faster than the debounce do not hide a leak.
        for _ in 0..3 {
            alert_level.interrupt();
            alert_level.evaluate(3000.0, false);
        }
        assert_eq!(alert_level.level, L::Warn);
        alert_level.raise_runaway();
        alert_level.interrupt();
        assert_eq!(alert_level.level, L::Warn, "the trend was there before");
        let mut sudden = AlertLevel::default();
        sudden.raise_runaway();
        sudden.interrupt();
        assert_eq!(sudden.level, L::None);
    }

    #[test]
    fn a_runaway_raises_the_level_at_once() {
        let mut alert_level = AlertLevel::default();
        alert_level.raise_runaway();
        assert_eq!(alert_level.level, ForecastLevel::Runaway);
        alert_level.evaluate(300.0, false);
        assert_eq!(alert_level.level, ForecastLevel::Warn);
    }
}
