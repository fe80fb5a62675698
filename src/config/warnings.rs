//! What was set and does nothing. Not wrong, but hardly meant.

use std::fmt;
use std::path::PathBuf;

use super::{Config, MinOf, Origin, key};
use crate::{model::Size, rules::rule::RulePatch};

/// So many files are named of those that are passed over in one directory.
const MAX_NAMES: usize = 3;

/// A setting without effect. Its `Display` is a sentence with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ineffective {
    /// Files beside the drop-ins that are none by their names.
    IgnoredFiles {
        /// Of the drop-ins.
        directory: PathBuf,
        /// In their order.
        names: Vec<String>,
    },
    /// A variable that is there and says nothing.
    Empty(&'static str),
    /// A variable of the service's environment file that nobody reads.
    UnknownVariable {
        /// The file and the line.
        origin: Origin,
        /// As it stands there.
        variable: String,
        /// The known one that is spelled most alike.
        nearest: &'static str,
    },
    /// A size in a list beside a smaller one of its kind.
    NeverEffective {
        /// Where the list is.
        origin: Origin,
        /// Whose value it is.
        key: &'static str,
        /// The size.
        size: Size,
        /// The smaller one.
        beside: Size,
    },
    /// A key of a rule that is set to what it was set to before.
    Repeated {
        /// The later place.
        origin: Origin,
        /// The key.
        key: String,
        /// The earlier place.
        before: Origin,
    },
    /// A rule without any key.
    EmptyRule {
        /// Where it is.
        origin: Origin,
        /// Its name.
        rule: String,
    },
    /// A rule that is described and switched off.
    OffWithKeys {
        /// Where it is switched off.
        origin: Origin,
        /// Its name.
        rule: String,
        /// Where one of its other keys is.
        described: Origin,
    },
}

impl fmt::Display for Ineffective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IgnoredFiles { directory, names } => {
                let more = match names.len().saturating_sub(MAX_NAMES) {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                let named = names[..names.len().min(MAX_NAMES)].join(", ");
                write!(
                    f,
                    "{}: ignored: {named}{more} (the name of a drop-in must end in .toml)",
                    directory.display()
                )
            }
            Self::Empty(variable) => {
                write!(f, "the environment variable {variable} is empty and has no effect")
            }
            Self::UnknownVariable { origin, variable, nearest } => {
                write!(f, "{origin}: unknown variable {variable}; the nearest known variable is {nearest}")
            }
            Self::NeverEffective { origin, key, size, beside } if size == beside => {
                write!(f, "{origin}: `{key}` lists {size} twice")
            }
            Self::NeverEffective { origin, key, size, beside } => {
                write!(f, "{origin}: {size} of `{key}` has no effect, {beside} in the same list is smaller")
            }
            Self::Repeated { origin, key, before } => {
                write!(f, "{origin}: `{key}` repeats the value from {before}")
            }
            Self::EmptyRule { origin, rule } => {
                write!(f, "{origin}: `rules.{rule}` has no keys and no effect")
            }
            Self::OffWithKeys { origin, rule, described } => {
                write!(f, "{origin}: `rules.{rule}` is disabled, so {described} has no effect")
            }
        }
    }
}

/// What has no effect once all layers are laid upon one another.
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
    let other = |(key, _): &(&str, &Origin)| key.strip_prefix(&table).is_some_and(|key| key != "enabled");
    let described = config.origins.iter().find(other).filter(|_| is_off)?.1.clone();
    Some(Ineffective::OffWithKeys { origin, rule, described })
}
