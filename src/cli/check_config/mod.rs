//! `claude-watchdog check-config`: validates a configuration and shows the effective settings.

mod report;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::args::CheckConfigOptions;
use super::error::CommandError;
use super::exit;
use super::terminal::{Page, Paint, Style, print, to_json};
use crate::api::explanation::ThresholdsInfo;
use crate::config::{self, Config, ConfigPath, Overrides, Sources};
use crate::daemon::rules as configured_rules;
use crate::daemon::standalone::{RunningMatch, running_matches};
use crate::linux::procfs::{Proc, ReadError};
use crate::model::Uid;
use crate::rules::Rules;
use report::RuleOrigin;

pub use report::{CheckReport, ConfigMistake, MatchedProcess, RuleReport, SettingInfo};

/// Timeout for reading the running processes: reading a command line can block without limit.
const PROCESS_SCAN_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs `claude-watchdog check-config`.
pub(super) fn run(options: &CheckConfigOptions) -> Result<ExitCode, CommandError> {
    let report = check(options.file.as_deref())?;
    if options.json {
        print(&to_json(&report)?)?;
        return Ok(ExitCode::from(if report.ok { 0 } else { exit::CONFIG }));
    }
    // On standard error, as the daemon reports it.
    if let Some(mistake) = report.error {
        return Err(CommandError::InvalidConfig(mistake.message));
    }
    print(&render_plain(&report, &Style::for_stdout(options.no_color)))?;
    Ok(ExitCode::SUCCESS)
}

fn check(named: Option<&Path>) -> Result<CheckReport, ReadError> {
    let uid = Uid::new(rustix::process::geteuid().as_raw());
    let service = if named.is_none() && uid == Uid::ROOT { service_environment() } else { String::new() };
    // For the system configuration, the service's environment counts; the caller's own variables override it.
    let environment = |name: &str| -> Option<OsString> {
        std::env::var_os(name).or_else(|| config::lookup_variable(&service, name))
    };
    let path = ConfigPath::locate(named, uid, &environment);
    let file = path.path().map(|path| path.to_string_lossy().into_owned());
    let found = path.path().is_some_and(Path::exists);
    let sources = Sources { path, environment: &environment, overrides: Overrides::default() };
    let loaded =
        config::load(&sources).and_then(|config| configured_rules(&config).map(|rules| (config, rules)));
    let (mut config, rules) = match loaded {
        Ok(loaded) => loaded,
        Err(error) => return Ok(CheckReport::invalid(file, found, &error)),
    };
    config.ineffective.extend(config::unknown_variables(&service));
    let total = Proc::open(Path::new("/proc"))?.guest()?.mem_total;
    let origins = origins(&config, &rules);
    let running = running(rules, (uid != Uid::ROOT).then_some(uid))?;
    Ok(CheckReport::valid(file, found, &config, total, &origins, running.as_deref()))
}

fn service_environment() -> String {
    // It is optional, and systemd ignores one that it cannot read.
    std::fs::read_to_string(config::ENVIRONMENT_FILE).unwrap_or_default()
}

/// The enabled rules in order, then the disabled ones.
fn origins(config: &Config, rules: &Rules) -> Vec<RuleOrigin> {
    let shadowed = rules.shadowed();
    let rule = |name: &str, enabled: bool| RuleOrigin {
        name: name.to_owned(),
        origin: config.origins.rule(name, (!enabled).then_some("enabled")).clone(),
        enabled,
        shadowed_by: shadowed.iter().find(|it| it.rule == name).map(|it| it.by.clone()).unwrap_or_default(),
    };
    let off = config.rules.iter().filter(|(_, patch)| patch.enabled == Some(false));
    rules.names().map(|name| rule(name, true)).chain(off.map(|(name, _)| rule(name, false))).collect()
}

/// `None` after the timeout. The waiting thread ends with this process.
fn running(rules: Rules, only: Option<Uid>) -> Result<Option<Vec<RunningMatch>>, ReadError> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(running_matches(Path::new("/proc"), &rules, only)));
    receiver.recv_timeout(PROCESS_SCAN_TIMEOUT).ok().transpose()
}

/// Column of the text in the head.
const HEAD_COLUMN: usize = 10;

