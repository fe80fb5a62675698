//! `claude-watchdog reload`: has the daemon reload its configuration. Its unit's `ExecReload=`.

use std::path::Path;
use std::process::ExitCode;

use super::error::CommandError;
use super::terminal::{escape_for_terminal, print};
use crate::ipc::{Client, ClientError, MethodError, paths};

/// Runs `claude-watchdog reload`.
pub(super) fn run(socket: Option<&Path>) -> Result<ExitCode, CommandError> {
    let warnings = Client::connect(&paths::candidates(socket)).and_then(|mut client| client.reload());
    let warnings = warnings.map_err(|error| match error {
        ClientError::Refused { error: MethodError::InvalidConfiguration { problem }, .. } => {
            CommandError::InvalidConfig(format!("{problem}; the previous configuration stays in effect"))
        }
        error @ ClientError::Refused { error: MethodError::Unconfigured {}, .. } => {
            CommandError::InvalidConfig(error.to_string())
        }
        error => error.into(),
    })?;
    let lines: Vec<String> = warnings.iter().map(|warning| escape_for_terminal(warning) + "\n").collect();
    print(&lines.concat())?;
    Ok(ExitCode::SUCCESS)
}
