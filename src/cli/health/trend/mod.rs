//! `claude-watchdog health --trend`: the memory history as a chart, with growth rate and forecast.

mod chart;
mod data;
mod json;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use super::page::{self, exit_code, verdict_word};
use super::{forecast_text, no_daemon, summary};
use crate::api::forecast::Forecast;
use crate::api::history::{BreakInfo, BreakKind, HistoryInfo, PointInfo, SeriesInfo};
use crate::api::status::{AgentInfo, GuestInfo, StatusInfo};
use crate::cli::args::HealthOptions;
use crate::cli::error::CommandError;
use crate::cli::terminal::{
    Clock, Page, Paint, Style, TerminalInfo, escape_for_terminal, print, truncate_start,
};
use crate::ipc::{Client, ClientError, MethodError, paths};
use crate::model::Bytes;
use crate::model::forecast::Ceiling;
use crate::model::time::UnixSeconds;
use chart::{CeilingLine, Chart, ChartContext};
use data::{NO_TREND, TimeWindow, exited, gather, guest_points, running};

pub use json::render_json;

/// Retries while the daemon is busy with other history requests.
const MAX_HISTORY_TRIES: u32 = 5;

const HISTORY_RETRY_INTERVAL: Duration = Duration::from_millis(200);

/// Runs `claude-watchdog health --trend`.
pub(super) fn run(options: &HealthOptions, socket: Option<&Path>) -> Result<ExitCode, CommandError> {
    let (clock, style) = (Clock::here(), Style::for_stdout(options.no_color));
    let reply = Client::connect(&paths::candidates(socket))
        .and_then(|mut client| status_and_history(&mut client, options.since));
    let (mut status, history, note) = match reply {
        Ok((status, Ok(history))) => (status, Some(history), None),
        Ok((status, Err(error))) => {
            (status, None, Some(format!("cannot show the recorded history: {error}")))
        }
        Err(error) => (no_daemon::status(&error)?, None, None),
    };
    let text = match history {
        Some(history) if options.json => render_json(&status, &history)?,
        Some(history) => render_plain(&status, &history, &clock, TerminalInfo::of_stdout(), &style),
        None if options.json => {
            status.notes.extend(note);
            render_json(&status, &empty_history(&clock, options.since))?
        }
        None => {
            let page = page::render_plain(&status, &clock, &style);
            let note = note.map(|note| format!("          {note}\n")).unwrap_or_default();
            format!("{page}\nTrend     {NO_TREND}\n{note}")
        }
    };
    print(&text)?;
    Ok(ExitCode::from(exit_code(status.verdict)))
}

/// The history may fail on its own: a busy daemon still replies with its status.
type StatusAndHistory = (StatusInfo, Result<HistoryInfo, ClientError>);

fn status_and_history(client: &mut Client, since: Duration) -> Result<StatusAndHistory, ClientError> {
    let status = client.status()?;
    let mut history = client.history(since);
    for _ in 0..MAX_HISTORY_TRIES {
        if !matches!(&history, Err(ClientError::Refused { error: MethodError::Busy {}, .. })) {
            break;
        }
        thread::sleep(HISTORY_RETRY_INTERVAL);
        history = client.history(since);
    }
    Ok((status, history))
}

fn empty_history(clock: &Clock, since: Duration) -> HistoryInfo {
    let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    let since = UnixSeconds(clock.now().0.saturating_sub(seconds));
    HistoryInfo { now: clock.now(), since, ..HistoryInfo::default() }
}

/// Column of the summary.
const SUMMARY_COLUMN: usize = 10;

