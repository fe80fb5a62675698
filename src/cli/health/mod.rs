//! `vm-health-check`: how the guest and its agents stand, for people and for scripts.

mod actions;
mod agents;
mod command;
pub(super) mod foretold;
mod oneline;
mod summary;
pub mod trend;

#[cfg(test)]
pub(super) mod tests;

use super::terminal::{Clock, Page, Paint, Style, to_json};
use crate::api::status::{GuestInfo, StatusInfo, SupervisorInfo, Verdict};
use crate::model::system_memory::Pressure;

pub(super) use command::run;
pub use oneline::render_line;

/// Where the values of the guest begin.
const VALUES: usize = 10;

/// The exit code that scripts branch on.
#[must_use]
pub fn exit_code(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Ok => 0,
        Verdict::Warning => 1,
        Verdict::Critical => 2,
        Verdict::Unknown => 3,
    }
}

/// One JSON object on one line, with the fields of [`StatusInfo`] in their order.
///
/// # Errors
/// When a value cannot be put into JSON; no status is known that could not.
pub fn render_json(status: &StatusInfo) -> serde_json::Result<String> {
    to_json(status)
}

/// The page for people: at most 80 columns, and nothing in it that a terminal would obey but the colours of `style`.
#[must_use]
pub fn render_plain(status: &StatusInfo, clock: &Clock, style: &Style) -> String {
    let mut page = Page::new(*style);
    let (word, paint) = painted_word(status.verdict);
    page.paint(paint, word).to(VALUES);
    page.wrapped(VALUES, &summary::of(status));
    // Without a supervisor the notes say why, and that comes first.
    if status.verdict == Verdict::Unknown {
        for note in &status.notes {
            page.to(VALUES).wrapped(VALUES, note);
        }
    }
    page.end();
    guest(&mut page, &status.guest, clock);
    if let Some(late) = status.supervisor.as_ref().and_then(late) {
        page.put("Watchdog").to(VALUES).wrapped(VALUES, &late);
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

/// The verdict's word and its colour.
fn painted_word(verdict: Verdict) -> (&'static str, Paint) {
    match verdict {
        Verdict::Ok => ("OK", Paint::Good),
        Verdict::Warning => ("WARNING", Paint::Warning),
        Verdict::Critical => ("CRITICAL", Paint::Alarm),
        Verdict::Unknown => ("UNKNOWN", Paint::Warning),
    }
}

fn guest(page: &mut Page, guest: &GuestInfo, clock: &Clock) {
    page.put("Memory").to(VALUES);
    page.put(&format!("{} of {} available", guest.mem_available, guest.mem_total)).end();
    page.put("Swap").to(VALUES);
    if guest.swap_total.get() == 0 {
        page.put("none").end();
    } else {
        page.put(&format!("{} of {} free", guest.swap_free, guest.swap_total)).end();
    }
    page.put("Pressure").to(VALUES);
    match &guest.pressure {
        Some(pressure) => page.put(&pressure_text(pressure)).end(),
        None => page.put("not kept by this kernel").end(),
    };
    if let Some(text) = guest.forecast.as_ref().and_then(|forecast| foretold::aside(forecast, clock)) {
        page.put("Foretold").to(VALUES).wrapped(VALUES, &text);
    }
}

/// How the supervisor itself is, where that is worth a line: it waits for memory like everybody else.
fn late(supervisor: &SupervisorInfo) -> Option<String> {
    let SupervisorInfo { missed, glances, worst_late_usec, .. } = supervisor;
    let worst = worst_late_usec / 1000;
    (*missed > 0).then(|| format!("{missed} of {glances} looks came late, {worst} ms at the worst"))
}

fn pressure_text(pressure: &Pressure) -> String {
    let (some, full) = (percent(pressure.some.avg10), percent(pressure.full.avg10));
    format!("some {some}, full {full} (time spent waiting for memory, last 10 s)")
}

/// Pressure is a share of time; what is no number or out of range did not come from a kernel.
fn percent(share: f32) -> String {
    if (0.0..=100.0).contains(&share) { format!("{share:.1}%") } else { "-".to_owned() }
}
