//! Asks the supervisor for both; without one, shows what `/proc` tells.

use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use super::{render_json, render_plain};
use crate::api::history::HistoryInfo;
use crate::api::status::StatusInfo;
use crate::cli::args::Health;
use crate::cli::exit;
use crate::cli::health::command::without_supervisor;
use crate::cli::health::{self, exit_code};
use crate::cli::terminal::{Clock, Screen, Style, print};
use crate::ipc::{Client, ClientError, MethodError, paths};
use crate::model::time::UnixSeconds;

/// So often it is asked once more where others read the past at the moment.
const TRIES: u32 = 5;

const BETWEEN_TRIES: Duration = Duration::from_millis(200);

/// Runs `vm-health-check --trend`.
pub(in crate::cli::health) fn run(options: &Health, socket: Option<&Path>) -> ExitCode {
    let (clock, style) = (Clock::here(), Style::for_stdout(options.no_color));
    let asked =
        Client::connect(&paths::candidates(socket)).and_then(|mut client| ask(&mut client, options.since));
    let (status, history) = match asked {
        Ok((status, Ok(history))) => (status, history),
        Ok((status, Err(why))) => {
            let why = format!("what was recorded cannot be shown: {why}");
            if !options.json {
                let page = health::render_plain(&status, &clock, &style);
                return tell(&format!("{page}\nTrend     insufficient_data\n          {why}\n"), &status);
            }
            let notes = [status.notes, vec![why]].concat();
            (StatusInfo { notes, ..status }, nothing(&clock, options.since))
        }
        Err(why) => match without_supervisor(&why) {
            Ok(status) if options.json => (status, nothing(&clock, options.since)),
            Ok(status) => {
                let page = health::render_plain(&status, &clock, &style);
                return tell(&format!("{page}\nTrend     insufficient_data\n"), &status);
            }
            Err(error) => return exit::fail(&error, exit::ABSENT),
        },
    };
    if options.json {
        return match render_json(&status, &history) {
            Ok(text) => tell(&text, &status),
            Err(error) => exit::fail(&error, exit::ABSENT),
        };
    }
    tell(&render_plain(&status, &history, &clock, Screen::of_stdout(), &style), &status)
}

/// A supervisor that answers is there, whether or not it has the time to look up the past.
type Asked = (StatusInfo, Result<HistoryInfo, ClientError>);

fn ask(client: &mut Client, since: Duration) -> Result<Asked, ClientError> {
    let status = client.status()?;
    let mut history = client.history(since);
    for _ in 0..TRIES {
        if !matches!(&history, Err(ClientError::Refused { error: MethodError::Busy {}, .. })) {
            break;
        }
        thread::sleep(BETWEEN_TRIES);
        history = client.history(since);
    }
    Ok((status, history))
}

/// Nobody has recorded anything.
fn nothing(clock: &Clock, since: Duration) -> HistoryInfo {
    let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    let since = UnixSeconds(clock.now().0.saturating_sub(seconds));
    HistoryInfo { now: clock.now(), since, ..HistoryInfo::default() }
}

fn tell(text: &str, status: &StatusInfo) -> ExitCode {
    match print(text) {
        Ok(()) => ExitCode::from(exit_code(status.verdict)),
        Err(error) => exit::fail(&format_args!("cannot write: {error}"), exit::ABSENT),
    }
}
