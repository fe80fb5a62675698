//! Takes on the limit, then becomes the command.

use std::io::ErrorKind;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

use super::ask::ask;
use super::words::Words;
use crate::cli::args::Run;
use crate::cli::exit;
use crate::cli::terminal::shown;
use crate::limit::Name;
use crate::linux::proc::{Proc, ReadError};
use crate::model::{Bytes, LimitRequest, Size, SizeError};

/// Why nothing was run.
#[derive(Debug, thiserror::Error)]
enum NotRun {
    #[error(transparent)]
    Size(#[from] SizeError),
    #[error("a share of the guest cannot be told: {0}")]
    Guest(#[from] ReadError),
}

/// Runs `claude-watchdog run`. Comes back only where the command is not run.
pub(in crate::cli) fn run(options: &Run, socket: Option<&Path>) -> ExitCode {
    let (request, (program, arguments)) = match prepare(options) {
        Ok(prepared) => prepared,
        Err(error) => return fail(&shown(&error.to_string()), exit::UNLIMITED),
    };
    match ask(&request, socket) {
        Ok(limited) => limited.notes.iter().for_each(|note| say(&shown(note))),
        Err(error) if options.best_effort => {
            say(&format!("{}; it runs without a wall", shown(&error.to_string())));
        }
        Err(error) => {
            let text = format!("{}; nothing was run", shown(&error.to_string()));
            return fail(&text, exit::UNLIMITED);
        }
    }
    let error = Command::new(&program).args(arguments).exec();
    let code = match error.kind() {
        ErrorKind::NotFound => exit::NOT_FOUND,
        _ => exit::NOT_EXECUTABLE,
    };
    fail(&format!("{}: {error}", shown(&program.to_string_lossy())), code)
}

/// What clap has to say of its arguments: help with 0, everything else means that nothing was run.
pub(in crate::cli) fn wrong(error: &clap::Error) -> ExitCode {
    let code = exit::from_clap(error);
    if error.use_stderr() { ExitCode::from(exit::UNLIMITED) } else { code }
}

type Program = (std::ffi::OsString, Vec<std::ffi::OsString>);

fn prepare(options: &Run) -> Result<(LimitRequest, Program), NotRun> {
    let Words { limit, command } = Words::of(&options.words)?;
    let name = options.name.clone().unwrap_or_else(|| Name::of_program(&command.0));
    let request = LimitRequest {
        limit: bytes(limit)?,
        swap: options.swap.map(bytes).transpose()?,
        name: Some(name.to_string()),
        pid: None,
    };
    Ok((request, command))
}

fn bytes(size: Size) -> Result<Bytes, ReadError> {
    match size {
        Size::Bytes(bytes) => Ok(bytes),
        Size::Share(_) => Ok(size.of(Proc::open(Path::new("/proc"))?.guest()?.mem_total)),
    }
}

fn say(text: &str) {
    eprintln!("run-claude-limited: {text}");
}

fn fail(text: &str, code: u8) -> ExitCode {
    say(text);
    ExitCode::from(code)
}
