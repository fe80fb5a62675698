//! Where the record is broken, in words: in a chart those are blank columns.

use std::time::Duration;

use super::window::Window;
use crate::api::history::{BreakInfo, BreakKind, HistoryInfo};
use crate::cli::terminal::{Clock, Page, Paint};

/// Breaks shown; older ones are in `--json`.
const SHOWN: usize = 5;

/// The newest breaks, oldest first.
pub(super) fn list(page: &mut Page, history: &HistoryInfo, window: &Window, clock: &Clock) {
    let escape_for_terminal: Vec<_> =
        history.breaks.iter().filter(|broken| broken.time >= window.start).collect();
    if escape_for_terminal.is_empty() {
        return;
    }
    page.end().paint(Paint::Heading, "Blank columns").end();
    let older = escape_for_terminal.len().saturating_sub(SHOWN);
    if older > 0 {
        page.paint(Paint::Aside, &format!("{older} older ones, with --json")).end();
    }
    for broken in escape_for_terminal.into_iter().skip(older) {
        page.put("-").to(2).wrapped(2, &format!("{}: {}", clock.stamp(broken.time), told(broken)));
    }
}

fn told(broken: &BreakInfo) -> String {
    let span = broken.seconds.map(|seconds| {
        let whole = if seconds >= 60 { seconds - seconds % 60 } else { seconds };
        humantime::format_duration(Duration::from_secs(whole)).to_string()
    });
    let silent = span.as_ref().map(|span| format!(", {span} after the last look")).unwrap_or_default();
    match broken.kind {
        BreakKind::Boot => format!("the guest was started{silent}"),
        BreakKind::Gap => {
            let span = span.map(|span| format!("for {span} ")).unwrap_or_default();
            format!("{span}nobody looked: stopped, suspended, or a snapshot was reverted")
        }
        BreakKind::Clock => "the clock was set".to_owned(),
    }
}
