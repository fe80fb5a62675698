//! The layout of the trend page, and that it escapes hostile text.

mod arbitrary;

use insta::assert_snapshot;
use proptest::prelude::*;

use super::{render_json, render_plain};
use crate::api::forecast::Forecast;
use crate::api::history::{BreakInfo, BreakKind, HistoryInfo, PointInfo, SeriesInfo, SeriesKind};
use crate::api::status::{AgentInfo, AgentLevel, StatusInfo};
use crate::cli::health::tests::{agent, calm, clock, forecast, no_estimate};
use crate::cli::terminal::{Style, TerminalInfo, WIDTH, escape_for_terminal, width};
use crate::model::forecast::{Ceiling, ForecastLevel};
use crate::model::time::UnixSeconds;
use crate::model::{Bytes, Pid, Uid};

const UNICODE: TerminalInfo = TerminalInfo { columns: 80, unicode: true };
const ASCII: TerminalInfo = TerminalInfo { columns: 80, unicode: false };

/// A point per minute until now, in MiB as a function of the minute.
fn points(minutes: u32, mib: impl Fn(f64) -> f64) -> Vec<PointInfo> {
    let bytes = |at: f64| {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        Bytes::mib(mib(at).max(0.0) as u64)
    };
    let point = |minute: u32| {
        let samples = [0.0, 0.25, 0.5, 0.75].map(|part| bytes(f64::from(minute) + part));
        let mean = samples.iter().copied().sum::<Bytes>().share(1, 4);
        PointInfo {
            time: UnixSeconds(clock().now().0 - i64::from(minutes - minute) * 60),
            seconds: 60,
            min: samples.into_iter().min().unwrap(),
            mean,
            max: samples.into_iter().max().unwrap(),
        }
    };
    (0..minutes).map(point).collect()
}

fn series(kind: SeriesKind, id: &str, points: Vec<PointInfo>) -> SeriesInfo {
    let pid = id.rsplit('-').next().and_then(|pid| pid.parse().ok()).and_then(Pid::new);
    SeriesInfo { kind, id: id.into(), name: None, pid, uid: Uid::new(1000), this_boot: true, points }
}

fn history(hours: i64, series: Vec<SeriesInfo>) -> HistoryInfo {
    let now = clock().now();
    HistoryInfo { now, since: UnixSeconds(now.0 - hours * 3600), series, ..HistoryInfo::default() }
}

/// One agent and the machine, with the history of both.
fn one(mib: impl Fn(f64) -> f64 + Copy, charge: Bytes, forecast: Forecast) -> (StatusInfo, HistoryInfo) {
    let whole = Forecast {
        ceiling: Ceiling::Guest,
        ceiling_bytes: Bytes::mib(18_022),
        ..no_estimate(ForecastLevel::None, "stable", "no lasting growth")
    };
    let mut status = calm();
    status.guest.forecast = Some(whole);
    status.agents = vec![AgentInfo { forecast: Some(forecast), ..agent("claude", 1234, charge) }];
    let guest = series(SeriesKind::Guest, "guest", points(200, |at| mib(at) * 0.5 + 2400.0));
    let claude = series(SeriesKind::Agent, "claude-1234", points(200, mib));
    (status, history(3, vec![guest, claude]))
}

fn page(both: &(StatusInfo, HistoryInfo)) -> String {
    render_plain(&both.0, &both.1, &clock(), UNICODE, &Style::plain())
}

fn leak() -> (StatusInfo, HistoryInfo) {
    one(|at| 3000.0 + 35.0 * at, Bytes::mib(9950), forecast(ForecastLevel::Warn, 34.0))
}

/// A garbage collector with a cycle of half an hour.
fn sawtooth() -> (StatusInfo, HistoryInfo) {
    let quiet = no_estimate(ForecastLevel::None, "stable", "it grows, but was as high before and came back");
    one(|at| 1200.0 + 60.0 * (at % 30.0), Bytes::mib(2400), quiet)
}

#[test]
fn a_leak() {
    assert_snapshot!(page(&leak()));
}

