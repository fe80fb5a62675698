//! The guest or one agent: its chart and what there is to say of it.

use super::chart::{Chart, Drawn, Line};
use super::columns::gather;
use crate::api::forecast::Forecast;
use crate::api::history::{BreakInfo, HistoryInfo, PointInfo, SeriesInfo, SeriesKind};
use crate::api::status::{AgentInfo, GuestInfo, StatusInfo};
use crate::cli::health::foretold;
use crate::cli::terminal::{Page, Paint, escape_for_terminal, truncate_start};
use crate::model::Bytes;
use crate::model::forecast::Ceiling;

/// Where the label and the text of a line begin.
const LABEL: usize = 2;
const DETAIL: usize = 12;

/// Figures at the scale of the guest's chart, and of an agent's: eight rows and six.
const GUEST_STEPS: usize = 4;
const AGENT_STEPS: usize = 3;

/// The word of who has no forecast.
pub(super) const NO_WORD: &str = "insufficient_data";

/// One of the page.
pub(super) struct Entry<'a> {
    name: &'a str,
    now: String,
    forecast: Option<&'a Forecast>,
    /// What ends growth where nothing is foretold.
    line: Line,
    points: &'a [PointInfo],
    breaks: &'a [BreakInfo],
    steps: usize,
}

impl<'a> Entry<'a> {
    pub(super) fn of_guest(status: &'a StatusInfo, history: &'a HistoryInfo) -> Self {
        let guest = &status.guest;
        let all = guest.mem_total + guest.swap_total;
        Self {
            name: "Guest",
            now: format!("{} of {all} in use", used(guest)),
            forecast: guest.forecast.as_ref(),
            line: Line { name: foretold::short(Ceiling::Guest), at: all },
            points: guest_points(history),
            breaks: &history.breaks,
            steps: GUEST_STEPS,
        }
    }

    pub(super) fn of_agent(
        agent: &'a AgentInfo,
        series: Option<&'a SeriesInfo>,
        history: &'a HistoryInfo,
    ) -> Self {
        Self {
            name: &agent.id,
            now: agent.charge.to_string(),
            forecast: agent.forecast.as_ref(),
            line: Line { name: foretold::short(Ceiling::KillThreshold), at: agent.kill_threshold },
            points: series.map_or(&[], |series| &series.points),
            breaks: &history.breaks,
            steps: AGENT_STEPS,
        }
    }

    /// Writes it; whether there are shades in its chart.
    pub(super) fn write(&self, page: &mut Page, drawn: &Drawn<'_>) -> bool {
        page.paint(Paint::Heading, &truncate_start(&escape_for_terminal(self.name), page.width() / 2));
        page.put("  ").put(&self.now);
        if let Some(forecast) = self.forecast {
            page.put(", forecast ").paint(foretold::paint(forecast.level), foretold::word(forecast.level));
        }
        page.end();
        let columns = gather(self.points, self.breaks, drawn.window);
        let chart = columns
            .iter()
            .any(Option::is_some)
            .then(|| Chart::of(drawn, columns, Some(self.line()), self.steps));
        if let Some(chart) = &chart {
            chart.write(page);
        }
        self.tell(page, drawn);
        chart.is_some_and(|chart| chart.is_shaded())
    }

    fn line(&self) -> Line {
        self.forecast.map_or(self.line, |forecast| Line {
            name: foretold::short(forecast.ceiling),
            at: forecast.ceiling_bytes,
        })
    }

    fn tell(&self, page: &mut Page, drawn: &Drawn<'_>) {
        let mut say = |label: &str, text: &str| {
            page.to(LABEL).paint(Paint::Aside, label).to(DETAIL).wrapped(DETAIL, text);
        };
        let first = self.points.iter().map(|point| point.time).min();
        match first {
            None => say("recorded", "nothing of it yet"),
            // Where it begins within the chart.
            Some(first)
                if drawn.window.column(first).is_some_and(|column| column > 0) || drawn.window.is_young =>
            {
                say("recorded", &format!("since {}", drawn.clock.stamp(first)));
            }
            Some(_) => {}
        }
        let Some(forecast) = self.forecast else { return say("trend", NO_WORD) };
        if let Some(rate) = forecast.bytes_per_hour {
            say("rate", &foretold::per_hour(rate));
        }
        if let Some(sentence) = foretold::sentence(forecast, drawn.clock) {
            say("forecast", &sentence);
        }
        say("reason", &forecast.reason);
        say("trend", &forecast.trend);
    }
}

/// What was recorded of the guest.
pub(super) fn guest_points(history: &HistoryInfo) -> &[PointInfo] {
    let guest = history.series.iter().find(|series| series.kind == SeriesKind::Guest);
    guest.map_or(&[], |series| &series.points)
}

/// As it is recorded: memory that is not available, and swap in use.
fn used(guest: &GuestInfo) -> Bytes {
    guest.mem_total.saturating_sub(guest.mem_available) + guest.swap_total.saturating_sub(guest.swap_free)
}