/// The page as text: a chart of the machine and of each agent, the largest first.
#[must_use]
pub fn render_plain(
    status: &StatusInfo,
    history: &HistoryInfo,
    clock: &Clock,
    screen: TerminalInfo,
    style: &Style,
) -> String {
    let clock = &clock.clone().at(history.now);
    let mut page = Page::within(*style, screen.columns);
    let (word, paint) = verdict_word(status.verdict);
    page.paint(paint, word).to(SUMMARY_COLUMN).wrapped(SUMMARY_COLUMN, &summary::summary(status));
    let window = TimeWindow::new(history, page.width().saturating_sub(chart::GUTTER_WIDTH));
    let context = ChartContext { window: &window, clock, unicode: screen.unicode };
    page.end();
    let mut shaded = TrendSection::of_machine(status, history).write(&mut page, &context);
    for (agent, series) in running(status, history) {
        page.end();
        shaded |= TrendSection::of_agent(agent, series, history).write(&mut page, &context);
    }
    if shaded {
        let [low, mean, high] = chart::Glyphs::new(screen.unicode).shades();
        let legend = format!("{low} minimum, {mean} up to the mean, {high} up to the maximum of each column");
        page.end().wrapped(0, &legend);
    }
    list_breaks(&mut page, history, &window, clock);
    exited_agents(&mut page, status, history, clock);
    if let Some(sentence) = left_out_note(history) {
        page.end().wrapped(0, &sentence).end();
    }
    page.finish()
}

/// The note that not all series fit into one reply.
pub(in crate::cli) fn left_out_note(history: &HistoryInfo) -> Option<String> {
    let series = match history.left_out {
        0 => return None,
        1 => "1 more series does".to_owned(),
        n => format!("{n} more series do"),
    };
    Some(format!("{series} not fit into one reply; use a shorter --since"))
}

fn exited_agents(page: &mut Page, status: &StatusInfo, history: &HistoryInfo, clock: &Clock) {
    for (nth, series) in exited(status, history).enumerate() {
        if nth == 0 {
            page.end();
        }
        let peak = series.points.iter().map(|point| point.max).max().unwrap_or(Bytes::ZERO);
        let last = series.points.iter().map(data::end_of).max().unwrap_or(history.now);
        let name = truncate_start(&escape_for_terminal(&series.id), page.width() / 3);
        page.put(&format!("exited: {name}, peak {peak}, last seen {}", clock.in_list(last))).end();
    }
}

/// Columns of the labels and of the details.
const LABEL_COLUMN: usize = 2;
const DETAIL_COLUMN: usize = 12;

/// Figures at the scale of the machine's chart (eight rows) and of an agent's (six rows).
const MACHINE_CHART_STEPS: usize = 4;
const AGENT_CHART_STEPS: usize = 3;

/// The section of the machine or of one agent: a chart and its details.
struct TrendSection<'a> {
    name: &'a str,
    now: String,
    forecast: Option<&'a Forecast>,
    /// The ceiling without a forecast.
    ceiling: CeilingLine,
    points: &'a [PointInfo],
    breaks: &'a [BreakInfo],
    steps: usize,
}

impl<'a> TrendSection<'a> {
    fn of_machine(status: &'a StatusInfo, history: &'a HistoryInfo) -> Self {
        let guest = &status.guest;
        let all = guest.mem_total + guest.swap_total;
        Self {
            name: "Machine",
            now: format!("{} of {all} in use", used(guest)),
            forecast: guest.forecast.as_ref(),
            ceiling: CeilingLine { name: forecast_text::ceiling_name(Ceiling::Guest), at: all },
            points: guest_points(history),
            breaks: &history.breaks,
            steps: MACHINE_CHART_STEPS,
        }
    }

    fn of_agent(agent: &'a AgentInfo, series: Option<&'a SeriesInfo>, history: &'a HistoryInfo) -> Self {
        Self {
            name: &agent.id,
            now: agent.charge.to_string(),
            forecast: agent.forecast.as_ref(),
            ceiling: CeilingLine {
                name: forecast_text::ceiling_name(Ceiling::KillThreshold),
                at: agent.kill_threshold,
            },
            points: series.map_or(&[], |series| &series.points),
            breaks: &history.breaks,
            steps: AGENT_CHART_STEPS,
        }
    }

