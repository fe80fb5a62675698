//! `claude-watchdog events`: what happened of late, and what happens now.

mod command;

use super::terminal::{Paint, Style, escape_for_terminal};
use crate::api::event_log::EventInfo;

pub(super) use command::run;

/// One event in one line for people: when, what, the sentence. Nothing in it that a terminal would obey but the colours
/// of `style`.
#[must_use]
pub fn render(event: &EventInfo, style: &Style) -> String {
    let paint = match event.level.as_str() {
        "error" => Some(Paint::Alarm),
        "warning" => Some(Paint::Warning),
        _ => None,
    };
    // The longest word is `recovered`.
    let kind = format!("{:9}", escape_for_terminal(&event.kind));
    let kind = paint.map_or(kind.clone(), |paint| style.paint(paint, &kind));
    format!("{}  {kind}  {}\n", escape_for_terminal(&event.time), escape_for_terminal(&event.message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Bytes, Uid};

    fn event(kind: &str, level: &str, message: &str) -> EventInfo {
        serde_json::from_value(serde_json::json!({
            "number": 7, "time": "2026-11-23T14:02:05Z", "kind": kind, "level": level, "agent": "claude-1234",
            "uid": Uid::new(1000), "charge": Bytes::gib(1), "message": message,
        }))
        .unwrap()
    }

    #[test]
    fn an_event_is_a_line_that_no_terminal_obeys() {
        let lines = [
            event("found", "info", "found claude-1234 (pid 1234, uid 1000), at 240M"),
            event("warn", "warning", "claude-1234 is at 8.1G, over its warn threshold of 8G"),
            event("failed", "error", "hostile \u{1b}[2J\n2026 forged"),
        ];
        let of = |style: &Style| lines.iter().map(|event| render(event, style)).collect::<String>();
        insta::assert_snapshot!(of(&Style::plain()));
        assert!(of(&Style::coloured()).contains("\u{1b}["));
        assert_eq!(of(&Style::coloured()).lines().count(), 3);
    }
}
