//! Predicts when a series of memory figures reaches its ceiling: samples in, a forecast out. No I/O, no clock, no
//! async; the work is the same for every sample and every evaluation, and a series takes less than 20 KB.
//!
//! Method and limitations: docs/forecast.md.

mod alert_level;
mod bins;
mod cycles;
mod estimate;
mod floor_trend;
mod least_squares;
mod reason;
mod runaway;

use std::time::Duration;

use crate::api::forecast::Forecast;
use crate::model::forecast::{Ceiling, ForecastLevel};
use crate::model::{Boottime, Bytes, BytesPerSecond};
use alert_level::AlertLevel;
use bins::{BIN_WIDTH, Bins, MAX_GAP};
use cycles::Cycles;
use estimate::{NoForecastReason, TrendEstimate, estimate};
use runaway::Runaway;

/// Interval of trend evaluations. A trend changes within minutes.
pub const EVALUATION_INTERVAL: Duration = Duration::from_mins(1);

/// With less history there is no trend.
const MIN_HISTORY: Duration = Duration::from_mins(15);

/// A limit reached within this time is a runaway.
const MAX_RUNAWAY_SECONDS: f64 = 600.0;

/// A smaller change of the ceiling waits for the next evaluation.
const MIN_CEILING_CHANGE_PERCENT: u64 = 5;

/// One series against its ceiling.
#[derive(Clone, Debug)]
pub struct Forecaster {
    ceiling: Ceiling,
    limit: Bytes,
    first: Option<Boottime>,
    last: (Boottime, f64),
    due: Boottime,
    /// The limit of the last conclusion; `None` if that is outdated, so that the next sample evaluates again.
    evaluated_limit: Option<Bytes>,
    bins: Bins,
    cycles: Cycles,
    runaway: Runaway,
    alert_level: AlertLevel,
    conclusion: Conclusion,
    /// Seconds to the limit in the current climb, as of the last sample.
    climb: Option<f64>,
}

/// The conclusion of an evaluation.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Conclusion {
    /// Too little history: this much.
    Young(Duration),
    /// The limit is reached.
    AtTheLimit,
    /// A runaway: seconds left.
    Runaway(f64),
    /// A trend.
    Trend(TrendEstimate),
    /// No forecast.
    NoForecast(NoForecastReason),
}

/// The effect of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForecastChange {
    /// No change.
    Quiet,
    /// The trend was evaluated: there is a new forecast.
    Evaluated,
    /// The level has changed.
    Changed,
    /// Everything was reset after a gap: the state of an alert is not known any more.
    Forgotten,
}

impl Forecaster {
    /// A series without samples.
    #[must_use]
    pub fn new(ceiling: Ceiling, limit: Bytes) -> Self {
        Self {
            ceiling,
            limit,
            first: None,
            last: (Boottime::default(), 0.0),
            due: Boottime::default(),
            evaluated_limit: Some(limit),
            bins: Bins::default(),
            cycles: Cycles::default(),
            runaway: Runaway::default(),
            alert_level: AlertLevel::default(),
            conclusion: Conclusion::Young(Duration::ZERO),
            climb: None,
        }
    }

    /// Observes a sample; one that is older than the last is ignored. A gap of more than ten minutes resets everything:
    /// the history before it does not apply any more.
    #[allow(clippy::cast_precision_loss, reason = "bytes of memory have 53 bits at the most")]
    pub fn add(&mut self, at: Boottime, value: Bytes) -> ForecastChange {
        let before = self.alert_level.level;
        if self.first.is_some() && at < self.last.0 {
            return ForecastChange::Quiet;
        }
        let is_forgotten = self.first.is_some() && at.since(self.last.0) > MAX_GAP;
        if is_forgotten {
            *self = Self::new(self.ceiling, self.limit);
        }
        let value = value.get() as f64;
        if self.first.is_none() {
            self.first = Some(at);
            self.due = at + EVALUATION_INTERVAL;
        }
        self.last = (at, value);
        if let (Conclusion::Young(_), Some(first)) = (&self.conclusion, self.first) {
            self.conclusion = Conclusion::Young(at.since(first));
        }
        let now = at.since_boot();
        if let Some(closed) = self.bins.add(now, value) {
            self.cycles.add(now.saturating_sub(BIN_WIDTH), closed.low, self.limit_value());
        }
        self.runaway.add(now, value);
        let seconds =
            self.runaway.seconds(&self.bins, self.limit_value()).filter(|s| *s <= MAX_RUNAWAY_SECONDS);
        self.climb = seconds;
        if let Some(seconds) = seconds.filter(|_| self.alert_level.level != ForecastLevel::Runaway) {
            self.alert_level.raise_runaway();
            self.conclusion = Conclusion::Runaway(seconds);
        }
        let is_due = at >= self.due;
        let evaluated = is_due || self.is_outdated();
        if evaluated {
            self.conclusion = self.evaluate(seconds);
            self.evaluated_limit = Some(self.limit);
        }
        // Its counters are minutes: evaluations in between are for readers only.
        if is_due {
            while self.due <= at {
                self.due = self.due + EVALUATION_INTERVAL;
            }
            self.alert_level.evaluate(self.conclusion.seconds(), seconds.is_some());
        }
        match (before == self.alert_level.level, evaluated) {
            _ if is_forgotten => ForecastChange::Forgotten,
            (false, _) => ForecastChange::Changed,
            (true, true) => ForecastChange::Evaluated,
            (true, false) => ForecastChange::Quiet,
        }
    }

