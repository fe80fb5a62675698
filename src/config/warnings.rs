//! Finds settings without effect once all layers are merged.

use super::{Config, Ineffective, MinOf, SettingOrigin, key};
use crate::rules::rule::RulePatch;

/// Settings without effect once all layers are merged.
pub(super) fn of(config: &Config) -> Vec<Ineffective> {
    let mut ineffective = Vec::new();
    for (key, set) in [
        (key::WARN, &config.thresholds.warn),
        (key::KILL, &config.thresholds.kill),
        (key::RESERVE, &config.guard.reserve),
    ] {
        ineffective.extend(never_effective(config, key, set));
    }
    for (name, patch) in &config.rules {
        ineffective.extend(of_rule(config, name, patch));
    }
    ineffective
}

fn never_effective(config: &Config, key: &'static str, set: &MinOf) -> impl Iterator<Item = Ineffective> {
    let origin = config.origins.get(key).clone();
    let pairs = set.never_effective().into_iter();
    pairs.map(move |(size, beside)| Ineffective::NeverEffective { origin: origin.clone(), key, size, beside })
}

fn of_rule(config: &Config, name: &str, patch: &RulePatch) -> Option<Ineffective> {
    let rule = name.to_owned();
    if *patch == RulePatch::default() {
        return Some(Ineffective::EmptyRule { origin: config.origins.rule(name, None).clone(), rule });
    }
    let is_off = patch.enabled == Some(false);
    let origin = config.origins.rule(name, Some("enabled")).clone();
    let table = format!("{}.{name}.", key::RULES);
    let other =
        |(key, _): &(&str, &SettingOrigin)| key.strip_prefix(&table).is_some_and(|key| key != "enabled");
    let described = config.origins.iter().find(other).filter(|_| is_off)?.1.clone();
    Some(Ineffective::OffWithKeys { origin, rule, described })
}
