//! The verdict in one line, for a prompt or the status line of a terminal multiplexer.

use super::{painted_word, summary};
use crate::cli::terminal::{Style, WIDTH, cut, shown, width};
use crate::model::status::{StatusInfo, Verdict};

/// One line of at most 80 columns that nothing in it can break: the word, why, and what the guest has left.
#[must_use]
pub fn render_line(status: &StatusInfo, style: &Style) -> String {
    let (word, paint) = painted_word(status.verdict);
    let why = match (status.verdict, status.notes.first()) {
        // Nobody watches, or nobody answered in time: that is what there is to say.
        (Verdict::Unknown, Some(note)) => note.clone(),
        _ => summary::of(status),
    };
    let largest = status.agents.iter().max_by_key(|agent| agent.charge);
    let largest = largest.filter(|_| status.verdict == Verdict::Ok);
    let largest = largest.map(|agent| format!(", largest {}", agent.charge)).unwrap_or_default();
    let left = format!("{largest}; {} available", status.guest.mem_available);
    let room = WIDTH.saturating_sub(width(word) + 1 + width(&left));
    format!("{} {}{left}\n", style.paint(paint, word), cut(&shown(&why), room))
}
