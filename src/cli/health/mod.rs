//! `claude-watchdog health`, also called `vm-health-check`: the state of the machine and its agents.

mod actions;
mod agents;
pub(super) mod forecast_text;
mod no_daemon;
mod oneline;
mod page;
mod summary;
pub mod trend;

#[cfg(test)]
pub(super) mod tests;

use std::path::Path;
use std::process::ExitCode;

use super::args::HealthOptions;
use super::error::CommandError;
use super::terminal::{Clock, Style, print};
use crate::ipc::{Client, paths};

pub use oneline::render_line;
pub use page::{exit_code, render_json, render_plain};

/// Runs `claude-watchdog health`. The exit code is the verdict; for any error the caller exits with that of unknown.
pub(super) fn run(options: &HealthOptions, socket: Option<&Path>) -> Result<ExitCode, CommandError> {
    if options.oneline {
        return oneline::run(options, socket);
    }
    if options.trend {
        return trend::run(options, socket);
    }
    let reply = Client::connect(&paths::candidates(socket)).and_then(|mut client| client.status());
    let status = reply.or_else(|error| no_daemon::status(&error))?;
    let text = if options.json {
        render_json(&status)?
    } else {
        render_plain(&status, &Clock::here(), &Style::for_stdout(options.no_color))
    };
    print(&text)?;
    Ok(ExitCode::from(exit_code(status.verdict)))
}
