//! The layout of page and line, and that they escape hostile text.

pub(super) mod arbitrary;

use insta::assert_snapshot;
use proptest::prelude::*;

use super::{exit_code, render_json, render_line, render_plain};
use crate::api::forecast::Forecast;
use crate::api::resume::Resume;
use crate::api::status::{
    ActionInfo, AgentInfo, AgentLevel, CulpritInfo, GuestInfo, StatusInfo, SupervisorInfo, Verdict,
};
use crate::cli::terminal::{Clock, Style, WIDTH, escape_for_terminal, width};
use crate::model::forecast::{Ceiling, ForecastLevel};
use crate::model::system_memory::{Pressure, Stall};
use crate::model::time::UnixSeconds;
use crate::model::{Bytes, Pid, Uid};

pub(in crate::cli) fn calm() -> StatusInfo {
    let stall = |avg10| Stall { avg10, ..Stall::default() };
    StatusInfo {
        supervisor: None,
        version: StatusInfo::VERSION,
        verdict: Verdict::Ok,
        guest: GuestInfo {
            mem_total: Bytes::mib(15_974),
            mem_available: Bytes::mib(11_900),
            swap_total: Bytes::gib(2),
            swap_free: Bytes::mib(1946),
            pressure: Some(Pressure { some: stall(0.31), full: stall(0.0) }),
            forecast: None,
        },
        agents: vec![agent("claude", 1234, Bytes::mib(2300)), agent("codex", 77, Bytes::mib(240))],
        actions: vec![],
        notes: vec![],
    }
}

pub(in crate::cli) fn agent(rule: &str, pid: i32, charge: Bytes) -> AgentInfo {
    let pid = Pid::new(pid).unwrap();
    AgentInfo {
        id: format!("{rule}-{pid}"),
        parent: None,
        rule: rule.to_owned(),
        pid,
        uid: Uid::new(1000),
        cwd: Some(format!("/home/alice/work/{rule}")),
        command: Some(rule.to_owned()),
        charge,
        total_charge: charge,
        anon: charge,
        shmem: Bytes::ZERO,
        swap: Bytes::ZERO,
        processes: 14,
        root_alive: true,
        warn_threshold: Bytes::gib(8),
        kill_threshold: Bytes::gib(13),
        level: AgentLevel::Ok,
        scope: None,
        limit: None,
        forecast: None,
        culprits: vec![CulpritInfo {
            pid: Pid::new(1250).unwrap(),
            charge: charge.share(3, 4),
            command: Some(
                "node /home/alice/work/node_modules/.bin/tsserver --max-old-space-size=16384".into(),
            ),
            forecast: None,
        }],
    }
}

fn grown(charge: Bytes, level: AgentLevel, verdict: Verdict) -> StatusInfo {
    let mut status = calm();
    status.verdict = verdict;
    status.agents[0] = AgentInfo { level, ..agent("claude", 1234, charge) };
    status
}

fn action() -> ActionInfo {
    let AgentInfo { id, rule, pid, uid, culprits, .. } = agent("claude", 1234, Bytes::mib(13_400));
    ActionInfo {
        cause: "threshold".to_owned(),
        id: "7".into(),
        time: "2026-11-23T14:02:05Z".into(),
        kind: "act".into(),
        agent: id,
        rule,
        pid,
        uid,
        charge: Bytes::mib(13_400),
        threshold: Bytes::gib(13),
        culprit: culprits.into_iter().next(),
        signals: vec!["TERM".into(), "KILL".into()],
        dry_run: false,
        outcome: "killed after 3.2s, 9.8G freed".into(),
        resume: None,
    }
}

fn plain(status: &StatusInfo) -> String {
    render_plain(status, &clock(), &Style::plain())
}

/// 2026-11-25 15:06 in Berlin.
pub(super) fn clock() -> Clock {
    let berlin = jiff::tz::TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
    Clock::new(UnixSeconds(1_795_615_560), berlin)
}

/// A forecast of the kill threshold in `minutes`, with an interval from half to double.
pub(in crate::cli) fn forecast(level: ForecastLevel, minutes: f64) -> Forecast {
    Forecast {
        level,
        trend: format!("oom_predicted:{minutes:.0}"),
        bytes_per_hour: Some(2100 << 20),
        least_squares_per_hour: Some(1900 << 20),
        ceiling: Ceiling::KillThreshold,
        ceiling_bytes: Bytes::gib(13),
        eta_seconds: Some(minutes * 60.0),
        eta_low_seconds: Some(minutes * 30.0),
        eta_high_seconds: Some(minutes * 120.0),
        reason: "its floor rose in 7 of the last 7 spans of 3 min, as longer windows say too, largest step 17 % of the growth; it is at 9.4G".into(),
    }
}

