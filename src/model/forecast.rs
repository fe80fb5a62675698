//! What is foretold of a series of memory figures.

use serde::{Deserialize, Serialize};

use super::Bytes;

/// A forecast, or why there is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// How pressing it is.
    pub level: ForecastLevel,
    /// The bash original's word: `stable`, `growing`, `shrinking`, `insufficient_data`, `oom_predicted:MINUTES`.
    pub trend: String,
    /// Growth of the floor.
    pub bytes_per_hour: Option<i64>,
    /// What ends growth first.
    pub ceiling: Ceiling,
    /// Where that is.
    pub ceiling_bytes: Bytes,
    /// Seconds until it is reached; null where that cannot be said.
    pub eta_seconds: Option<f64>,
    /// The 80 % interval of it: the beginning.
    pub eta_low_seconds: Option<f64>,
    /// And the end.
    pub eta_high_seconds: Option<f64>,
    /// What it rests on, or why there is none, in one sentence.
    pub reason: String,
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
    /// The agent's kill line.
    KillLine,
    /// The limit of its cgroup.
    Cgroup,
    /// The guest has no more.
    Guest,
    /// The heap limit of its runtime.
    Heap,
}
