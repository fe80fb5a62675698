//! `claude-watchdog daemon`.

use std::path::Path;
use std::process::ExitCode;

use super::args::Daemon;
use super::exit;
use crate::daemon::{self, DaemonError, Options, run as supervise};

/// Runs the daemon until it receives SIGTERM or SIGINT.
pub(super) fn run(options: Daemon, socket: Option<&Path>) -> ExitCode {
    if options.release_throttles {
        return release_throttles(&options.cgroup);
    }
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

fn release_throttles(cgroup: &Path) -> ExitCode {
    match daemon::release_throttles(cgroup) {
        Ok(lifted) => {
            if lifted > 0 {
                println!("released {lifted} throttled cgroup(s)");
            }
            ExitCode::SUCCESS
        }
        Err(error) => exit::fail(&error, 1),
    }
}
