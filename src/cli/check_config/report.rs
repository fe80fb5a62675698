//! The result of the check: the JSON of `check-config --json`.

use serde::{Deserialize, Serialize};

use crate::api::explanation::ThresholdsInfo;
use crate::config::{Config, ConfigError, EffectiveThresholds, Ineffective, SettingOrigin, key};
use crate::daemon::standalone::RunningMatch;
use crate::model::{Bytes, Pid, Uid};

/// The result of the check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckReport {
    /// Version of this format; increased when a field changes its meaning.
    pub version: u32,
    /// Whether the daemon would start with it.
    pub ok: bool,
    /// The configuration file; null without a home directory.
    pub file: Option<String>,
    /// Whether the file exists; without it, the defaults apply.
    pub found: bool,
    /// The error; null if the configuration is valid.
    pub error: Option<ConfigMistake>,
    /// All settings and their origins; empty if the configuration is invalid.
    pub settings: Vec<SettingInfo>,
    /// The effective thresholds on this machine; null if the configuration is invalid.
    pub thresholds: Option<ThresholdsInfo>,
    /// The enabled rules in the order of matching; empty if the configuration is invalid.
    pub rules: Vec<RuleReport>,
    /// Warnings, one sentence each.
    pub warnings: Vec<String>,
}

/// An error and its position.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConfigMistake {
    /// The message, with the expected value.
    pub message: String,
    /// The file, if the error is in a file.
    pub file: Option<String>,
    /// The line, from 1, if known.
    pub line: Option<usize>,
    /// The column in characters, from 1, if known.
    pub column: Option<usize>,
    /// The key, if known.
    pub key: Option<String>,
}

/// One setting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SettingInfo {
    /// Its name.
    pub key: String,
    /// The effective value.
    pub value: String,
    /// The origin of the value.
    pub origin: String,
    /// Other places that set it without effect, the closest first.
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
    /// The running processes that it matches; null if they could not be read in time.
    pub matches: Option<Vec<MatchedProcess>>,
}

/// A running process that a rule matches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MatchedProcess {
    /// The process.
    pub pid: Pid,
    /// Its owner.
    pub uid: Uid,
    /// Its command name.
    pub name: String,
}

/// A rule and its origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RuleOrigin {
    pub(super) name: String,
    pub(super) origin: SettingOrigin,
    pub(super) enabled: bool,
    /// Earlier rules that match everything this one would.
    pub(super) shadowed_by: Vec<String>,
}

impl CheckReport {
    /// Version of this format.
    pub const VERSION: u32 = 1;

    pub(super) fn invalid(file: Option<String>, found: bool, error: &ConfigError) -> Self {
        let position = error.position();
        let error = ConfigMistake {
            message: error.to_string(),
            file: error.path().map(|path| path.to_string_lossy().into_owned()),
            line: error.line(),
            column: position.map(|position| position.column),
            key: error.key(),
        };
        Self { ok: false, error: Some(error), ..Self::empty(file, found) }
    }

    pub(super) fn valid(
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
                "dry run ({origin}): agents over their kill threshold are reported, not killed"
            ));
        }
        if running.is_none() {
            warnings.push("the running processes could not be read in time".to_owned());
        }
        let reports: Vec<_> =
            rules.iter().filter(|rule| rule.enabled).map(|rule| report(rule, running)).collect();
        let effective = EffectiveThresholds::resolve(config, total);
        warnings.extend(effective.clamped.iter().cloned());
        warnings.extend(config.ineffective.iter().map(ToString::to_string));
        // A rule that is both changed and disabled has its warning already.
        let has_warning = |rule: &&RuleOrigin| {
            config
                .ineffective
                .iter()
                .any(|inert| matches!(inert, Ineffective::OffWithKeys { rule: off, .. } if *off == rule.name))
        };
        for rule in rules.iter().filter(|rule| !has_warning(rule)) {
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
        its.map(|found| MatchedProcess { pid: found.pid, uid: found.uid, name: found.name.clone() }).collect()
    };
    RuleReport { name: rule.name.clone(), origin: rule.origin.to_string(), matches: running.map(of_it) }
}

fn warning(rule: &RuleOrigin, running: Option<&[RunningMatch]>) -> Option<String> {
    let RuleOrigin { name, origin, enabled, shadowed_by } = rule;
    if !enabled {
        return Some(format!("the rule {name} is disabled ({origin})"));
    }
    if !shadowed_by.is_empty() {
        let by = shadowed_by.join(", ");
        return Some(format!(
            "the rule {name} ({origin}) never applies: {by} comes first and matches the same"
        ));
    }
    let matches_nothing = running.is_some_and(|running| running.iter().all(|found| found.rule != *name));
    let is_custom = *origin != SettingOrigin::BuiltIn;
    (is_custom && matches_nothing).then(|| format!("the rule {name} ({origin}) matches no running process"))
}

fn settings(config: &Config) -> Vec<SettingInfo> {
    let setting = |key: &str, value: String| SettingInfo {
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
