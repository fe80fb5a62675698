//! `claude-watchdog daemon`.

use std::path::Path;
use std::process::ExitCode;

use super::args::Daemon;
use super::exit;
use crate::daemon::{DaemonError, Options, run as supervise};

/// Supervises until asked to end.
pub(super) fn run(options: Daemon, socket: Option<&Path>) -> ExitCode {
    let options = Options {
        config: options.config,
        socket: socket.map(Path::to_owned),
        proc: options.proc,
        cgroup: options.cgroup,
        state: options.state_dir,
        dry_run: options.dry_run,
    };
    match supervise(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error @ DaemonError::Config(_)) => exit::fail(&error, exit::CONFIG),
        Err(error) => exit::fail(&error, 1),
    }
}
