//! The verdict in one line, for a prompt or the status line of a terminal multiplexer.

use super::{foretold, painted_word, summary};
use crate::api::status::{StatusInfo, Verdict};
use crate::cli::terminal::{Clock, Style, WIDTH, escape_for_terminal, truncate, width};

/// What is foretold leaves room for the rest.
const LONGEST_FORETOLD: usize = 40;

/// One line of at most 80 columns that nothing in it can break: the word, why, what is foretold, and what the guest has left.
#[must_use]
pub fn render_line(status: &StatusInfo, clock: &Clock, style: &Style) -> String {
    let (word, paint) = painted_word(status.verdict);
    let why = match (status.verdict, status.notes.first()) {
        // Nobody watches, or nobody answered in time: that is what there is to say.
        (Verdict::Unknown, Some(note)) => note.clone(),
        _ => summary::of(status),
    };
    let largest = status.agents.iter().max_by_key(|agent| agent.charge);
    let largest = largest.filter(|_| status.verdict == Verdict::Ok);
    let largest = largest.map(|agent| format!(", largest {}", agent.charge)).unwrap_or_default();
    // What is to come is more than what is.
    let said = foretold::nearest(status, clock)
        .map_or(largest, |foretold| format!("; {}", truncate(&foretold, LONGEST_FORETOLD)));
    let left = format!("{said}; {} available", status.guest.mem_available);
    let room = WIDTH.saturating_sub(width(word) + 1 + width(&left));
    format!("{} {}{left}\n", style.paint(paint, word), truncate(&escape_for_terminal(&why), room))
}
