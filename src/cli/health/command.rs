//! Asks the supervisor; without one, looks for itself.

use std::path::Path;
use std::process::ExitCode;

use super::{exit_code, render_json, render_plain};
use crate::cli::args::Health;
use crate::cli::exit;
use crate::cli::terminal::{Style, print};
use crate::daemon::one_look;
use crate::ipc::{Client, ClientError, paths};
use crate::linux::proc::ReadError;
use crate::model::Uid;
use crate::model::status::StatusInfo;

/// Runs `vm-health-check`.
pub(in crate::cli) fn run(options: &Health, socket: Option<&Path>) -> ExitCode {
    let asked = Client::connect(&paths::candidates(socket)).and_then(|mut client| client.status());
    let status = match asked {
        Ok(status) => status,
        Err(why) => match without_supervisor(&why) {
            Ok(status) => status,
            Err(error) => return exit::fail(&error, 3),
        },
    };
    let text = if options.json {
        match render_json(&status) {
            Ok(text) => text,
            Err(error) => return exit::fail(&error, 3),
        }
    } else {
        render_plain(&status, &Style::for_stdout(options.no_color))
    };
    match print(&text) {
        Ok(()) => ExitCode::from(exit_code(status.verdict)),
        Err(error) => exit::fail(&format_args!("cannot write: {error}"), 3),
    }
}

/// What `/proc` can tell, and why nobody watches.
fn without_supervisor(why: &ClientError) -> Result<StatusInfo, ReadError> {
    let uid = Uid::new(rustix::process::geteuid().as_raw());
    let mut status = one_look(Path::new("/proc"), (uid != Uid::ROOT).then_some(uid))?;
    status.notes.insert(0, why.to_string());
    Ok(status)
}
