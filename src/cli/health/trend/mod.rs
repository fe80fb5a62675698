//! `vm-health-check --trend`: how memory went, and where it leads.

mod axis;
mod breaks;
mod cells;
mod chart;
mod columns;
mod command;
mod entry;
mod json;
mod scale;
mod window;

#[cfg(test)]
mod tests;

use super::painted_word;
use super::summary;
use crate::api::history::{HistoryInfo, SeriesInfo, SeriesKind};
use crate::api::status::{AgentInfo, StatusInfo};
use crate::cli::terminal::{Clock, Page, Screen, Style, escape_for_terminal, truncate_start};
use crate::model::Bytes;
use entry::Entry;
use window::Window;

pub(super) use command::run;
pub use json::render_json;

/// Where the verdict's sentence begins.
const VALUES: usize = 10;

/// The page for people: a chart of the guest and of each agent, the largest first.
#[must_use]
pub fn render_plain(
    status: &StatusInfo,
    history: &HistoryInfo,
    clock: &Clock,
    screen: Screen,
    style: &Style,
) -> String {
    let clock = &clock.clone().at(history.now);
    let mut page = Page::within(*style, screen.columns);
    let (word, paint) = painted_word(status.verdict);
    page.paint(paint, word).to(VALUES).wrapped(VALUES, &summary::of(status));
    let window = Window::of(history, page.width().saturating_sub(chart::GUTTER));
    let drawn = chart::Drawn { window: &window, clock, unicode: screen.unicode };
    page.end();
    let mut shaded = Entry::of_guest(status, history).write(&mut page, &drawn);
    for (agent, series) in running(status, history) {
        page.end();
        shaded |= Entry::of_agent(agent, series, history).write(&mut page, &drawn);
    }
    if shaded {
        let [low, mean, high] = cells::Glyphs::of(screen.unicode).shades();
        let legend = format!("{low} lowest, {mean} up to the mean, {high} up to the highest of each column");
        page.end().wrapped(0, &legend);
    }
    breaks::list(&mut page, history, &window, clock);
    ended_agents(&mut page, status, history, clock);
    if let Some(sentence) = left_out(history) {
        page.end().wrapped(0, &sentence).end();
    }
    page.finish()
}

/// What is to be said where not all that was recorded fits into one answer.
pub(in crate::cli) fn left_out(history: &HistoryInfo) -> Option<String> {
    let others = match history.left_out {
        0 => return None,
        1 => "One more series was".to_owned(),
        n => format!("{n} more series were"),
    };
    Some(format!("{others} recorded than fit into one answer: ask for a shorter --since."))
}

/// Every agent that runs with what was recorded of it, the largest first.
fn running<'a>(
    status: &'a StatusInfo,
    history: &'a HistoryInfo,
) -> Vec<(&'a AgentInfo, Option<&'a SeriesInfo>)> {
    let mut agents: Vec<_> = status.agents.iter().map(|agent| (agent, series_of(agent, history))).collect();
    agents.sort_by_key(|(agent, _)| std::cmp::Reverse(agent.charge));
    agents
}

fn series_of<'a>(agent: &AgentInfo, history: &'a HistoryInfo) -> Option<&'a SeriesInfo> {
    history
        .series
        .iter()
        .rfind(|series| series.kind == SeriesKind::Agent && series.this_boot && series.id == agent.id)
}

/// Agents of the window that do not run any more.
fn ended<'a>(status: &'a StatusInfo, history: &'a HistoryInfo) -> impl Iterator<Item = &'a SeriesInfo> {
    history.series.iter().filter(|series| {
        series.kind == SeriesKind::Agent
            && !series.points.is_empty()
            && !(series.this_boot && status.agents.iter().any(|agent| agent.id == series.id))
    })
}

fn ended_agents(page: &mut Page, status: &StatusInfo, history: &HistoryInfo, clock: &Clock) {
    for (nth, series) in ended(status, history).enumerate() {
        if nth == 0 {
            page.end();
        }
        let peak = series.points.iter().map(|point| point.max).max().unwrap_or(Bytes::ZERO);
        let last = series.points.iter().map(window::end_of).max().unwrap_or(history.now);
        let name = truncate_start(&escape_for_terminal(&series.id), page.width() / 3);
        page.put(&format!("ended: {name}, peak {peak}, last seen {}", clock.stamp(last))).end();
    }
}
