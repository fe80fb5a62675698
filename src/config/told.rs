//! Settings and mistakes in parts, for those who show them.

use std::path::Path;

use super::{Config, ConfigError, EffectiveThresholds, MinOf, Origin, Spot, key};
use crate::api::explanation::{ThresholdInfo, ThresholdsInfo};
use crate::model::Bytes;

impl EffectiveThresholds {
    /// The thresholds with what was set and where.
    #[must_use]
    pub fn told(&self, config: &Config) -> ThresholdsInfo {
        let line = |bytes: Bytes, set: &MinOf, key| ThresholdInfo {
            bytes,
            set: set.to_string(),
            origin: config.origins.of(key).to_string(),
        };
        ThresholdsInfo {
            warn: line(self.thresholds.warn, &config.thresholds.warn, key::WARN),
            kill: line(self.thresholds.kill, &config.thresholds.kill, key::KILL),
            notes: self.notes.clone(),
        }
    }
}

impl ConfigError {
    /// Where in a file it is.
    #[must_use]
    pub fn spot(&self) -> Option<&Spot> {
        match self {
            Self::NotUtf8 { spot }
            | Self::Syntax { spot, .. }
            | Self::UnknownKey { spot, .. }
            | Self::Value { spot, .. } => Some(spot),
            _ => None,
        }
    }

    /// The line in that file, from 1.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::Rule { origin: Origin::File { line, .. }, .. } => Some(*line),
            _ => self.spot().map(|spot| spot.line),
        }
    }

    /// In which file, or which file it is about.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Rule { origin: Origin::File { path, .. }, .. }
            | Self::Missing { path }
            | Self::Dangling { path }
            | Self::Unreadable { path, .. }
            | Self::NotAFile { path, .. }
            | Self::TooLarge { path, .. } => Some(path),
            _ => self.spot().map(|spot| spot.path.as_path()),
        }
    }

    /// Which key it is about, with the tables it stands in.
    #[must_use]
    pub fn key(&self) -> Option<String> {
        match self {
            Self::UnknownKey { key, .. } | Self::Value { key, .. } => Some(key.clone()),
            Self::Rule { rule, problem, .. } => {
                let below = problem.key().map(|key| format!(".{key}")).unwrap_or_default();
                Some(format!("{}.{rule}{below}", key::RULES))
            }
            _ => None,
        }
    }
}
