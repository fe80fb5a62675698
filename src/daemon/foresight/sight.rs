//! One series, its forecaster, and what was told of it.

use std::time::Duration;

use crate::forecast::{Forecaster, Progress};
use crate::model::forecast::{Ceiling, Forecast, ForecastLevel, Foretold};
use crate::model::history::{PointInfo, UnixSeconds};
use crate::model::{Boottime, Bytes};

/// A series and its forecaster.
#[derive(Debug)]
pub(super) struct Sight {
    pub(super) forecaster: Forecaster,
    /// The last figure.
    pub(super) value: Bytes,
    /// The last forecast; `None` before the first evaluation.
    forecast: Option<Forecast>,
    /// The level that somebody was told.
    pub(super) told: ForecastLevel,
    /// Somebody else told it, and so nobody is to be told that it is over.
    silent: bool,
}

/// Something to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It has become pressing, or more so.
    Foretold(Foretold),
    /// It is not any more.
    Over,
}

impl Sight {
    pub(super) fn new(ceiling: Ceiling, limit: Bytes) -> Self {
        Self {
            forecaster: Forecaster::new(ceiling, limit),
            value: Bytes::ZERO,
            forecast: None,
            told: ForecastLevel::None,
            silent: false,
        }
    }

    /// Takes in a figure.
    pub(super) fn take(&mut self, at: Boottime, value: Bytes) {
        self.value = value;
        if self.forecaster.add(at, value) != Progress::Quiet {
            self.forecast = Some(self.forecaster.forecast());
        }
    }

    /// Takes in what was recorded since `from`; `then` is when that was. What it makes of it was told already.
    pub(super) fn recall(
        &mut self,
        points: &[PointInfo],
        then: impl Fn(UnixSeconds) -> Boottime,
        from: Boottime,
    ) {
        for point in points {
            let at = then(point.time);
            if at < from {
                continue;
            }
            self.take(at, point.min);
            // A point is over before the next one begins.
            self.take(at + Duration::from_secs(u64::from(point.seconds.saturating_sub(1))), point.max);
        }
        self.told = self.forecaster.level();
    }

    /// What is to be told, once: an alarm that begins or becomes a runaway, and its end. Where it is `known` already it
    /// counts as told.
    pub(super) fn turn(&mut self, known: bool) -> Option<Turn> {
        let level = self.forecaster.level();
        if level < ForecastLevel::Warn {
            let was = std::mem::take(&mut self.told);
            let silent = std::mem::take(&mut self.silent);
            return (was >= ForecastLevel::Warn && !silent).then_some(Turn::Over);
        }
        // What is there already is not foretold, but acted on.
        if level <= self.told || self.value >= self.forecaster.ceiling().1 {
            return None;
        }
        if known {
            (self.told, self.silent) = (level, true);
            return None;
        }
        let foretold = Foretold::of(&self.forecaster.forecast())?;
        (self.told, self.silent) = (level, false);
        Some(Turn::Foretold(foretold))
    }

    /// The newest forecast. Before the first there is one that says so.
    pub(super) fn forecast(&self) -> Forecast {
        self.forecast.clone().unwrap_or_else(|| self.forecaster.forecast())
    }
}
