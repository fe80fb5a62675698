//! The forecast of a series of memory figures.

use serde::{Deserialize, Serialize};

use std::time::Duration;

use crate::model::Bytes;
use crate::model::forecast::{Ceiling, ForecastAlert, ForecastLevel};

/// A forecast, or why there is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// How urgent it is.
    pub level: ForecastLevel,
    /// The bash original's word: `stable`, `growing`, `shrinking`, `insufficient_data`, `oom_predicted:MINUTES`.
    pub trend: String,
    /// Growth of the floor.
    pub bytes_per_hour: Option<i64>,
    /// The plain least-squares slope over the last half hour, for comparison; not used for decisions.
    pub least_squares_per_hour: Option<i64>,
    /// The ceiling that ends growth first.
    pub ceiling: Ceiling,
    /// Its value.
    pub ceiling_bytes: Bytes,
    /// Seconds until it is reached; null if unknown.
    pub eta_seconds: Option<f64>,
    /// Lower end of the 80 % interval.
    pub eta_low_seconds: Option<f64>,
    /// Upper end of the 80 % interval.
    pub eta_high_seconds: Option<f64>,
    /// Its basis, or the reason why there is none, in one sentence.
    pub reason: String,
}

impl Forecast {
    /// The same forecast after `elapsed` without new samples: its times are nearer.
    #[must_use]
    pub fn after(mut self, elapsed: Duration) -> Self {
        let sooner = |eta: Option<f64>| eta.map(|eta| (eta - elapsed.as_secs_f64()).max(0.0));
        self.eta_seconds = sooner(self.eta_seconds);
        self.eta_low_seconds = sooner(self.eta_low_seconds);
        self.eta_high_seconds = sooner(self.eta_high_seconds);
        if let Some(eta) = self.eta_seconds.filter(|_| self.trend.starts_with(PREDICTED_PREFIX)) {
            self.trend = predicted(eta);
        }
        self
    }

    /// Whether it is reported: a warning or a runaway.
    #[must_use]
    pub fn is_pressing(&self) -> bool {
        self.level >= ForecastLevel::Warn
    }

    /// The alert for this forecast; `None` without an estimated time.
    #[must_use]
    pub fn alert(&self) -> Option<ForecastAlert> {
        let duration = |seconds: f64| Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
        Some(ForecastAlert {
            level: self.level,
            ceiling: self.ceiling,
            limit: self.ceiling_bytes,
            eta: duration(self.eta_seconds?),
            between: (duration(self.eta_low_seconds?), duration(self.eta_high_seconds?)),
        })
    }
}

const PREDICTED_PREFIX: &str = "oom_predicted:";

/// The original's trend word for a ceiling this many seconds away, at most a year.
#[must_use]
pub fn predicted(seconds: f64) -> String {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    let minutes = (seconds / 60.0).round() as u64;
    format!("{PREDICTED_PREFIX}{}", minutes.min(365 * 24 * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_aging_forecast_comes_nearer_and_never_negative() {
        let forecast = Forecast {
            level: ForecastLevel::Warn,
            trend: predicted(600.0),
            bytes_per_hour: Some(1),
            least_squares_per_hour: None,
            ceiling: Ceiling::KillThreshold,
            ceiling_bytes: Bytes::gib(13),
            eta_seconds: Some(600.0),
            eta_low_seconds: Some(30.0),
            eta_high_seconds: Some(900.0),
            reason: String::new(),
        };
        let later = forecast.clone().after(Duration::from_secs(59));
        assert_eq!(
            (later.eta_low_seconds, later.eta_seconds, later.eta_high_seconds),
            (Some(0.0), Some(541.0), Some(841.0))
        );
        assert_eq!(later.trend, "oom_predicted:9");
        let silent = Forecast { trend: "growing".to_owned(), eta_seconds: None, ..forecast };
        assert_eq!(silent.clone().after(Duration::from_secs(59)).trend, "growing");
    }
}
