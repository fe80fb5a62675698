//! The status as text and JSON.

use super::{actions, agents, forecast_text, summary};
use crate::api::status::{GuestInfo, StatusInfo, SupervisorInfo, Verdict};
use crate::cli::terminal::{Clock, Page, Paint, Style, to_json};
use crate::model::system_memory::Pressure;

/// Column of the values.
const VALUE_COLUMN: usize = 10;

/// The exit code of a verdict.
#[must_use]
pub fn exit_code(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Ok => 0,
        Verdict::Warning => 1,
        Verdict::Critical => 2,
        Verdict::Unknown => 3,
    }
}

/// JSON on one line, with the fields of [`StatusInfo`] in their order.
///
/// # Errors
/// If serialization fails; no such status is known.
pub fn render_json(status: &StatusInfo) -> serde_json::Result<String> {
    to_json(status)
}

/// The page as text: at most 80 columns, without control characters other than the colours of `style`.
#[must_use]
pub fn render_plain(status: &StatusInfo, clock: &Clock, style: &Style) -> String {
    let mut page = Page::new(*style);
    let (word, paint) = verdict_word(status.verdict);
    page.paint(paint, word).to(VALUE_COLUMN);
    page.wrapped(VALUE_COLUMN, &summary::summary(status));
    // Without the daemon the notes say why, so they come first.
    if status.verdict == Verdict::Unknown {
        for note in &status.notes {
            page.to(VALUE_COLUMN).wrapped(VALUE_COLUMN, note);
        }
    }
    page.end();
    guest(&mut page, &status.guest, clock);
    if let Some(delays) = status.supervisor.as_ref().and_then(scheduling_delays) {
        page.put("Watchdog").to(VALUE_COLUMN).wrapped(VALUE_COLUMN, &delays);
    }
    agents::table(&mut page, &status.agents, clock);
    actions::list(&mut page, &status.actions);
    if status.verdict != Verdict::Unknown && !status.notes.is_empty() {
        page.end().paint(Paint::Heading, "Notes").end();
        for note in &status.notes {
            page.put("-").to(2).wrapped(2, note);
        }
    }
    page.finish()
}

/// The word of a verdict and its colour.
pub(super) fn verdict_word(verdict: Verdict) -> (&'static str, Paint) {
    match verdict {
        Verdict::Ok => ("OK", Paint::Good),
        Verdict::Warning => ("WARNING", Paint::Warning),
        Verdict::Critical => ("CRITICAL", Paint::Alarm),
        Verdict::Unknown => ("UNKNOWN", Paint::Warning),
    }
}

fn guest(page: &mut Page, guest: &GuestInfo, clock: &Clock) {
    page.put("Memory").to(VALUE_COLUMN);
    page.put(&format!("{} of {} available", guest.mem_available, guest.mem_total)).end();
    page.put("Swap").to(VALUE_COLUMN);
    if guest.swap_total.get() == 0 {
        page.put("none").end();
    } else {
        page.put(&format!("{} of {} free", guest.swap_free, guest.swap_total)).end();
    }
    page.put("Pressure").to(VALUE_COLUMN);
    match &guest.pressure {
        Some(pressure) => page.put(&pressure_text(pressure)).end(),
        None => page.put("not available on this kernel").end(),
    };
    if let Some(text) =
        guest.forecast.as_ref().and_then(|forecast| forecast_text::short_sentence(forecast, clock))
    {
        page.put("Forecast").to(VALUE_COLUMN).wrapped(VALUE_COLUMN, &text);
    }
}

/// Delays of the daemon's samples, if there were any.
fn scheduling_delays(supervisor: &SupervisorInfo) -> Option<String> {
    let SupervisorInfo { late_wakeups, polls, max_late_usec, .. } = supervisor;
    let worst = max_late_usec / 1000;
    (*late_wakeups > 0)
        .then(|| format!("scheduling delays: {late_wakeups} of {polls} polls late (max {worst} ms)"))
}

fn pressure_text(pressure: &Pressure) -> String {
    let (some, full) = (percent(pressure.some.avg10), percent(pressure.full.avg10));
    format!("some {some}, full {full} (time spent waiting for memory, last 10 s)")
}

/// A share of time. A kernel reports no other value than a number from 0 to 100.
fn percent(share: f32) -> String {
    if (0.0..=100.0).contains(&share) { format!("{share:.1}%") } else { "-".to_owned() }
}
