//! `claude-watchdog stop`: stops an agent, with the same signals as at its kill threshold.

use std::path::Path;
use std::process::ExitCode;

use super::args::StopOptions;
use super::error::CommandError;
use super::terminal::{escape_for_terminal, print, to_json};
use crate::api::status::ActionInfo;
use crate::ipc::{Client, ClientError, MethodError, paths};

/// Runs `claude-watchdog stop`.
pub(super) fn run(options: &StopOptions, socket: Option<&Path>) -> Result<ExitCode, CommandError> {
    let client = Client::connect(&paths::candidates(socket));
    let action = client.and_then(|mut client| client.stop(&options.agent)).map_err(|error| match error {
        // Its message does not name the agent.
        ClientError::Refused { error: error @ MethodError::PermissionDenied {}, .. } => {
            CommandError::Failed(format!("{}: {error}", options.agent))
        }
        ClientError::Refused { error: error @ MethodError::Unconfigured {}, .. } => {
            CommandError::NotServing(error.to_string())
        }
        ClientError::Refused { error, .. } => CommandError::Failed(error.to_string()),
        error => error.into(),
    })?;
    let text = if options.json { to_json(&action)? } else { render(&action) };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// The result, and how to resume the agent.
#[must_use]
pub fn render(action: &ActionInfo) -> String {
    let outcome = escape_for_terminal(&action.outcome);
    if action.dry_run {
        return format!("{outcome}\n");
    }
    let mut text = format!("{}: {outcome}\n", escape_for_terminal(&action.agent));
    if let Some(resume) = &action.resume {
        text += &format!("resume with: {}\n", escape_for_terminal(&resume.shell));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_result_shows_how_to_resume() {
        let mut action: ActionInfo = serde_json::from_value(serde_json::json!({
            "id": "1", "time": "2026-11-23T14:02:05Z", "kind": "act", "agent": "claude-1234", "rule": "claude", "pid": 1234,
            "uid": 1000, "charge": 1, "threshold": 2, "signals": ["TERM"], "dry_run": false, "cause": "request",
            "outcome": "exited after 0.3s, 720M freed", "resume": { "cwd": null, "command": ["claude"], "shell": "cd /home/\u{1b}[1m && claude --continue" },
        }))
        .unwrap();
        let stopped = render(&action);
        action.dry_run = true;
        action.outcome = "claude-1234 uses 720M, stop requested by root: dry run: would terminate the whole agent (2 processes)".to_owned();
        insta::assert_snapshot!(format!("{stopped}--\n{}", render(&action)));
    }
}
