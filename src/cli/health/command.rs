//! Asks the supervisor; without one, looks for itself.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use super::{exit_code, render_json, render_line, render_plain, trend};
use crate::api::status::{GuestInfo, StatusInfo, Verdict};
use crate::cli::args::Health;
use crate::cli::exit;
use crate::cli::terminal::{Clock, Style, print};
use crate::daemon::one_look;
use crate::ipc::{Client, ClientError, paths};
use crate::linux::procfs::{Proc, ReadError};
use crate::model::Uid;

/// All that `--oneline` waits for an answer.
const PROMPT: Duration = Duration::from_millis(50);

/// And of that, what it waits for newer figures: nothing. It still causes a look, so who draws a prompt every few seconds
/// has figures of the time before; with 5 ms a call took 8 of them (median, asked every 1.2 s in a loaded machine).
const FOR_FRESH_FIGURES: Duration = Duration::ZERO;

/// Runs `vm-health-check`.
pub(in crate::cli) fn run(options: &Health, socket: Option<&Path>) -> ExitCode {
    if options.oneline {
        return line(options, socket);
    }
    if options.trend {
        return trend::run(options, socket);
    }
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
        render_plain(&status, &Clock::here(), &Style::for_stdout(options.no_color))
    };
    match print(&text) {
        Ok(()) => ExitCode::from(exit_code(status.verdict)),
        Err(error) => exit::fail(&format_args!("cannot write: {error}"), 3),
    }
}

/// Whoever draws a prompt waits for it: one answer, soon, or none.
fn line(options: &Health, socket: Option<&Path>) -> ExitCode {
    let asked = Client::connect_within(&paths::candidates(socket), PROMPT)
        .and_then(|mut client| client.status_waiting(FOR_FRESH_FIGURES));
    let status = match asked.or_else(|why| without_answer(&why)) {
        Ok(status) => status,
        Err(error) => return exit::fail(&error, 3),
    };
    match print(&render_line(&status, &Clock::here(), &Style::for_stdout(options.no_color))) {
        Ok(()) => ExitCode::from(exit_code(status.verdict)),
        Err(error) => exit::fail(&format_args!("cannot write: {error}"), 3),
    }
}

/// What the guest has left, and no look at its processes: that would take longer than there is.
fn without_answer(why: &ClientError) -> Result<StatusInfo, ReadError> {
    let guest = Proc::open(Path::new("/proc"))?.guest()?;
    let short = match why {
        ClientError::Absent { .. } => "no supervisor is running".to_owned(),
        ClientError::Silent { after, .. } => {
            format!("the supervisor did not answer within {}", humantime::format_duration(*after))
        }
        other => other.to_string(),
    };
    Ok(StatusInfo {
        version: StatusInfo::VERSION,
        verdict: Verdict::Unknown,
        guest: GuestInfo {
            mem_total: guest.mem_total,
            mem_available: guest.mem_available,
            swap_total: guest.swap_total,
            swap_free: guest.swap_free,
            pressure: None,
            forecast: None,
        },
        agents: Vec::new(),
        actions: Vec::new(),
        notes: vec![short],
        supervisor: None,
    })
}

/// What `/proc` can tell, and why nobody watches.
pub(super) fn without_supervisor(why: &ClientError) -> Result<StatusInfo, ReadError> {
    let uid = Uid::new(rustix::process::geteuid().as_raw());
    let mut status = one_look(Path::new("/proc"), (uid != Uid::ROOT).then_some(uid))?;
    status.notes.insert(0, why.to_string());
    Ok(status)
}
