//! Exit codes, in one place.
//!
//! | code | meaning |
//! |---|---|
//! | 0 | done; for `health`: all is well; for `check-config`: right, warnings or not |
//! | 1 | it failed, and standard error says why; for `health`: a warning; for `explain`: no such process |
//! | 2 | the arguments are wrong (`sysexits` aside, what every GNU tool uses); for `health`: critical |
//! | 3 | no supervisor answers; for `health`: unknown; for `explain`: explained all the same |
//! | 65 | what a file holds is wrong (`EX_DATAERR`): for `replay`, a trace |
//! | 125 | of `run`: the limit could not be applied or the arguments are wrong, and nothing was run |
//! | 126, 127 | of `run`: the command cannot be run; it was not found (as `env(1)`, `timeout(1)`) |
//! | 78 | the configuration is wrong (`EX_CONFIG` of `sysexits.h`); nothing was started, or the one before stays in force |

use std::fmt::Display;
use std::process::ExitCode;

/// No supervisor answers.
pub(super) const ABSENT: u8 = 3;

/// What a file holds is wrong.
pub(super) const DATA: u8 = 65;

/// The configuration is wrong.
pub(super) const CONFIG: u8 = 78;

/// The limit could not be applied.
pub(super) const UNLIMITED: u8 = 125;

/// The command cannot be run.
pub(super) const NOT_EXECUTABLE: u8 = 126;

/// The command was not found.
pub(super) const NOT_FOUND: u8 = 127;

/// Says why on standard error and gives the code.
pub(super) fn fail(error: &dyn Display, code: u8) -> ExitCode {
    eprintln!("claude-watchdog: {error}");
    ExitCode::from(code)
}

/// What clap has to say: help and version on standard output with 0, everything else on standard error with 2.
pub(super) fn from_clap(error: &clap::Error) -> ExitCode {
    // Whoever closed our output does not want the text.
    let _ = error.print();
    u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
}