/// A forecast without an estimated time, with its reason.
pub(super) fn no_estimate(level: ForecastLevel, trend: &str, reason: &str) -> Forecast {
    Forecast {
        trend: trend.into(),
        bytes_per_hour: Some(-(3 << 20)),
        eta_seconds: None,
        eta_low_seconds: None,
        eta_high_seconds: None,
        reason: reason.into(),
        ..forecast(level, 0.0)
    }
}

#[test]
fn a_forecast_is_one_line() {
    let mut status = calm();
    let whole = Forecast {
        ceiling: Ceiling::Guest,
        ceiling_bytes: Bytes::mib(18_022),
        ..forecast(ForecastLevel::Watch, 600.0)
    };
    status.guest.forecast = Some(whole);
    status.agents[0].forecast = Some(forecast(ForecastLevel::Warn, 34.0));
    status.agents[1].forecast =
        Some(no_estimate(ForecastLevel::Warn, "growing", "it grew before, and has stopped"));
    let quiet = no_estimate(ForecastLevel::None, "stable", "no lasting growth");
    status.agents.push(AgentInfo { forecast: Some(quiet), ..agent("amp", 9, Bytes::gib(1)) });
    // The verdict of the daemon is shown, with its reason.
    status.verdict = Verdict::Warning;
    assert_snapshot!(plain(&status));
    status.agents.retain(|agent| agent.forecast.as_ref().is_none_or(|f| f.level < ForecastLevel::Warn));
    assert!(plain(&status).contains("the machine is low on memory"), "{}", plain(&status));
}

#[test]
fn an_invalid_time_is_not_shown() {
    for seconds in [None, Some(f64::NAN), Some(f64::INFINITY)] {
        let mut status = calm();
        let forecast = Forecast { eta_high_seconds: seconds, ..forecast(ForecastLevel::Warn, 34.0) };
        status.agents[0].forecast = Some(forecast);
        assert!(plain(&status).contains("forecast: no estimated time: its floor rose"), "{}", plain(&status));
    }
}

#[test]
fn ok() {
    assert_snapshot!(plain(&calm()));
}

#[test]
fn no_agents() {
    let mut status = StatusInfo { agents: vec![], ..calm() };
    status.guest.swap_total = Bytes::ZERO;
    status.guest.pressure = None;
    assert_snapshot!(plain(&status));
}

#[test]
fn late_samples_are_reported() {
    let on_time = SupervisorInfo { polls: 8100, samples: 1620, ..SupervisorInfo::default() };
    let status = StatusInfo { supervisor: Some(on_time), ..calm() };
    assert_eq!(plain(&status), plain(&calm()), "no late samples");
    let late = SupervisorInfo { late_wakeups: 3, max_late_usec: 240_999, ..on_time };
    assert_snapshot!(plain(&StatusInfo { supervisor: Some(late), ..calm() }));
}

#[test]
fn warned() {
    let mut status = grown(Bytes::mib(8400), AgentLevel::Warned, Verdict::Warning);
    status.agents[1].parent = Some("claude-1234".into());
    let child = status.agents[1].charge;
    status.agents[0].total_charge += child;
    status.agents[1].scope = Some("agent-codex-1.scope".into());
    status.agents[1].limit = Some(Bytes::gib(4));
    status.notes = vec![
        "kill threshold: 13.2G (16G from /etc/claude-watchdog/config.toml:3 exceeds 85% of 15.6G RAM)".into(),
    ];
    assert_snapshot!(plain(&status));
}

#[test]
fn acting() {
    let status = grown(Bytes::mib(13_400), AgentLevel::Acting, Verdict::Critical);
    assert_snapshot!(plain(&status));
}

#[test]
fn after_an_action() {
    let mut status = calm();
    let resume = Resume::new(
        "claude --resume 0b1f6c1e-4a53-4c39-9f0e-5d2c8a7b1e22",
        Some("/home/alice/my work".into()),
    );
    let whole = ActionInfo {
        culprit: None,
        signals: vec!["TERM".into()],
        outcome: "exited after 0.8s, 13.1G freed".into(),
        resume: Some(resume),
        ..action()
    };
    let killed = ActionInfo { kind: "kernel_oom".into(), signals: vec![], culprit: None, ..whole.clone() };
    let dry = ActionInfo { dry_run: true, signals: vec![], outcome: String::new(), ..action() };
    let guarded = ActionInfo { cause: "guard".into(), charge: Bytes::gib(6), ..action() };
    status.actions = vec![action(), whole, killed, dry, guarded];
    assert_snapshot!(plain(&status));
}

#[test]
fn no_daemon() {
    let mut status = StatusInfo { verdict: Verdict::Unknown, ..calm() };
    for agent in &mut status.agents {
        (agent.warn_threshold, agent.kill_threshold) = (Bytes::ZERO, Bytes::ZERO);
    }
    status.notes = vec![
        "no daemon answers at /run/claude-watchdog/io.moltdown.Watchdog; start it with `systemctl start \
         claude-watchdog`, or without root with `claude-watchdog daemon`"
            .into(),
    ];
    assert_snapshot!(plain(&status));
}

