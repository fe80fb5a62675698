//! `claude-watchdog run`, also called `run-claude-limited`: runs a command with a hard memory limit.

mod args;
mod limit;
mod messages;
mod monitor;
mod program;

use std::path::Path;
use std::process::ExitCode;

use super::args::{Restart, RunOptions};
use super::exit;
use super::terminal::escape_for_terminal;
use crate::api::limited::LimitRequest;
use crate::limit::LimitName;
use crate::linux::procfs::{Proc, ReadError};
use crate::model::{Bytes, Size, SizeError};
use args::RunArgs;
use limit::LimitSetup;
use messages::fail;
use program::ProgramSpec;

/// Why the command was not run.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error(transparent)]
    Size(#[from] SizeError),
    #[error("cannot determine the size of RAM: {0}")]
    MemTotal(#[from] ReadError),
}

/// Runs `claude-watchdog run`. Without a monitor it returns only if the command was not run.
pub(super) fn run(options: &RunOptions, socket: Option<&Path>) -> ExitCode {
    let (request, program) = match prepare(options) {
        Ok(prepared) => prepared,
        Err(error) => return ExitCode::from(fail(&escape_for_terminal(&error.to_string()), exit::UNLIMITED)),
    };
    let setup = LimitSetup { request: &request, best_effort: options.best_effort, socket };
    if options.report || options.restart == Restart::OnOom {
        return monitor::run(options, setup, program);
    }
    let code = setup.apply().map_or_else(|code| code, |_| program.exec());
    ExitCode::from(code)
}

/// Reports wrong arguments: help exits with 0, all else means that the command was not run.
pub(super) fn wrong_arguments(error: &clap::Error) -> ExitCode {
    let code = exit::from_clap(error);
    if error.use_stderr() { ExitCode::from(exit::UNLIMITED) } else { code }
}

fn prepare(options: &RunOptions) -> Result<(LimitRequest, ProgramSpec), RunError> {
    let RunArgs { limit, command: (program, arguments) } = RunArgs::parse(&options.words)?;
    let name = options.name.clone().unwrap_or_else(|| LimitName::of_program(&program));
    let request = LimitRequest {
        limit: bytes(limit)?,
        swap: options.swap.map(bytes).transpose()?,
        name: Some(name.to_string()),
        pid: None,
    };
    Ok((request, ProgramSpec { path: program, arguments, directory: None }))
}

fn bytes(size: Size) -> Result<Bytes, ReadError> {
    match size {
        Size::Bytes(bytes) => Ok(bytes),
        Size::Share(_) => Ok(size.of(Proc::open(Path::new("/proc"))?.guest()?.mem_total)),
    }
}
