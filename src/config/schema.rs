//! The settings. `config/claude-watchdog.toml` shows every one of them with its default.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ConfigError, Ineffective, MinOf, Origins};
use crate::model::{ActionSettings, Bytes, Size, flag};
use crate::rules::rule::{RuleError, RulePatch};

/// The names of the keys, as messages and [`Origins`] have them.
pub mod key {
    /// Where an agent is warned of.
    pub const WARN: &str = "thresholds.warn";
    /// Where an agent is acted upon.
    pub const KILL: &str = "thresholds.kill";
    /// Say it, do not do it.
    pub const DRY_RUN: &str = "act.dry_run";
    /// From the polite signal to the other one.
    pub const GRACE: &str = "act.grace";
    /// Whether limited agents are held back just below their limit.
    pub const THROTTLE: &str = "act.throttle";
    /// Whether agents are ended for the guest's sake.
    pub const GUARD: &str = "guard.enabled";
    /// What the guest is to have left.
    pub const RESERVE: &str = "guard.reserve";
    /// The table of the rules.
    pub const RULES: &str = "rules";
}

/// Everything that can be set. `Default` is what is built in.
///
/// The known keys are read off the serialized default, so a key that is optional must not be left out there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The thresholds, as set; [`super::EffectiveThresholds`] are those that count.
    pub thresholds: ThresholdSizes,
    /// What is done at the kill threshold.
    pub act: ActionSettings,
    /// What is done when the guest as a whole runs out of memory.
    pub guard: GuardSizes,
    /// `[rules.NAME]`: what the user says of kinds of agents; what is built in is not among them.
    pub rules: BTreeMap<String, RulePatch>,
    /// Where each value came from.
    #[serde(skip)]
    pub origins: Origins,
    /// What was set and does nothing.
    #[serde(skip)]
    pub ineffective: Vec<Ineffective>,
}

/// `[thresholds]`: thresholds on what one agent costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ThresholdSizes {
    /// From here an agent is warned of.
    pub warn: MinOf,
    /// From here an agent is acted upon.
    pub kill: MinOf,
}

/// `[guard]`: when the guest as a whole runs out of memory, though no agent is over its line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GuardSizes {
    /// End part of the agent that took it; else only say so.
    #[serde(deserialize_with = "flag::deserialize")]
    pub enabled: bool,
    /// Below this the guest is in danger, swap included.
    pub reserve: MinOf,
}

impl Config {
    /// The error of a rule as a whole, with the place where it was written.
    #[must_use]
    pub fn rule_error(&self, error: RuleError) -> ConfigError {
        let origin = self.origins.rule(&error.rule, error.problem.key()).clone();
        ConfigError::Rule { origin, rule: error.rule, problem: error.problem }
    }
}

impl Default for ThresholdSizes {
    fn default() -> Self {
        // The shares are for clones of 8 and 12 GB, where 13 GB would never be reached.
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
