//! What is found: the shape of `check-config --json`.

use serde::{Deserialize, Serialize};

use crate::api::explanation::ThresholdsInfo;
use crate::config::{Config, ConfigError, EffectiveThresholds, Ineffective, Origin, key};
use crate::daemon::RunningMatch;
use crate::model::{Bytes, Pid, Uid};

/// A configuration, right or wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Version of this shape; grows when a field changes its meaning.
    pub version: u32,
    /// Whether the supervisor would start with it.
    pub ok: bool,
    /// The file; null where there is no place for one.
    pub file: Option<String>,
    /// Whether there is such a file: it need not be there, the defaults then apply.
    pub found: bool,
    /// What is wrong; null where nothing is.
    pub error: Option<Mistake>,
    /// All settings and where they come from; empty where something is wrong.
    pub settings: Vec<Setting>,
    /// The thresholds that count in this guest; null where something is wrong.
    pub thresholds: Option<ThresholdsInfo>,
    /// The rules, in the order in which they are tried; empty where something is wrong.
    pub rules: Vec<RuleReport>,
    /// What is right but may not be meant, a sentence each.
    pub warnings: Vec<String>,
}

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mistake {
    /// The whole message, with what would be right.
    pub message: String,
    /// The file; null where it is about no file.
    pub file: Option<String>,
    /// The line, from 1; null where it is about no line.
    pub line: Option<usize>,
    /// In characters, from 1.
    pub column: Option<usize>,
    /// The key; null where it is about none.
    pub key: Option<String>,
}

/// One setting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Setting {
    /// Its name.
    pub key: String,
    /// As it counts.
    pub value: String,
    /// Where it comes from.
    pub origin: String,
    /// Where it was set as well, to no effect: the nearest first.
    #[serde(default)]
    pub overruled: Vec<String>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleReport {
    /// Its name.
    pub name: String,
    /// Where it comes from: `built in`, or the file and line that set or changed it.
    pub origin: String,
    /// The running processes that it matches; null where they could not be looked at.
    pub matches: Option<Vec<Matched>>,
}

/// A running process that a rule matches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Matched {
    /// The process.
    pub pid: Pid,
    /// Its owner.
    pub uid: Uid,
    /// Its command name.
    pub name: String,
}

/// A rule as the configuration has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RuleOrigin {
    pub(super) name: String,
    pub(super) origin: Origin,
    pub(super) enabled: bool,
    /// Those that match all that it could, before it.
    pub(super) shadowed_by: Vec<String>,
}

impl Report {
    /// Version of this shape.
    pub const VERSION: u32 = 1;

    pub(super) fn wrong(file: Option<String>, found: bool, error: &ConfigError) -> Self {
        let position = error.position();
        let error = Mistake {
            message: error.to_string(),
            file: error.path().map(|path| path.to_string_lossy().into_owned()),
            line: error.line(),
            column: position.map(|position| position.column),
            key: error.key(),
        };
        Self { ok: false, error: Some(error), ..Self::empty(file, found) }
    }

    pub(super) fn right(
        file: Option<String>,
        found: bool,
        config: &Config,
        total: Bytes,
        rules: &[RuleOrigin],
        running: Option<&[RunningMatch]>,
    ) -> Self {
        let mut warnings = Vec::new();
        if config.act.dry_run {
            let origin = config.origins.get(key::DRY_RUN);
            warnings.push(format!(
                "dry run ({origin}): agents over their kill threshold are reported, not ended"
            ));
        }
        if running.is_none() {
            warnings.push("the running processes could not be looked at in time".to_owned());
        }
        let reports: Vec<_> =
            rules.iter().filter(|rule| rule.enabled).map(|rule| report(rule, running)).collect();
        let effective = EffectiveThresholds::resolve(config, total);
        warnings.extend(effective.clamped.iter().cloned());
        warnings.extend(config.ineffective.iter().map(ToString::to_string));
        // One that is described and switched off has its warning already.
        let told = |rule: &&RuleOrigin| {
            config
                .ineffective
                .iter()
                .any(|inert| matches!(inert, Ineffective::OffWithKeys { rule: off, .. } if *off == rule.name))
        };
        for rule in rules.iter().filter(|rule| !told(rule)) {
            warnings.extend(warning(rule, running));
        }
        Self {
            settings: settings(config),
            thresholds: Some(effective.to_info(config)),
            rules: reports,
            warnings,
            ..Self::empty(file, found)
        }
    }

    fn empty(file: Option<String>, found: bool) -> Self {
        Self {
            version: Self::VERSION,
            ok: true,
            file,
            found,
            error: None,
            settings: Vec::new(),
            thresholds: None,
            rules: Vec::new(),
            warnings: Vec::new(),
        }
    }
}

fn report(rule: &RuleOrigin, running: Option<&[RunningMatch]>) -> RuleReport {
    let of_it = |running: &[RunningMatch]| {
        let its = running.iter().filter(|found| found.rule == rule.name);
        its.map(|found| Matched { pid: found.pid, uid: found.uid, name: found.name.clone() }).collect()
    };
    RuleReport { name: rule.name.clone(), origin: rule.origin.to_string(), matches: running.map(of_it) }
}

fn warning(rule: &RuleOrigin, running: Option<&[RunningMatch]>) -> Option<String> {
    let RuleOrigin { name, origin, enabled, shadowed_by } = rule;
    if !enabled {
        return Some(format!("the rule {name} is switched off ({origin})"));
    }
    if !shadowed_by.is_empty() {
        let by = shadowed_by.join(", ");
        return Some(format!(
            "the rule {name} ({origin}) recognises nothing: {by} comes first and matches all of it"
        ));
    }
    let matches_nothing = running.is_some_and(|running| running.iter().all(|found| found.rule != *name));
    let mine = *origin != Origin::BuiltIn;
    (mine && matches_nothing).then(|| format!("the rule {name} ({origin}) matches no running process"))
}

fn settings(config: &Config) -> Vec<Setting> {
    let setting = |key: &str, value: String| Setting {
        key: key.to_owned(),
        value,
        origin: config.origins.get(key).to_string(),
        overruled: config.origins.overridden(key).map(ToString::to_string).collect(),
    };
    vec![
        setting(key::WARN, config.thresholds.warn.to_string()),
        setting(key::KILL, config.thresholds.kill.to_string()),
        setting(key::GRACE, humantime::format_duration(config.act.grace).to_string()),
        setting(key::DRY_RUN, config.act.dry_run.to_string()),
        setting(key::GUARD, config.guard.enabled.to_string()),
        setting(key::RESERVE, config.guard.reserve.to_string()),
    ]
}
