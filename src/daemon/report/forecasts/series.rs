//! One series, its forecaster, and what was told of it.

use std::time::Duration;

use crate::api::forecast::Forecast;
use crate::api::history::PointInfo;
use crate::forecast::{EVALUATION_INTERVAL, ForecastChange, Forecaster};
use crate::model::forecast::{Ceiling, ForecastAlert, ForecastLevel};
use crate::model::time::UnixSeconds;
use crate::model::{Boottime, Bytes};

/// An alarm that has stood for so long is no other's that has just ended, and was told.
const OWN: Duration = Duration::from_mins(5);

/// Whoever else may tell of the same is asked within this, at other seconds of the minute.
const PATIENCE: Duration = EVALUATION_INTERVAL.saturating_mul(2);

/// A series and its forecaster.
#[derive(Debug)]
pub(crate) struct ForecastSeries {
    pub(crate) forecaster: Forecaster,
    /// The last figure.
    pub(crate) value: Bytes,
    /// When that was.
    at: Boottime,
    /// The last forecast, and when it was made; `None` before the first evaluation.
    forecast: Option<(Boottime, Forecast)>,
    /// The level that somebody was told.
    pub(crate) told: ForecastLevel,
    /// Somebody else told it, and so nobody is to be told that it is over.
    silent: bool,
    /// Since when nobody else does any more.
    alone: Option<Boottime>,
    /// Since when there is something to be told.
    stands: Option<Boottime>,
    /// A warning waits for so long whether somebody else tells it.
    patience: Duration,
}

/// Something to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It has become pressing, or more so.
    ForecastAlert(ForecastAlert),
    /// It is not any more.
    Over,
}

impl ForecastSeries {
    pub(crate) fn new(ceiling: Ceiling, limit: Bytes) -> Self {
        Self {
            forecaster: Forecaster::new(ceiling, limit),
            value: Bytes::ZERO,
            at: Boottime::default(),
            forecast: None,
            told: ForecastLevel::None,
            silent: false,
            alone: None,
            stands: None,
            patience: Duration::ZERO,
        }
    }

    /// One that somebody else tells of as a rule.
    pub(crate) fn patient(ceiling: Ceiling, limit: Bytes) -> Self {
        Self { patience: PATIENCE, ..Self::new(ceiling, limit) }
    }

    /// Takes in a figure.
    pub(crate) fn take(&mut self, at: Boottime, value: Bytes) {
        (self.at, self.value) = (at, value);
        let progress = self.forecaster.add(at, value);
        if progress == ForecastChange::Forgotten {
            // Not "no longer foretold": nobody has looked.
            (self.told, self.silent) = (ForecastLevel::None, false);
        }
        if progress != ForecastChange::Quiet {
            self.forecast = Some((at, self.forecaster.forecast()));
        }
    }

    /// Takes in what was recorded until `now`; `then` is when that was. An alarm that stands since a while was told by whoever
    /// recorded it.
    pub(crate) fn recall(
        &mut self,
        points: &[PointInfo],
        then: impl Fn(UnixSeconds) -> Boottime,
        now: Boottime,
    ) {
        let mut stands: Option<Boottime> = None;
        for point in points {
            let at = then(point.time);
            stands = stands.or(Some(at)).filter(|_| self.forecaster.level() >= ForecastLevel::Warn);
            self.take(at, point.min);
            // A point is over before the next one begins.
            let end = at + Duration::from_secs(u64::from(point.seconds.saturating_sub(1)));
            self.take(end.min(now), point.max);
        }
        // What stood for an evaluation longer than anybody waits was told.
        if stands.is_some_and(|since| now.since(since) >= EVALUATION_INTERVAL + self.patience) {
            self.told = self.forecaster.level();
        }
    }

    /// What is to be told, once: an alarm that begins or becomes a runaway, and its end. Where it is `known` already it
    /// counts as told.
    pub(crate) fn turn(&mut self, at: Boottime, known: bool) -> Option<Turn> {
        let level = self.forecaster.level();
        self.alone = if self.silent && !known { self.alone.or(Some(at)) } else { None };
        // Whoever told it has nothing to tell any more, and it stands: it is something else.
        if self.alone.is_some_and(|since| at.since(since) >= OWN) {
            (self.told, self.silent) = (ForecastLevel::None, false);
        }
        self.stands = self.stands.or(Some(at)).filter(|_| level >= ForecastLevel::Warn);
        if level < ForecastLevel::Warn {
            let was_told = self.was_told();
            (self.told, self.silent) = (ForecastLevel::None, false);
            return was_told.then_some(Turn::Over);
        }
        // What is there already is not foretold, but acted on.
        if level <= self.told || self.value >= self.forecaster.ceiling().1 {
            return None;
        }
        if known {
            (self.told, self.silent) = (level, true);
            return None;
        }
        let is_early = self.stands.is_none_or(|since| at.since(since) < self.patience);
        if is_early && level < ForecastLevel::Runaway {
            return None;
        }
        let foretold = self.forecaster.forecast().alert().filter(|told| told.eta > Duration::ZERO)?;
        (self.told, self.silent) = (level, false);
        Some(Turn::ForecastAlert(foretold))
    }

    /// What was told before was told by somebody else.
    pub(crate) fn others_told(&mut self) {
        self.silent = self.told >= ForecastLevel::Warn;
    }

    /// Whether somebody was told, and by this.
    pub(crate) fn was_told(&self) -> bool {
        self.told >= ForecastLevel::Warn && !self.silent
    }

    /// The newest forecast, as of the last figure. Before the first there is one that says so.
    pub(crate) fn forecast(&self) -> Forecast {
        match &self.forecast {
            Some((made, forecast)) => forecast.clone().after(self.at.since(*made)),
            None => self.forecaster.forecast(),
        }
    }
}
