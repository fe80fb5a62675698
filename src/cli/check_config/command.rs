//! Loads a configuration as the supervisor would, and looks at what runs.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::report::RuleOrigin;
use super::{Report, render_plain};
use crate::cli::args::CheckConfig;
use crate::cli::exit;
use crate::cli::terminal::{Style, escape_for_terminal, print, to_json};
use crate::config::{self, Config, ConfigPath, Overrides, Sources};
use crate::daemon::{RunningMatch, rules, running_matches};
use crate::linux::procfs::{Proc, ReadError};
use crate::model::Uid;
use crate::rules::Rules;

/// How long the running processes are looked at: a command line may be kept from being read without end.
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs `claude-watchdog check-config`.
pub(in crate::cli) fn run(options: &CheckConfig) -> ExitCode {
    let report = match check(options.file.as_deref()) {
        Ok(report) => report,
        Err(error) => return exit::fail(&error, 1),
    };
    // The message of what is wrong stands where the supervisor would say it, so that it looks the same.
    if let Some(error) = report.error.as_ref().filter(|_| !options.json) {
        return exit::fail(&escape_for_terminal(&error.message), exit::CONFIG);
    }
    let text = if options.json {
        match to_json(&report) {
            Ok(text) => text,
            Err(error) => return exit::fail(&error, 1),
        }
    } else {
        render_plain(&report, &Style::for_stdout(options.no_color))
    };
    match print(&text) {
        Ok(()) if report.ok => ExitCode::SUCCESS,
        Ok(()) => ExitCode::from(exit::CONFIG),
        Err(error) => exit::fail(&format_args!("cannot write: {error}"), 1),
    }
}

fn check(named: Option<&Path>) -> Result<Report, ReadError> {
    let uid = Uid::new(rustix::process::geteuid().as_raw());
    let service = if named.is_none() && uid == Uid::ROOT { service_environment() } else { String::new() };
    // What the service is given counts for the system's configuration; what the caller has set goes before it.
    let environment = |name: &str| -> Option<OsString> {
        std::env::var_os(name).or_else(|| config::lookup_variable(&service, name))
    };
    let path = ConfigPath::locate(named, uid, &environment);
    let file = path.path().map(|path| path.to_string_lossy().into_owned());
    let found = path.path().is_some_and(Path::exists);
    let sources = Sources { path, environment: &environment, overrides: Overrides::default() };
    let loaded = config::load(&sources).and_then(|config| rules(&config).map(|rules| (config, rules)));
    let (mut config, rules) = match loaded {
        Ok(loaded) => loaded,
        Err(error) => return Ok(Report::wrong(file, found, &error)),
    };
    config.ineffective.extend(config::unknown_variables(&service));
    let total = Proc::open(Path::new("/proc"))?.guest()?.mem_total;
    let origins = origins(&config, &rules);
    let running = running(rules, (uid != Uid::ROOT).then_some(uid))?;
    Ok(Report::right(file, found, &config, total, &origins, running.as_deref()))
}

fn service_environment() -> String {
    // It need not be there, and the unit takes one that cannot be read for one that is not.
    std::fs::read_to_string(config::ENVIRONMENT_FILE).unwrap_or_default()
}

/// Those that are tried in their order, then those that are switched off.
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

/// `None`: not in time. The thread that waits ends with us.
fn running(rules: Rules, only: Option<Uid>) -> Result<Option<Vec<RunningMatch>>, ReadError> {
    let (told, found) = mpsc::channel();
    thread::spawn(move || told.send(running_matches(Path::new("/proc"), &rules, only)));
    found.recv_timeout(PATIENCE).ok().transpose()
}
