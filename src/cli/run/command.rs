//! Takes on the limit, then becomes the command; or has a child do it and waits.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, ExitCode};

use super::ask::ask;
use super::waiter;
use super::words::RunArgs;
use crate::api::limited::{LimitInfo, LimitRequest};
use crate::cli::args::{Restart, Run};
use crate::cli::exit;
use crate::cli::terminal::shown;
use crate::limit::Name;
use crate::linux::process::sigpipe;
use crate::linux::procfs::{Proc, ReadError};
use crate::model::{Bytes, Size, SizeError};

/// Why nothing was run.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error(transparent)]
    Size(#[from] SizeError),
    #[error("a share of the guest cannot be told: {0}")]
    Guest(#[from] ReadError),
}

/// A command, as it is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Program {
    pub(super) name: OsString,
    pub(super) arguments: Vec<OsString>,
    /// Where; `None`: where we are.
    pub(super) directory: Option<PathBuf>,
}

/// What has to hold before it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms<'a> {
    pub(super) request: &'a LimitRequest,
    pub(super) best_effort: bool,
    pub(super) socket: Option<&'a Path>,
}

/// Runs `claude-watchdog run`. Without a waiter it comes back only where the command is not run.
pub(in crate::cli) fn run(options: &Run, socket: Option<&Path>) -> ExitCode {
    let (request, program) = match prepare(options) {
        Ok(prepared) => prepared,
        Err(error) => return ExitCode::from(fail(&shown(&error.to_string()), exit::UNLIMITED)),
    };
    let terms = Terms { request: &request, best_effort: options.best_effort, socket };
    if options.report || options.restart == Restart::OnOom {
        return waiter::run(options, terms, program);
    }
    let code = terms.take_on().map_or_else(|code| code, |_| program.become_it());
    ExitCode::from(code)
}

/// What clap has to say of its arguments: help with 0, everything else means that nothing was run.
pub(in crate::cli) fn wrong(error: &clap::Error) -> ExitCode {
    let code = exit::from_clap(error);
    if error.use_stderr() { ExitCode::from(exit::UNLIMITED) } else { code }
}

impl Terms<'_> {
    /// Has this process limited; `None`: there is no limit, and that is allowed. What is to be known is said, and an
    /// error is the exit code.
    pub(super) fn take_on(&self) -> Result<Option<LimitInfo>, u8> {
        match ask(self.request, self.socket) {
            Ok(limited) => {
                limited.notes.iter().for_each(|note| say(&shown(note)));
                Ok(Some(limited))
            }
            Err(error) if self.best_effort => {
                say(&format!("{}; it runs without a wall of its own", shown(&error.to_string())));
                Ok(None)
            }
            Err(error) => {
                let text = format!("{}; nothing was run", shown(&error.to_string()));
                Err(fail(&text, exit::UNLIMITED))
            }
        }
    }
}

impl Program {
    /// Comes back only where that cannot be, with the exit code.
    pub(super) fn become_it(&self) -> u8 {
        let mut command = process::Command::new(&self.name);
        command.args(&self.arguments);
        self.directory.iter().for_each(|directory| _ = command.current_dir(directory));
        sigpipe::hand_on(&mut command);
        let error = command.exec();
        let code = match error.kind() {
            ErrorKind::NotFound => exit::NOT_FOUND,
            _ => exit::NOT_EXECUTABLE,
        };
        fail(&format!("{}: {error}", shown(&self.name.to_string_lossy())), code)
    }
}

fn prepare(options: &Run) -> Result<(LimitRequest, Program), RunError> {
    let RunArgs { limit, command: (name, arguments) } = RunArgs::of(&options.words)?;
    let called = options.name.clone().unwrap_or_else(|| Name::of_program(&name));
    let request = LimitRequest {
        limit: bytes(limit)?,
        swap: options.swap.map(bytes).transpose()?,
        name: Some(called.to_string()),
        pid: None,
    };
    Ok((request, Program { name, arguments, directory: None }))
}

fn bytes(size: Size) -> Result<Bytes, ReadError> {
    match size {
        Size::Bytes(bytes) => Ok(bytes),
        Size::Share(_) => Ok(size.of(Proc::open(Path::new("/proc"))?.guest()?.mem_total)),
    }
}

/// One line on standard error. Where nobody reads it any more the command goes on all the same.
pub(super) fn say(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "run-claude-limited: {text}");
}

/// The same, with the exit code for it.
pub(super) fn fail(text: &str, code: u8) -> u8 {
    say(text);
    code
}
