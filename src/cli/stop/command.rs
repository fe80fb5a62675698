//! Asks for it and waits.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use super::render;
use crate::cli::args::Stop;
use crate::cli::exit;
use crate::cli::terminal::{print, shown, to_json};
use crate::ipc::{Client, ClientError, Fault, paths};

/// Why it is not ended, or not told.
#[derive(Debug, thiserror::Error)]
enum StopError {
    /// Not theirs to end.
    #[error("{}: {fault}", shown(agent))]
    Denied { agent: String, fault: Fault },
    /// The reason names the agent.
    #[error("{}", shown(&fault.to_string()))]
    Refused { fault: Fault },
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
            | StopError::Refused { fault: Fault::Unconfigured {} }),
        ) => exit::fail(&error, exit::ABSENT),
        Err(error) => exit::fail(&error, 1),
    }
}

fn stop(options: &Stop, socket: Option<&Path>) -> Result<(), StopError> {
    let asked =
        Client::connect(&paths::candidates(socket)).and_then(|mut client| client.stop(&options.agent));
    let action = asked.map_err(|error| match error {
        ClientError::Refused { fault: fault @ Fault::PermissionDenied {}, .. } => {
            StopError::Denied { agent: options.agent.clone(), fault }
        }
        ClientError::Refused { fault, .. } => StopError::Refused { fault },
        other => StopError::Client(other),
    })?;
    let text = if options.json { to_json(&action)? } else { render(&action) };
    print(&text)?;
    Ok(())
}
