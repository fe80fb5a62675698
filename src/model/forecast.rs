//! Forecast values used by decisions and events.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Bytes, BytesPerSecond};

/// An alert for a forecast that has become urgent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForecastAlert {
    /// The level of the forecast.
    pub level: ForecastLevel,
    /// The ceiling that ends growth first.
    pub ceiling: Ceiling,
    /// The value of the ceiling.
    pub limit: Bytes,
    /// Estimated time until it is reached.
    pub eta: Duration,
    /// Its 80 % interval.
    pub between: (Duration, Duration),
}

/// The forecasts' input to decisions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ForecastSummary {
    /// The highest level of all forecasts.
    pub level: ForecastLevel,
    /// Growth rate of the machine's memory use in a runaway; zero without one.
    pub climb: BytesPerSecond,
}

/// How urgent a forecast is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ForecastLevel {
    /// No growth.
    #[default]
    None,
    /// Worth attention, not reported.
    Watch,
    /// The ceiling is reached within the hour.
    Warn,
    /// The ceiling is reached within minutes.
    Runaway,
}

/// The limit that ends growth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ceiling {
    /// The agent's kill threshold.
    KillThreshold,
    /// The limit of its cgroup.
    Cgroup,
    /// The machine's memory.
    Guest,
    /// The heap limit of its runtime.
    Heap,
}

impl Ceiling {
    /// Its name in a sentence.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::KillThreshold => "its kill threshold",
            Self::Cgroup => "the limit of its cgroup",
            Self::Guest => "the end of the guest's memory",
            Self::Heap => "the heap limit of its runtime",
        }
    }
}
