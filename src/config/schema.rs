//! The schema. `config/claude-watchdog.toml` shows every setting with its default.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ConfigError, Ineffective, MinOf, Origins};
use crate::model::{ActionSettings, Bytes, Size, flag};
use crate::rules::rule::{RuleError, RulePatch};

/// All settings. `Default` is the built-in configuration.
///
/// The known keys are taken from the serialized default, so an optional key must not be left out there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The configured thresholds; [`super::EffectiveThresholds`] are those that apply.
    pub thresholds: ThresholdSizes,
    /// The action at the kill threshold.
    pub act: ActionSettings,
    /// The action when the machine runs out of memory.
    pub guard: GuardSizes,
    /// `[rules.NAME]`: the user's rules for agents, without the built-in ones.
    pub rules: BTreeMap<String, RulePatch>,
    /// The origin of each value.
    #[serde(skip)]
    pub origins: Origins,
    /// Settings without effect.
    #[serde(skip)]
    pub ineffective: Vec<Ineffective>,
}

/// `[thresholds]`: thresholds for the memory of one agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ThresholdSizes {
    /// An agent above it causes a warning.
    pub warn: MinOf,
    /// An agent above it is acted on.
    pub kill: MinOf,
}

/// `[guard]`: the machine runs out of memory although no agent is over its threshold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GuardSizes {
    /// Kill part of the responsible agent; otherwise only report.
    #[serde(deserialize_with = "flag::deserialize")]
    pub enabled: bool,
    /// Below this remainder, swap included, the machine is in danger.
    pub reserve: MinOf,
}

impl Config {
    /// The error of a rule as a whole, with its origin.
    #[must_use]
    pub fn rule_error(&self, error: RuleError) -> ConfigError {
        let origin = self.origins.rule(&error.rule, error.problem.key()).clone();
        ConfigError::Rule { origin, rule: error.rule, problem: error.problem }
    }
}

impl Default for ThresholdSizes {
    fn default() -> Self {
        // The percentages are for machines of 8 and 12 GB, which would never reach 13 GB.
        Self {
            warn: MinOf::new(Size::Bytes(Bytes::gib(8)), [Size::percent(55)]),
            kill: MinOf::new(Size::Bytes(Bytes::gib(13)), [Size::percent(85)]),
        }
    }
}

impl Default for GuardSizes {
    fn default() -> Self {
        Self { enabled: true, reserve: MinOf::new(Size::percent(4), []) }
    }
}