    /// Writes it. Returns whether its chart has shaded columns.
    fn write(&self, page: &mut Page, context: &ChartContext<'_>) -> bool {
        page.paint(Paint::Heading, &truncate_start(&escape_for_terminal(self.name), page.width() / 2));
        page.put("  ").put(&self.now);
        if let Some(forecast) = self.forecast {
            page.put(", forecast ")
                .paint(forecast_text::level_paint(forecast.level), forecast_text::level_word(forecast.level));
        }
        page.end();
        let columns = gather(self.points, self.breaks, context.window);
        let chart = columns
            .iter()
            .any(Option::is_some)
            .then(|| Chart::new(context, columns, Some(self.ceiling()), self.steps));
        if let Some(chart) = &chart {
            chart.write(page);
        }
        self.details(page, context);
        chart.is_some_and(|chart| chart.is_shaded())
    }

    fn ceiling(&self) -> CeilingLine {
        self.forecast.map_or(self.ceiling, |forecast| CeilingLine {
            name: forecast_text::ceiling_name(forecast.ceiling),
            at: forecast.ceiling_bytes,
        })
    }

    fn details(&self, page: &mut Page, context: &ChartContext<'_>) {
        let mut detail = |label: &str, text: &str| {
            page.to(LABEL_COLUMN).paint(Paint::Aside, label).to(DETAIL_COLUMN).wrapped(DETAIL_COLUMN, text);
        };
        let first = self.points.iter().map(|point| point.time).min();
        match first {
            None => detail("recorded", "no data yet"),
            // If it begins within the chart.
            Some(first)
                if context.window.column(first).is_some_and(|column| column > 0)
                    || context.window.is_young =>
            {
                detail("recorded", &format!("since {}", context.clock.in_list(first)));
            }
            Some(_) => {}
        }
        let Some(forecast) = self.forecast else { return detail("trend", NO_TREND) };
        if let Some(rate) = forecast.bytes_per_hour {
            detail("rate", &forecast_text::per_hour(rate));
        }
        if let Some(sentence) = forecast_text::sentence(forecast, context.clock) {
            detail("forecast", &sentence);
        }
        detail("reason", &forecast.reason);
        detail("trend", &forecast.trend);
    }
}

/// Memory in use as it is recorded: not available, and swapped out.
fn used(guest: &GuestInfo) -> Bytes {
    guest.mem_total.saturating_sub(guest.mem_available) + guest.swap_total.saturating_sub(guest.swap_free)
}

/// Maximum number of breaks shown; `--json` has all.
const MAX_BREAKS: usize = 5;

/// Lists the newest breaks, oldest first.
fn list_breaks(page: &mut Page, history: &HistoryInfo, window: &TimeWindow, clock: &Clock) {
    let breaks: Vec<_> = history.breaks.iter().filter(|broken| broken.time >= window.start).collect();
    if breaks.is_empty() {
        return;
    }
    page.end().paint(Paint::Heading, "Blank columns").end();
    let older = breaks.len().saturating_sub(MAX_BREAKS);
    if older > 0 {
        page.paint(Paint::Aside, &format!("{older} older ones, see --json")).end();
    }
    for broken in breaks.into_iter().skip(older) {
        page.put("-").to(2).wrapped(2, &format!("{}: {}", clock.in_list(broken.time), break_text(broken)));
    }
}

fn break_text(broken: &BreakInfo) -> String {
    let span = broken.seconds.map(|seconds| {
        let whole = if seconds >= 60 { seconds - seconds % 60 } else { seconds };
        humantime::format_duration(Duration::from_secs(whole)).to_string()
    });
    let gap = span.as_ref().map(|span| format!(", {span} after the last sample")).unwrap_or_default();
    match broken.kind {
        BreakKind::Boot => format!("the machine booted{gap}"),
        BreakKind::Gap => {
            let span = span.map(|span| format!(" for {span}")).unwrap_or_default();
            format!("no samples{span}: daemon stopped, machine suspended, or snapshot reverted")
        }
        BreakKind::Clock => "the clock was set".to_owned(),
    }
}