#[test]
fn another_users_agents() {
    let mut status = grown(Bytes::mib(8400), AgentLevel::Warned, Verdict::Warning);
    status.actions = vec![ActionInfo { resume: Some(Resume::new("claude --continue", None)), ..action() }];
    status.agents[0].root_alive = false;
    assert_snapshot!(plain(&status.seen_by(Uid::new(1001))));
}

#[test]
fn hostile_text_and_wide_text() {
    let mut status = grown(Bytes::mib(8400), AgentLevel::Warned, Verdict::Warning);
    status.agents[0].cwd = Some("/home/アリス/仕事/とても長いディレクトリの名前/プロジェクト".into());
    status.agents[0].culprits[0].command =
        Some("sh -c \"\x1b]0;owned\x07\x1b[2J\nOK  all is well\" \u{202e}".into());
    status.agents[1].id = "a-rule-with-a-rather-long-name-77".into();
    assert_snapshot!(plain(&status));
}

#[test]
fn colour_does_not_change_the_text() {
    let mut status = grown(Bytes::mib(13_400), AgentLevel::Acting, Verdict::Critical);
    status.actions = vec![action()];
    let coloured = render_plain(&status, &clock(), &Style::coloured());
    assert!(coloured.starts_with("\x1b[1;31mCRITICAL\x1b[0m"), "{coloured}");
    let codes = ["1", "2", "32", "33", "1;31", "0"].map(|code| format!("\x1b[{code}m"));
    let stripped = codes.iter().fold(coloured, |text, code| text.replace(code, ""));
    assert_eq!(stripped, plain(&status));
}

#[test]
fn json_is_one_line_and_each_verdict_has_a_code() {
    let text = render_json(&calm()).unwrap();
    assert!(text.ends_with("}\n") && text.lines().count() == 1);
    assert_eq!(serde_json::from_str::<StatusInfo>(&text).unwrap(), calm());
    let verdicts = [Verdict::Ok, Verdict::Warning, Verdict::Critical, Verdict::Unknown];
    assert_eq!(verdicts.map(exit_code), [0, 1, 2, 3]);
}

#[test]
fn a_line_for_a_prompt() {
    let line = |status: &StatusInfo| render_line(status, &clock(), &Style::plain());
    let mut unknown = calm();
    unknown.verdict = Verdict::Unknown;
    unknown.notes = vec!["the daemon did not reply within 50ms".into()];
    let mut named = grown(Bytes::mib(8400), AgentLevel::Warned, Verdict::Warning);
    named.agents[0].id = "a-rule-with-a-rather-long-name\u{1b}[2J\n-and-more-of-it-1234567".into();
    let no_agents = StatusInfo { agents: vec![], ..calm() };
    let mut predicted = calm();
    predicted.guest.forecast = Some(forecast(ForecastLevel::Watch, 2.0));
    predicted.agents[0].forecast = Some(forecast(ForecastLevel::Warn, 34.0));
    predicted.agents[1].forecast = Some(forecast(ForecastLevel::Runaway, 8.0));
    let third =
        AgentInfo { forecast: Some(forecast(ForecastLevel::Warn, 20.0)), ..agent("amp", 9, Bytes::gib(1)) };
    predicted.agents.push(third);
    let mut without_estimate = named.clone();
    without_estimate.agents[0].forecast =
        Some(no_estimate(ForecastLevel::Warn, "stable", "no lasting growth"));
    let all = [
        calm(),
        no_agents,
        grown(Bytes::mib(8400), AgentLevel::Warned, Verdict::Warning),
        named,
        grown(Bytes::mib(13_400), AgentLevel::Acting, Verdict::Critical),
        unknown,
        predicted,
        without_estimate,
    ];
    assert_snapshot!(all.iter().map(line).collect::<String>());
    let coloured = render_line(&all[4], &clock(), &Style::coloured());
    assert!(coloured.starts_with("\u{1b}[1;31mCRITICAL\u{1b}[0m "), "{coloured}");
}

proptest! {
    #[test]
    fn the_line_fits_80_columns_without_control_characters(status in arbitrary::status()) {
        let line = render_line(&status, &clock(), &Style::plain());
        let text = line.strip_suffix('\n').unwrap();
        prop_assert!(width(text) <= WIDTH, "{text:?}");
        prop_assert_eq!(text, escape_for_terminal(text));
    }

    #[test]
    fn the_page_fits_80_columns_without_control_characters(status in arbitrary::status()) {
        let page = plain(&status);
        for line in page.lines() {
            prop_assert!(width(line) <= WIDTH, "{line:?}");
            prop_assert_eq!(line, escape_for_terminal(line));
            prop_assert!(!line.ends_with(' '), "{:?}", line);
        }
        prop_assert!(page.ends_with('\n'));
    }
}
