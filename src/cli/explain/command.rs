//! Asks the supervisor; without one, looks for itself.

use std::path::Path;
use std::process::ExitCode;

use super::render_plain;
use crate::cli::args::Explain;
use crate::cli::exit;
use crate::cli::terminal::{Style, print, to_json};
use crate::daemon::{DaemonError, explain_alone};
use crate::ipc::{Client, ClientError, MethodError, paths};
use crate::{api::explanation::Explanation, model::Uid};

/// Nobody watches; what is told is told all the same.
const ALONE: u8 = 3;

/// Why nothing is told.
#[derive(Debug, thiserror::Error)]
enum ExplainError {
    #[error(transparent)]
    MethodError(#[from] MethodError),
    #[error(transparent)]
    Read(#[from] DaemonError),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error("cannot write: {0}")]
    Write(std::io::Error),
}

/// Runs `claude-watchdog explain`.
pub(in crate::cli) fn run(options: &Explain, socket: Option<&Path>) -> ExitCode {
    match tell(options, socket) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(ALONE),
        Err(error) => exit::fail(&error, 1),
    }
}

/// Whether a supervisor told it.
fn tell(options: &Explain, socket: Option<&Path>) -> Result<bool, ExplainError> {
    let asked =
        Client::connect(&paths::candidates(socket)).and_then(|mut client| client.explain(options.pid));
    let told = match asked {
        Ok(told) => told,
        Err(ClientError::Refused { error: error @ MethodError::NoSuchProcess { .. }, .. }) => {
            return Err(error.into());
        }
        Err(why) => without_supervisor(options, &why)?,
    };
    let text = if options.json {
        to_json(&told)?
    } else {
        render_plain(&told, &Style::for_stdout(options.no_color))
    };
    print(&text).map_err(ExplainError::Write)?;
    Ok(told.watched)
}

fn without_supervisor(options: &Explain, why: &ClientError) -> Result<Explanation, ExplainError> {
    let uid = Uid::new(rustix::process::geteuid().as_raw());
    let mut told = explain_alone(Path::new("/proc"), Path::new("/sys/fs/cgroup"), options.pid, uid)??;
    told.notes.insert(0, why.to_string());
    Ok(told)
}
