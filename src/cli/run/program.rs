//! The command to run.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process;

use super::messages::fail;
use crate::cli::exit;
use crate::cli::terminal::escape_for_terminal;
use crate::linux::process::sigpipe;

/// A program, its arguments and its directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ProgramSpec {
    /// A path, or a name to find in `PATH`.
    pub(super) path: OsString,
    pub(super) arguments: Vec<OsString>,
    /// The directory to run it in; `None`: the current one.
    pub(super) directory: Option<PathBuf>,
}

impl ProgramSpec {
    /// Replaces this process by the program (execve(2)). Returns the exit code only if that fails.
    pub(super) fn exec(&self) -> u8 {
        let mut command = process::Command::new(&self.path);
        command.args(&self.arguments);
        self.directory.iter().for_each(|directory| _ = command.current_dir(directory));
        sigpipe::forward(&mut command);
        let error = command.exec();
        let code = match error.kind() {
            ErrorKind::NotFound => exit::NOT_FOUND,
            _ => exit::NOT_EXECUTABLE,
        };
        fail(&format!("{}: {error}", escape_for_terminal(&self.path.to_string_lossy())), code)
    }
}
