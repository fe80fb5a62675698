//! `claude-watchdog events`: recent events, and new ones as they occur.

use std::path::Path;
use std::process::ExitCode;

use super::args::EventsOptions;
use super::error::CommandError;
use super::terminal::{Paint, ReaderState, Style, escape_for_terminal, print_line, to_json};
use crate::api::event_log::EventInfo;
use crate::ipc::{self, Client, paths};

/// Events shown before the new ones with `--follow`, as of `journalctl -f`.
const DEFAULT_FOLLOW_COUNT: usize = 10;

/// Runs `claude-watchdog events`.
pub(super) fn run(options: &EventsOptions, socket: Option<&Path>) -> Result<ExitCode, CommandError> {
    let mut client = Client::connect(&paths::candidates(socket))?;
    let printer = EventPrinter { json: options.json, style: Style::for_stdout(options.no_color) };
    if !options.follow {
        printer.print(client.events(options.last)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut result = Ok(());
    client.follow_events(options.last.or(Some(DEFAULT_FOLLOW_COUNT)), |events| {
        let state = printer.print(events);
        let is_read = matches!(state, Ok(ReaderState::Open));
        result = state.map(drop);
        is_read
    })?;
    result.map(|()| ExitCode::SUCCESS)
}

struct EventPrinter {
    json: bool,
    style: Style,
}

impl EventPrinter {
    fn print(
        &self,
        ipc::EventsReply { events, missed }: ipc::EventsReply,
    ) -> Result<ReaderState, CommandError> {
        if missed > 0 {
            // On standard error: programs rely on the numbers of the events.
            eprintln!("claude-watchdog: {missed} events were dropped before they could be read");
        }
        for event in &events {
            let line = if self.json { to_json(event)? } else { render(event, &self.style) };
            if print_line(&line)? == ReaderState::Closed {
                return Ok(ReaderState::Closed);
            }
        }
        Ok(ReaderState::Open)
    }
}

/// One event as a line of text: time, kind, message. Control characters are escaped; the colours are those of `style`.
#[must_use]
pub fn render(event: &EventInfo, style: &Style) -> String {
    let paint = match event.level.name() {
        "error" => Some(Paint::Alarm),
        "warning" => Some(Paint::Warning),
        _ => None,
    };
    // The longest kind is `forecast_cleared`.
    let kind = format!("{:16}", escape_for_terminal(&event.kind));
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
    fn an_event_is_one_line_without_control_characters() {
        let lines = [
            event("found", "info", "found claude-1234 (pid 1234, uid 1000), uses 240M"),
            event("warn", "warning", "claude-1234 uses 8.1G, over its warn threshold of 8G"),
            event("failed", "error", "hostile \u{1b}[2J\n2026 forged"),
        ];
        let of = |style: &Style| lines.iter().map(|event| render(event, style)).collect::<String>();
        insta::assert_snapshot!(of(&Style::plain()));
        assert!(of(&Style::coloured()).contains("\u{1b}["));
        assert_eq!(of(&Style::coloured()).lines().count(), 3);
    }
}