#[test]
fn a_sawtooth() {
    assert_snapshot!(page(&sawtooth()));
}

#[test]
fn fast_cycles_are_shown_as_a_range() {
    let quiet = no_estimate(ForecastLevel::None, "stable", "no lasting growth");
    assert_snapshot!(page(&one(|at| 2200.0 + 4000.0 * (at % 1.0), Bytes::mib(3100), quiet)));
}

#[test]
fn a_plateau() {
    let quiet = no_estimate(ForecastLevel::Watch, "growing", "it grew, and less and less: levelling off");
    assert_snapshot!(page(&one(|at| 5200.0 * (1.0 - (-at / 40.0).exp()), Bytes::mib(5160), quiet)));
}

#[test]
fn gaps_and_breaks() {
    let mut both = leak();
    let now = clock().now().0;
    for series in &mut both.1.series {
        let gap = now - 90 * 60..now - 50 * 60;
        series.points.retain(|point| !gap.contains(&point.time.0));
    }
    let broken =
        |minutes: i64, kind, seconds| BreakInfo { time: UnixSeconds(now - minutes * 60), kind, seconds };
    both.1.breaks = vec![
        broken(26 * 60, BreakKind::Boot, Some(8)),
        broken(130, BreakKind::Clock, None),
        broken(50, BreakKind::Gap, Some(2415)),
        broken(20, BreakKind::Boot, None),
    ];
    let text = page(&both);
    assert_snapshot!(text);
    // Points in a blank column are shown next to it, so no peak is lost.
    let column = |row: &str, place: usize| row.chars().nth(place);
    let lowest = text.lines().find(|line| line.contains("2G")).unwrap();
    let blank = (8..80).filter(|place| column(lowest, *place).is_none_or(|c| c == ' ')).count();
    assert!((17..=20).contains(&blank), "{blank}: {lowest}");
}

#[test]
fn an_empty_and_a_short_history() {
    let (status, mut history) = leak();
    history.series.clear();
    assert_snapshot!("none", page(&(status.clone(), history.clone())));
    let young = points(25, |at| 2400.0 + 8.0 * at);
    history.series = vec![series(SeriesKind::Guest, "guest", young)];
    assert_snapshot!("young", page(&(status, history)));
}

#[test]
fn without_a_forecaster() {
    let (mut status, history) = leak();
    status.guest.forecast = None;
    status.agents[0].forecast = None;
    assert_snapshot!(page(&(status, history)));
}

#[test]
fn ascii() {
    let (status, history) = sawtooth();
    let text = render_plain(&status, &history, &clock(), ASCII, &Style::plain());
    assert!(text.is_ascii(), "{text}");
    assert_snapshot!(text);
}

#[test]
fn a_narrow_terminal_and_a_wide_one() {
    let (status, history) = leak();
    let of = |columns| {
        let screen = TerminalInfo { columns, unicode: true };
        render_plain(&status, &history, &clock(), screen, &Style::plain())
    };
    let narrow = of(40);
    assert!(narrow.lines().all(|line| width(line) <= 40), "{narrow}");
    assert_snapshot!(narrow);
    assert_eq!(of(200), of(80), "80 columns at most");
    assert_eq!(of(3), of(40));
}

#[test]
fn a_span_of_days_has_dates() {
    let (mut status, _) = leak();
    status.agents[0].forecast = Some(forecast(ForecastLevel::Watch, 1300.0));
    let mut guest = forecast(ForecastLevel::None, 4000.0);
    guest.ceiling = Ceiling::Guest;
    status.guest.forecast = Some(guest);
    let hourly = |start: u64| {
        let point = |hour: u64| PointInfo {
            time: UnixSeconds(clock().now().0 - i64::try_from(hour).unwrap() * 3600),
            seconds: 3600,
            min: Bytes::mib(start - 10 * hour),
            mean: Bytes::mib(start + 100),
            max: Bytes::mib(start + 300 + 60 * (hour % 24)),
        };
        (1..24 * 7).rev().map(point).collect()
    };
    let all = vec![
        series(SeriesKind::Guest, "guest", hourly(5000)),
        series(SeriesKind::Agent, "claude-1234", hourly(3000)),
    ];
    assert_snapshot!(page(&(status, history(7 * 24, all))));
}

