//! One binary; the name that it is called by selects the command.

use std::process::ExitCode;

fn main() -> ExitCode {
    claude_watchdog::cli::run(std::env::args_os())
}