/// Columns of the labels and values in each section.
const LABEL_COLUMN: usize = 2;
const VALUE_COLUMN: usize = 14;

/// Maximum number of processes shown per rule; `--json` has all.
const MAX_MATCHES: usize = 8;

/// A valid configuration as text: at most 80 columns, without control characters other than the colours of `style`.
#[must_use]
pub fn render_plain(report: &CheckReport, style: &Style) -> String {
    let mut page = Page::new(*style);
    page.paint(Paint::Good, "OK").to(HEAD_COLUMN);
    let summary = match report.warnings.len() {
        0 => "the configuration is valid".to_owned(),
        1 => "the configuration is valid, with 1 warning".to_owned(),
        count => format!("the configuration is valid, with {count} warnings"),
    };
    page.wrapped(HEAD_COLUMN, &summary);
    let absent = if report.found { "" } else { " (not found: the defaults apply)" };
    let file = report.file.as_deref().unwrap_or("none: no home directory");
    page.put("File").to(HEAD_COLUMN).wrapped(HEAD_COLUMN, &format!("{file}{absent}"));
    for warning in &report.warnings {
        page.paint(Paint::Warning, "Warning").to(HEAD_COLUMN).wrapped(HEAD_COLUMN, warning);
    }
    if let Some(thresholds) = &report.thresholds {
        self::thresholds(&mut page, thresholds, report);
    }
    rules(&mut page, &report.rules);
    page.finish()
}

fn thresholds(page: &mut Page, thresholds: &ThresholdsInfo, report: &CheckReport) {
    let settings = &report.settings;
    page.end().paint(Paint::Heading, "Settings").end();
    for (name, threshold) in [("warn threshold", &thresholds.warn), ("kill threshold", &thresholds.kill)] {
        let key = format!("thresholds.{}", name.split(' ').next().unwrap_or_default());
        let overridden =
            settings.iter().find(|setting| setting.key == key).map(overridden).unwrap_or_default();
        let text =
            format!("{}, set to {} ({}{overridden})", threshold.bytes, threshold.set, threshold.origin);
        page.to(LABEL_COLUMN).paint(Paint::Aside, name).to(VALUE_COLUMN).wrapped(VALUE_COLUMN, &text);
    }
    for note in thresholds.notes.iter().filter(|note| !report.warnings.contains(note)) {
        page.to(VALUE_COLUMN).wrapped(VALUE_COLUMN, note);
    }
    for setting in settings.iter().filter(|setting| !setting.key.starts_with("thresholds.")) {
        let name = match setting.key.as_str() {
            "guard.enabled" => "guard".to_owned(),
            key => key.rsplit('.').next().unwrap_or_default().replace('_', " "),
        };
        let text = format!("{} ({}{})", setting.value, setting.origin, overridden(setting));
        page.to(LABEL_COLUMN).paint(Paint::Aside, &name).to(VALUE_COLUMN).wrapped(VALUE_COLUMN, &text);
    }
}

/// `, overrides FILE:3`: other places that set the same key.
fn overridden(setting: &SettingInfo) -> String {
    match setting.overruled.as_slice() {
        [] => String::new(),
        overruled => format!(", overrides {}", overruled.join(" and ")),
    }
}

fn rules(page: &mut Page, rules: &[RuleReport]) {
    if rules.is_empty() {
        return;
    }
    page.end().paint(Paint::Heading, "Rules, and the running processes that they match").end();
    for RuleReport { name, origin, matches } in rules {
        let found = matches.as_deref().unwrap_or_default();
        let none = match matches {
            Some(found) if found.is_empty() => ": none",
            Some(_) => "",
            None => ": not known",
        };
        page.to(LABEL_COLUMN).put(name).to(VALUE_COLUMN).wrapped(VALUE_COLUMN, &format!("{origin}{none}"));
        for MatchedProcess { pid, uid, name } in found.iter().take(MAX_MATCHES) {
            page.to(VALUE_COLUMN).put(&format!("pid {pid}, of user {uid}: {name}")).end();
        }
        if let Some(more) = found.len().checked_sub(MAX_MATCHES).filter(|more| *more > 0) {
            page.to(VALUE_COLUMN).paint(Paint::Aside, &format!("and {more} more, with --json")).end();
        }
    }
}
