//! `claude-watchdog explain PID`: which agent a process belongs to, and why.

mod page;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::process::ExitCode;

use super::args::ExplainOptions;
use super::error::CommandError;
use super::exit;
use super::terminal::{Style, print, to_json};
use crate::api::explanation::Explanation;
use crate::daemon::standalone;
use crate::ipc::{Client, ClientError, MethodError, paths};
use crate::model::Uid;

pub use page::render_plain;

/// Runs `claude-watchdog explain`.
pub(super) fn run(options: &ExplainOptions, socket: Option<&Path>) -> Result<ExitCode, CommandError> {
    let reply =
        Client::connect(&paths::candidates(socket)).and_then(|mut client| client.explain(options.pid));
    let explanation = match reply {
        Ok(explanation) => explanation,
        Err(ClientError::Refused { error: error @ MethodError::NoSuchProcess { .. }, .. }) => {
            return Err(CommandError::Failed(error.to_string()));
        }
        Err(error) => without_daemon(options, &error)?,
    };
    let text = if options.json {
        to_json(&explanation)?
    } else {
        render_plain(&explanation, &Style::for_stdout(options.no_color))
    };
    print(&text)?;
    Ok(ExitCode::from(if explanation.watched { 0 } else { exit::NO_DAEMON }))
}

fn without_daemon(options: &ExplainOptions, error: &ClientError) -> Result<Explanation, CommandError> {
    let uid = Uid::new(rustix::process::geteuid().as_raw());
    let explanation = standalone::explain(Path::new("/proc"), Path::new("/sys/fs/cgroup"), options.pid, uid)?;
    let mut explanation = explanation.map_err(|error| CommandError::Failed(error.to_string()))?;
    explanation.notes.insert(0, error.to_string());
    Ok(explanation)
}
