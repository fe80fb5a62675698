use insta::assert_snapshot;

use super::report::RuleOrigin;
use super::{CheckReport, render_plain};
use crate::cli::terminal::{Style, WIDTH, escape_for_terminal, width};
use crate::config::{Config, ConfigPath, Overrides, SettingOrigin, Sources, load};
use crate::daemon::standalone::RunningMatch;
use crate::model::{Bytes, Pid, Uid};

fn rule(name: &str, line: Option<usize>) -> RuleOrigin {
    let path = "/etc/claude-watchdog/config.toml.d/50-local.toml";
    let origin = line.map_or(SettingOrigin::BuiltIn, |line| SettingOrigin::File { path: path.into(), line });
    RuleOrigin { name: name.into(), origin, enabled: true, shadowed_by: Vec::new() }
}

fn running(rule: &str, pid: i32, name: &str) -> RunningMatch {
    RunningMatch { rule: rule.into(), pid: Pid::new(pid).unwrap(), uid: Uid::new(1000), name: name.into() }
}

fn valid(
    config: &Config,
    total: Bytes,
    rules: &[RuleOrigin],
    running: Option<&[RunningMatch]>,
) -> CheckReport {
    let file = Some("/etc/claude-watchdog/config.toml".to_owned());
    CheckReport::valid(file, true, config, total, rules, running)
}

fn plain(report: &CheckReport) -> String {
    let page = render_plain(report, &Style::plain());
    for line in page.lines() {
        assert!(
            width(line) <= WIDTH && line == escape_for_terminal(line) && !line.ends_with(' '),
            "{line:?}"
        );
    }
    page
}

#[test]
fn defaults_on_a_small_machine() {
    let rules = [rule("claude", None), rule("codex", None)];
    let found = [running("claude", 1234, "claude")];
    let mut report = valid(&Config::default(), Bytes::mib(7987), &rules, Some(&found));
    report.found = false;
    assert_snapshot!(plain(&report));
}

#[test]
fn custom_settings_with_every_warning() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.toml");
    std::fs::write(&path, "[thresholds]\nkill = \"95%\"\n[act]\ndry_run = true\n").unwrap();
    let environment = &|name: &str| (name == "WATCHDOG_WARN_MB").then(|| "6144".into());
    let sources = Sources { path: ConfigPath::Named(path), environment, overrides: Overrides::default() };
    let config = load(&sources).unwrap();
    let rules = [
        rule("mine", Some(7)),
        RuleOrigin { shadowed_by: vec!["mine".into()], ..rule("other", Some(12)) },
        rule("claude", None),
        RuleOrigin { enabled: false, ..rule("codex", Some(20)) },
    ];
    let found: Vec<_> = (100..112).map(|pid| running("claude", pid, "cla\x1b[2Jude")).collect();
    let report = valid(&config, Bytes::gib(12), &rules, Some(&found));
    let directory = directory.path().to_string_lossy().into_owned();
    let text = serde_json::to_string(&report).unwrap().replace(&directory, "/etc");
    let report: CheckReport = serde_json::from_str(&text).unwrap();
    assert_snapshot!(plain(&report));
}

#[test]
fn processes_that_could_not_be_read() {
    let report = valid(&Config::default(), Bytes::gib(24), &[rule("mine", Some(7))], None);
    assert_snapshot!(plain(&report));
}

#[test]
fn a_mistake_has_line_column_and_key() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.toml");
    let error = |text: &str| {
        std::fs::write(&path, text).unwrap();
        let path = ConfigPath::Named(path.clone());
        load(&Sources { path, environment: &|_| None, overrides: Overrides::default() }).unwrap_err()
    };
    let mistake = |text: &str| {
        let error = CheckReport::invalid(None, true, &error(text)).error.unwrap();
        (error.line, error.column, error.key)
    };
    assert_eq!(mistake("[thresholds]\nwran = 1"), (Some(2), Some(1), Some("thresholds.wran".into())));
    assert_eq!(mistake("[thresholds]\n\nwarn = 1"), (Some(3), Some(8), Some("thresholds.warn".into())));
    assert_eq!(mistake("x ="), (Some(1), Some(4), None));
    std::fs::remove_file(&path).unwrap();
    let named = ConfigPath::Named(path.clone());
    let missing = load(&Sources { path: named, environment: &|_| None, overrides: Overrides::default() });
    let mistake = CheckReport::invalid(None, false, &missing.unwrap_err()).error.unwrap();
    assert_eq!((mistake.file.as_deref(), mistake.line), (path.to_str(), None));
}
