//! `claude-watchdog reload`: has the supervisor read its configuration anew. Its unit's `ExecReload=`.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use super::exit;
use super::terminal::{escape_for_terminal, print};
use crate::ipc::{Client, ClientError, MethodError, paths};

/// Runs `claude-watchdog reload`.
pub(super) fn run(socket: Option<&Path>) -> ExitCode {
    match Client::connect(&paths::candidates(socket)).and_then(|mut client| client.reload()) {
        Ok(notes) => match say(&notes) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => exit::fail(&format_args!("cannot write: {error}"), 1),
        },
        Err(ClientError::Refused { error: MethodError::InvalidConfiguration { problem }, .. }) => {
            let text =
                format!("{}; the configuration from before stays in force", escape_for_terminal(&problem));
            exit::fail(&text, exit::CONFIG)
        }
        Err(error @ ClientError::Refused { error: MethodError::Unconfigured {}, .. }) => {
            exit::fail(&error, exit::CONFIG)
        }
        Err(error @ ClientError::Absent { .. }) => exit::fail(&error, exit::ABSENT),
        Err(error) => exit::fail(&error, 1),
    }
}

fn say(notes: &[String]) -> io::Result<()> {
    let lines: Vec<String> = notes.iter().map(|note| escape_for_terminal(note) + "\n").collect();
    print(&lines.concat())
}
