//! `health --oneline`: the verdict in one line, for a prompt or the status line of a terminal multiplexer.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use super::page::{exit_code, verdict_word};
use super::{forecast_text, no_daemon, summary};
use crate::api::status::{StatusInfo, Verdict};
use crate::cli::args::HealthOptions;
use crate::cli::error::CommandError;
use crate::cli::terminal::{Clock, Style, WIDTH, escape_for_terminal, print, truncate, width};
use crate::ipc::{Client, paths};

/// Timeout of the reply: a shell draws its prompt after this command.
const REPLY_TIMEOUT: Duration = Duration::from_millis(50);

/// How long the daemon may delay its reply for a new sample. None, but the request triggers one, so a prompt that is drawn
/// every few seconds shows figures of the time before; with 5 ms a call took 8 ms (median, every 1.2 s on a loaded machine).
const SAMPLE_TIMEOUT: Duration = Duration::ZERO;

/// Maximum columns of the forecast.
const MAX_FORECAST_WIDTH: usize = 40;

/// Prints the line.
pub(super) fn run(options: &HealthOptions, socket: Option<&Path>) -> Result<ExitCode, CommandError> {
    let reply = Client::connect_within(&paths::candidates(socket), REPLY_TIMEOUT)
        .and_then(|mut client| client.status_waiting(SAMPLE_TIMEOUT));
    let status = reply.or_else(|error| no_daemon::machine_only(&error))?;
    print(&render_line(&status, &Clock::here(), &Style::for_stdout(options.no_color)))?;
    Ok(ExitCode::from(exit_code(status.verdict)))
}

/// One line of at most 80 columns without control characters: verdict, reason, forecast, available memory.
#[must_use]
pub fn render_line(status: &StatusInfo, clock: &Clock, style: &Style) -> String {
    let (word, paint) = verdict_word(status.verdict);
    let reason = match (status.verdict, status.notes.first()) {
        // Why there is no reply.
        (Verdict::Unknown, Some(note)) => note.clone(),
        _ => summary::summary(status),
    };
    let largest = status.agents.iter().max_by_key(|agent| agent.charge);
    let largest = largest.filter(|_| status.verdict == Verdict::Ok);
    let largest = largest.map(|agent| format!(", largest {}", agent.charge)).unwrap_or_default();
    // The forecast matters more than the largest agent.
    let detail = forecast_text::nearest(status, clock)
        .map_or(largest, |forecast| format!("; {}", truncate(&forecast, MAX_FORECAST_WIDTH)));
    let end = format!("{detail}; {} available", status.guest.mem_available);
    let room = WIDTH.saturating_sub(width(word) + 1 + width(&end));
    format!("{} {}{end}\n", style.paint(paint, word), truncate(&escape_for_terminal(&reason), room))
}
