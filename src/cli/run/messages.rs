//! Messages on standard error.

use std::io::Write;

/// Prints one line. A closed standard error does not affect the command.
pub(super) fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "run-claude-limited: {text}");
}

/// Prints one line and returns the exit code.
pub(super) fn fail(text: &str, code: u8) -> u8 {
    say(text);
    code
}
