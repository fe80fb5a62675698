//! The program that a process runs.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Executable and arguments of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProcessIdentity {
    /// Its executable (`/proc/PID/exe`); `None` without the permission to see it.
    pub exe: Option<PathBuf>,
    /// Its arguments; empty if it has none, or without the permission to see them.
    pub argv: Vec<OsString>,
}

impl ProcessIdentity {
    /// The name for reports: the base name of the executable, else of `argv[0]`, else the command name.
    #[must_use]
    pub fn name(exe: Option<&Path>, argv0: Option<&OsStr>, comm: &[u8]) -> String {
        let program = exe.or_else(|| argv0.map(Path::new)).and_then(Path::file_name);
        let name = program.map_or_else(
            || String::from_utf8_lossy(comm).into_owned(),
            |name| name.to_string_lossy().into_owned(),
        );
        name.strip_suffix(" (deleted)").map(str::to_owned).unwrap_or(name)
    }

    /// The command line for reports, its first `max_len` bytes.
    #[must_use]
    pub fn command(argv: &[OsString], max_len: usize) -> String {
        let words: Vec<_> = argv.iter().map(|word| word.to_string_lossy()).collect();
        let mut command = words.join(" ");
        let end = command.floor_char_boundary(max_len);
        command.truncate(end);
        command.shrink_to_fit();
        command
    }

    /// Whether a process is a fork of its parent that has not called exec yet, by the addresses where their stacks start
    /// (`proc_pid_stat(5)`, 0 without permission): the kernel chooses another one at each exec.
    #[must_use]
    pub const fn is_copy(start_stack: u64, parents_start_stack: u64) -> bool {
        start_stack != 0 && start_stack == parents_start_stack
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_the_first_known_of_three() {
        let name = |exe: Option<&str>, argv0: Option<&str>| {
            ProcessIdentity::name(exe.map(Path::new), argv0.map(OsStr::new), b"MainThread")
        };
        assert_eq!(name(Some("/usr/bin/node (deleted)"), Some("claude")), "node");
        assert_eq!(name(None, Some("/opt/claude")), "claude");
        assert_eq!(name(None, None), "MainThread");
    }

    #[test]
    fn a_command_is_truncated_at_a_character_boundary() {
        let argv = ["äää", "b"].map(OsString::from);
        assert_eq!(ProcessIdentity::command(&argv, 100), "äää b");
        assert_eq!(ProcessIdentity::command(&argv, 5), "ää");
    }
}