#[test]
fn several_agents_exited_agents_and_hostile_names() {
    let (mut status, mut history) = leak();
    let hostile =
        "evil\u{1b}[2J\nOK all is well \u{202e}-and-a-long-name-that-does-not-end-where-it-should-77";
    status.agents.insert(
        0,
        AgentInfo { id: hostile.into(), level: AgentLevel::Warned, ..agent("codex", 77, Bytes::mib(240)) },
    );
    let gone = points(100, |at| 31.0 * at).into_iter().take(60).collect();
    history.series.push(series(SeriesKind::Agent, hostile, points(30, |_| 230.0)));
    history.series.push(series(SeriesKind::Agent, "claude-99", gone));
    // The same name before the last boot is another agent.
    let before =
        SeriesInfo { this_boot: false, ..series(SeriesKind::Agent, "claude-1234", points(190, |_| 900.0)) };
    history.series.push(before);
    let text = page(&(status, history));
    assert!(text.lines().all(|line| line == escape_for_terminal(line)), "{text}");
    let place = |name| text.find(name).unwrap();
    assert!(place("\nclaude-1234") < place("hould-77"), "the largest first");
    assert_snapshot!(text);
}

#[test]
fn colour_does_not_change_the_text() {
    let quiet = forecast(ForecastLevel::Runaway, 5.0);
    let (status, history) = one(|at| 2200.0 + 4000.0 * (at % 1.0), Bytes::mib(3100), quiet);
    let coloured = render_plain(&status, &history, &clock(), UNICODE, &Style::coloured());
    assert!(coloured.contains("\u{1b}[1;31mrunaway\u{1b}[0m"), "{coloured}");
    assert!(coloured.contains("\u{1b}[2m▒▒"), "lighter up to the mean");
    let codes = ["1", "2", "32", "33", "1;31", "0"].map(|code| format!("\x1b[{code}m"));
    let stripped = codes.iter().fold(coloured, |text, code| text.replace(code, ""));
    assert_eq!(stripped, page(&(status, history)));
}

#[test]
fn json_is_one_object() {
    let (mut status, mut history) = leak();
    let point = points(1, |_| 240.0);
    let part =
        SeriesInfo { name: Some("node".into()), ..series(SeriesKind::Part, "claude-1234", point.clone()) };
    history.series = vec![
        series(SeriesKind::Guest, "guest", point.clone()),
        series(SeriesKind::Agent, "claude-1234", point.clone()),
        SeriesInfo { this_boot: false, name: Some("another".into()), ..part.clone() },
        part,
        series(SeriesKind::Agent, "codex-9", point),
    ];
    history.breaks = vec![BreakInfo { time: history.now, kind: BreakKind::Gap, seconds: Some(700) }];
    status.guest.forecast = None;
    let text = render_json(&status, &history).unwrap();
    assert_eq!(text.lines().count(), 1);
    assert_snapshot!(text);
}

proptest! {
    #[test]
    fn any_history_fits_the_page(
        (status, history) in crate::cli::health::tests::arbitrary::status().prop_flat_map(|status| {
            let names = status.agents.iter().map(|agent| agent.id.clone()).collect();
            (Just(status), arbitrary::history(names))
        }),
        unicode: bool,
        columns in 0_usize..300,
    ) {
        let screen = TerminalInfo { columns, unicode };
        let page = render_plain(&status, &history, &clock(), screen, &Style::plain());
        for line in page.lines() {
            prop_assert!(width(line) <= columns.clamp(40, WIDTH), "{line:?}");
            prop_assert_eq!(line, escape_for_terminal(line));
            prop_assert!(!line.ends_with(' '), "{:?}", line);
        }
        prop_assert!(page.ends_with('\n'));
        prop_assert!(render_json(&status, &history).is_ok());
    }
}
