//! Asks for them, and for more.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use super::render;
use crate::cli::args::Events;
use crate::cli::exit;
use crate::cli::terminal::{Printed, Style, print_line, to_json};
use crate::ipc::{self, Client, ClientError, paths};

/// So many are shown before those that come, as `journalctl -f` does.
const BEFORE: usize = 10;

/// Why it ended.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error("cannot write: {0}")]
    Write(#[from] io::Error),
}

/// Runs `claude-watchdog events`.
pub(in crate::cli) fn run(options: &Events, socket: Option<&Path>) -> ExitCode {
    match tell(options, socket) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error @ Ended::Client(ClientError::Absent { .. })) => exit::fail(&error, exit::ABSENT),
        Err(error) => exit::fail(&error, 1),
    }
}

fn tell(options: &Events, socket: Option<&Path>) -> Result<(), Ended> {
    let mut client = Client::connect(&paths::candidates(socket))?;
    let style = Style::for_stdout(options.no_color);
    let mut teller = Teller { json: options.json, style };
    if !options.follow {
        teller.tell(client.events(options.last)?)?;
        return Ok(());
    }
    let mut result = Ok(());
    client.follow_events(options.last.or(Some(BEFORE)), |events| {
        let told = teller.tell(events);
        let goes_on = matches!(told, Ok(Printed::Whole));
        result = told.map(drop);
        goes_on
    })?;
    result
}

struct Teller {
    json: bool,
    style: Style,
}

impl Teller {
    fn tell(&mut self, ipc::Events { events, missed }: ipc::Events) -> Result<Printed, Ended> {
        if missed > 0 {
            // Not among the events: who reads them by program counts their numbers.
            eprintln!("claude-watchdog: {missed} events came and went before they were read");
        }
        for event in &events {
            let line = if self.json { to_json(event)? } else { render(event, &self.style) };
            if print_line(&line)? == Printed::Unwanted {
                return Ok(Printed::Unwanted);
            }
        }
        Ok(Printed::Whole)
    }
}