    fn evaluate(&self, runaway: Option<f64>) -> Conclusion {
        let (at, value) = self.last;
        if let Some(seconds) = runaway {
            return Conclusion::Runaway(seconds);
        }
        let age = self.first.map_or(Duration::ZERO, |first| at.since(first));
        if age < MIN_HISTORY {
            return Conclusion::Young(age);
        }
        if value >= self.limit_value() {
            return Conclusion::AtTheLimit;
        }
        match estimate(&self.bins, &self.cycles, at.since_boot(), value, self.limit_value()) {
            Ok(estimate) => Conclusion::Trend(estimate),
            Err(reason) => Conclusion::NoForecast(reason),
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "bytes of memory have 53 bits at the most")]
    fn limit_value(&self) -> f64 {
        self.limit.get() as f64
    }

    /// Whether the last conclusion is about another ceiling, or a climb that is over.
    fn is_outdated(&self) -> bool {
        let Some(evaluated_limit) = self.evaluated_limit else { return true };
        let moved =
            self.limit.saturating_sub(evaluated_limit).max(evaluated_limit.saturating_sub(self.limit));
        moved > evaluated_limit.share(MIN_CEILING_CHANGE_PERCENT, 100)
    }

    /// Changes the ceiling. The history stays, and so does an alert until evaluations clear it: the memory of other
    /// processes comes and goes.
    pub fn set_ceiling(&mut self, ceiling: Ceiling, limit: Bytes) {
        (self.ceiling, self.limit) = (ceiling, limit);
    }

    /// A growing process has exited, a child of an agent: the climb is over. The rest may grow on, so the history of
    /// the floor stays, and an alert about it until a few evaluations.
    pub fn interrupt(&mut self) {
        self.alert_level.interrupt();
        self.runaway.interrupt();
        self.climb = None;
        self.evaluated_limit = None;
    }

    /// The runaway rate, as of the last sample; `None` without a runaway.
    #[must_use]
    pub fn runaway_rate(&self) -> Option<BytesPerSecond> {
        let left = self.limit.saturating_sub(bytes(self.last.1));
        self.climb.map(|seconds| BytesPerSecond::growth(Bytes::ZERO, left, Duration::from_secs_f64(seconds)))
    }

    /// The ceiling and its limit.
    #[must_use]
    pub fn ceiling(&self) -> (Ceiling, Bytes) {
        (self.ceiling, self.limit)
    }

    /// The current level.
    #[must_use]
    pub fn level(&self) -> ForecastLevel {
        self.alert_level.level
    }

    /// The forecast of the last evaluation.
    #[must_use]
    pub fn forecast(&self) -> Forecast {
        let (eta, low, high) = match &self.conclusion {
            Conclusion::Runaway(seconds) => (Some(*seconds), Some(seconds / 2.0), Some(seconds * 3.0)),
            Conclusion::AtTheLimit => (Some(0.0), Some(0.0), Some(0.0)),
            Conclusion::Trend(e) => (Some(e.seconds), Some(e.low), Some(e.high)),
            Conclusion::Young(_) | Conclusion::NoForecast(_) => (None, None, None),
        };
        Forecast {
            level: self.alert_level.level,
            trend: reason::trend_word(&self.conclusion, &self.bins, self.limit_value()),
            bytes_per_hour: reason::rate(&self.conclusion, &self.bins),
            least_squares_per_hour: least_squares::slope(&self.bins).map(reason::per_hour),
            ceiling: self.ceiling,
            ceiling_bytes: self.limit,
            eta_seconds: eta.map(rounded),
            eta_low_seconds: low.map(rounded),
            eta_high_seconds: high.map(rounded),
            reason: reason::reason_text(&self.conclusion, self.limit),
        }
    }
}

impl Conclusion {
    fn seconds(&self) -> f64 {
        match self {
            Self::Runaway(seconds) => *seconds,
            Self::AtTheLimit => 0.0,
            Self::Trend(estimate) => estimate.trend,
            Self::Young(_) | Self::NoForecast(_) => f64::INFINITY,
        }
    }
}

fn bytes(bytes: f64) -> Bytes {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    Bytes::new(bytes.round() as u64)
}

/// To a tenth of a second, and at most a year: readers need not handle infinity.
fn rounded(seconds: f64) -> f64 {
    const YEAR: f64 = 365.0 * 24.0 * 3600.0;
    (seconds.clamp(0.0, YEAR) * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests;
