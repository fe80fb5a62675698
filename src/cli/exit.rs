//! Exit codes, in one place.
//!
//! | code | meaning |
//! |---|---|
//! | 0 | success; for `health`: OK; for `check-config`: valid, with or without warnings |
//! | 1 | error, see standard error; for `health`: a warning; for `explain`: no such process |
//! | 2 | invalid arguments (`sysexits` aside, as of every GNU tool); for `health`: critical |
//! | 3 | the daemon is not running; for `health`: unknown; for `explain`: explained without it |
//! | 65 | invalid input file (`EX_DATAERR`): for `replay`, a trace |
//! | 125 | of `run`: invalid arguments, or the limit could not be applied; the command was not run |
//! | 126, 127 | of `run`: the command cannot be executed; it was not found (as `env(1)`, `timeout(1)`) |
//! | 78 | invalid configuration (`EX_CONFIG` of `sysexits.h`); nothing was started, or the previous one stays in effect |

use std::io::ErrorKind;
use std::process::ExitCode;

use super::error::CommandError;
use crate::daemon::DaemonError;
use crate::ipc::ClientError;

/// An error that has no other code.
pub(super) const FAILURE: u8 = 1;

/// Invalid arguments.
pub(super) const USAGE: u8 = 2;

/// The daemon is not running.
pub(super) const NO_DAEMON: u8 = 3;

/// Invalid input file.
pub(super) const DATA: u8 = 65;

/// Invalid configuration.
pub(super) const CONFIG: u8 = 78;

/// The limit could not be applied.
pub(super) const UNLIMITED: u8 = 125;

/// The command cannot be executed.
pub(super) const NOT_EXECUTABLE: u8 = 126;

/// The command was not found.
pub(super) const NOT_FOUND: u8 = 127;

fn code(error: &CommandError) -> u8 {
    match error {
        CommandError::Client(ClientError::Absent { .. }) | CommandError::NotServing(_) => NO_DAEMON,
        CommandError::InvalidArguments(_) => USAGE,
        CommandError::InvalidData(_) => DATA,
        CommandError::Daemon(DaemonError::Config(_)) | CommandError::InvalidConfig(_) => CONFIG,
        _ => FAILURE,
    }
}

/// Prints the error and returns its code. A reader that closed its end (`| head -1`) is no error.
pub(super) fn report(error: &CommandError) -> ExitCode {
    match error {
        CommandError::Write(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        error => fail(error, code(error)),
    }
}

/// Prints the error and returns `code`.
pub(super) fn fail(error: &CommandError, code: u8) -> ExitCode {
    eprintln!("claude-watchdog: {}", error.message());
    ExitCode::from(code)
}

/// Prints a message of clap: help and version on standard output with 0, all else on standard error with 2.
pub(super) fn from_clap(error: &clap::Error) -> ExitCode {
    // A closed output does not want the text.
    let _ = error.print();
    u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn each_kind_of_error_has_its_code() {
        let absent = ClientError::Absent { tried: Vec::new() };
        assert_eq!(code(&absent.into()), 3);
        assert_eq!(code(&ClientError::Closed { path: "/x".into() }.into()), 1);
        assert_eq!(code(&CommandError::NotServing(String::new())), 3);
        assert_eq!(code(&CommandError::InvalidArguments(String::new())), 2);
        assert_eq!(code(&CommandError::InvalidData(String::new())), 65);
        assert_eq!(code(&CommandError::InvalidConfig(String::new())), 78);
        assert_eq!(code(&CommandError::Failed(String::new())), 1);
        assert_eq!(code(&io::Error::from(ErrorKind::StorageFull).into()), 1);
    }
}
