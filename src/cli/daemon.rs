//! `claude-watchdog daemon`.

use std::path::Path;
use std::process::ExitCode;

use super::args::DaemonOptions;
use super::error::CommandError;
use crate::daemon::{self, Options};

/// Runs the daemon until it receives SIGTERM or SIGINT.
pub(super) fn run(options: DaemonOptions, socket: Option<&Path>) -> Result<ExitCode, CommandError> {
    if options.release_throttles {
        return release_throttles(&options.cgroup);
    }
    daemon::run(&Options {
        config: options.config,
        socket: socket.map(Path::to_owned),
        proc: options.proc,
        cgroup: options.cgroup,
        state: options.state_dir,
        dry_run: options.dry_run,
    })?;
    Ok(ExitCode::SUCCESS)
}

fn release_throttles(cgroup: &Path) -> Result<ExitCode, CommandError> {
    let released =
        daemon::release_throttles(cgroup).map_err(|error| CommandError::Failed(error.to_string()))?;
    if released > 0 {
        println!("released {released} throttled cgroup(s)");
    }
    Ok(ExitCode::SUCCESS)
}
