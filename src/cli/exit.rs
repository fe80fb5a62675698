//! Exit codes, in one place.
//!
//! | code | meaning |
//! |---|---|
//! | 0 | done; for `health`: all is well; for `check-config`: right, warnings or not |
//! | 1 | it failed, and standard error says why; for `health`: a warning; for `explain`: no such process |
//! | 2 | the arguments are wrong (`sysexits` aside, what every GNU tool uses); for `health`: critical |
//! | 3 | no supervisor answers; for `health`: unknown; for `explain`: explained all the same |
//! | 65 | what a file holds is wrong (`EX_DATAERR`): for `replay`, a trace |
//! | 78 | the configuration is wrong (`EX_CONFIG` of `sysexits.h`); nothing was started, or the one before stays in force |

use std::fmt::Display;
use std::process::ExitCode;

/// No supervisor answers.
pub(super) const ABSENT: u8 = 3;

/// What a file holds is wrong.
pub(super) const DATA: u8 = 65;

/// The configuration is wrong.
pub(super) const CONFIG: u8 = 78;

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
