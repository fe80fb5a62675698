//! One series with its forecaster, and which of its alerts were reported.

use std::time::Duration;

use crate::api::forecast::Forecast;
use crate::api::history::PointInfo;
use crate::forecast::{EVALUATION_INTERVAL, ForecastChange, Forecaster};
use crate::model::event::EventKind;
use crate::model::forecast::{Ceiling, ForecastAlert, ForecastLevel};
use crate::model::time::UnixSeconds;
use crate::model::{Boottime, Bytes};

/// A covered alert that outlives the covering one by this has another cause, and is reported itself. Below that the covering
/// alert may just have been cleared first.
const COVER_TIMEOUT: Duration = Duration::from_mins(5);

/// Grace period before a series raises its own warning: the forecaster of another series, evaluated at a different second of
/// the minute, may report the same leak first.
const GRACE_PERIOD: Duration = EVALUATION_INTERVAL.saturating_mul(2);

/// A series with its forecaster. Its alert is *covered* while another series reports the same leak: then this one reports
/// neither the alert nor its end.
#[derive(Debug)]
pub(crate) struct ForecastSeries {
    pub(crate) forecaster: Forecaster,
    /// The latest value.
    pub(crate) value: Bytes,
    /// Time of the latest value.
    at: Boottime,
    /// The latest forecast with the time of its evaluation; `None` before the first one.
    forecast: Option<(Boottime, Forecast)>,
    /// The highest level reported for the current alert, by this series or by the covering one.
    pub(crate) reported: ForecastLevel,
    /// The current alert was reported by another series.
    is_covered: bool,
    /// When the covering alert was cleared, while this one lasts.
    uncovered_since: Option<Boottime>,
    /// Since when the level is at least [`ForecastLevel::Warn`].
    alerting_since: Option<Boottime>,
    /// How long a warning waits for another series to report it.
    grace_period: Duration,
}

/// A change of an alert that is to be reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AlertChange {
    /// The alert begins, or becomes a runaway.
    Raised(ForecastAlert),
    /// The alert is over.
    Cleared,
}

impl From<AlertChange> for EventKind {
    fn from(change: AlertChange) -> Self {
        match change {
            AlertChange::Raised(alert) => Self::ForecastAlert(alert),
            AlertChange::Cleared => Self::ForecastCleared,
        }
    }
}

impl ForecastSeries {
    pub(crate) fn new(ceiling: Ceiling, limit: Bytes) -> Self {
        Self {
            forecaster: Forecaster::new(ceiling, limit),
            value: Bytes::ZERO,
            at: Boottime::default(),
            forecast: None,
            reported: ForecastLevel::None,
            is_covered: false,
            uncovered_since: None,
            alerting_since: None,
            grace_period: Duration::ZERO,
        }
    }

    /// A series with alerts that another one usually covers.
    pub(crate) fn with_grace_period(ceiling: Ceiling, limit: Bytes) -> Self {
        Self { grace_period: GRACE_PERIOD, ..Self::new(ceiling, limit) }
    }

    /// Records a value.
    pub(crate) fn record(&mut self, at: Boottime, value: Bytes) {
        (self.at, self.value) = (at, value);
        let change = self.forecaster.add(at, value);
        if change == ForecastChange::Forgotten {
            // Not reported as cleared: there were no samples to conclude that from.
            self.reset_reported();
        }
        if change != ForecastChange::Quiet {
            self.forecast = Some((at, self.forecaster.forecast()));
        }
    }

    /// Replays recorded history up to `now`; `to_boottime` converts the times of its points. An alert that has lasted for a
    /// while was reported by the daemon that recorded it.
    pub(crate) fn seed(
        &mut self,
        points: &[PointInfo],
        to_boottime: impl Fn(UnixSeconds) -> Boottime,
        now: Boottime,
    ) {
        let mut alerting_since: Option<Boottime> = None;
        for point in points {
            let at = to_boottime(point.time);
            alerting_since =
                alerting_since.or(Some(at)).filter(|_| self.forecaster.level() >= ForecastLevel::Warn);
            self.record(at, point.min);
            // A point is over before the next one begins.
            let end = at + Duration::from_secs(u64::from(point.seconds.saturating_sub(1)));
            self.record(end.min(now), point.max);
        }
        // An alert older than one evaluation and the grace period was reported.
        if alerting_since.is_some_and(|since| now.since(since) >= EVALUATION_INTERVAL + self.grace_period) {
            self.reported = self.forecaster.level();
        }
    }

    /// The change to report, each once: an alert that begins or becomes a runaway, and its end. With `is_reported_elsewhere`
    /// the alert becomes covered instead.
    pub(crate) fn alert_change(&mut self, at: Boottime, is_reported_elsewhere: bool) -> Option<AlertChange> {
        let level = self.forecaster.level();
        self.uncovered_since =
            if self.is_covered && !is_reported_elsewhere { self.uncovered_since.or(Some(at)) } else { None };
        if self.uncovered_since.is_some_and(|since| at.since(since) >= COVER_TIMEOUT) {
            self.reset_reported();
        }
        self.alerting_since = self.alerting_since.or(Some(at)).filter(|_| level >= ForecastLevel::Warn);
        if level < ForecastLevel::Warn {
            let has_reported = self.has_reported();
            self.reset_reported();
            return has_reported.then_some(AlertChange::Cleared);
        }
        // A ceiling that is already reached is no forecast; the policy acts on it.
        if level <= self.reported || self.value >= self.forecaster.ceiling().1 {
            return None;
        }
        if is_reported_elsewhere {
            (self.reported, self.is_covered) = (level, true);
            return None;
        }
        let is_early = self.alerting_since.is_none_or(|since| at.since(since) < self.grace_period);
        if is_early && level < ForecastLevel::Runaway {
            return None;
        }
        let alert = self.forecaster.forecast().alert().filter(|alert| alert.eta > Duration::ZERO)?;
        (self.reported, self.is_covered) = (level, false);
        Some(AlertChange::Raised(alert))
    }

    /// Marks an alert reported so far as reported by another series.
    pub(crate) fn mark_covered(&mut self) {
        self.is_covered = self.reported >= ForecastLevel::Warn;
    }

    /// Whether the current alert was reported by this series.
    pub(crate) fn has_reported(&self) -> bool {
        self.reported >= ForecastLevel::Warn && !self.is_covered
    }

    fn reset_reported(&mut self) {
        (self.reported, self.is_covered) = (ForecastLevel::None, false);
    }

    /// The latest forecast, as of the latest value. Before the first evaluation its trend says so.
    pub(crate) fn forecast(&self) -> Forecast {
        match &self.forecast {
            Some((made, forecast)) => forecast.clone().after(self.at.since(*made)),
            None => self.forecaster.forecast(),
        }
    }
}
