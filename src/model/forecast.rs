//! Values of the forecast that decisions and events refer to.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Bytes, BytesPerSecond};

/// What is told of a forecast when it becomes pressing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForecastAlert {
    /// How pressing.
    pub level: ForecastLevel,
    /// What ends growth first.
    pub ceiling: Ceiling,
    /// Where that is.
    pub limit: Bytes,
    /// When it is reached.
    pub eta: Duration,
    /// The 80 % interval of it.
    pub between: (Duration, Duration),
}

/// What forecasts ask of who decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ForecastSummary {
    /// The most pressing of all.
    pub level: ForecastLevel,
    /// How fast the guest runs away; zero where it does not.
    pub climb: BytesPerSecond,
}

/// How pressing a forecast is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ForecastLevel {
    /// Nothing to be seen.
    #[default]
    None,
    /// Worth an eye; nobody is told.
    Watch,
    /// Within the hour.
    Warn,
    /// Within minutes.
    Runaway,
}

/// What ends growth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ceiling {
    /// The agent's kill threshold.
    KillThreshold,
    /// The limit of its cgroup.
    Cgroup,
    /// The guest has no more.
    Guest,
    /// The heap limit of its runtime.
    Heap,
}

impl Ceiling {
    /// What it is called in a sentence.
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
