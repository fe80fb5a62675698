//! Asks for it and waits.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use super::render;
use crate::cli::args::Stop;
use crate::cli::exit;
use crate::cli::terminal::{escape_for_terminal, print, to_json};
use crate::ipc::{Client, ClientError, MethodError, paths};

/// Why it is not ended, or not told.
#[derive(Debug, thiserror::Error)]
enum StopError {
    /// Not theirs to end.
    #[error("{}: {error}", escape_for_terminal(agent))]
    Denied { agent: String, error: MethodError },
    /// The reason names the agent.
    #[error("{}", escape_for_terminal(&error.to_string()))]
    Refused { error: MethodError },
    #[error(transparent)]
    Client(ClientError),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error("cannot write: {0}")]
    Write(#[from] io::Error),
}

/// Runs `claude-watchdog stop`.
pub(in crate::cli) fn run(options: &Stop, socket: Option<&Path>) -> ExitCode {
    match stop(options, socket) {
        Ok(()) => ExitCode::SUCCESS,
        Err(
            error @ (StopError::Client(ClientError::Absent { .. })
            | StopError::Refused { error: MethodError::Unconfigured {} }),
        ) => exit::fail(&error, exit::ABSENT),
        Err(error) => exit::fail(&error, 1),
    }
}

fn stop(options: &Stop, socket: Option<&Path>) -> Result<(), StopError> {
    let asked =
        Client::connect(&paths::candidates(socket)).and_then(|mut client| client.stop(&options.agent));
    let action = asked.map_err(|error| match error {
        ClientError::Refused { error: error @ MethodError::PermissionDenied {}, .. } => {
            StopError::Denied { agent: options.agent.clone(), error }
        }
        ClientError::Refused { error, .. } => StopError::Refused { error },
        other => StopError::Client(other),
    })?;
    let text = if options.json { to_json(&action)? } else { render(&action) };
    print(&text)?;
    Ok(())
}
