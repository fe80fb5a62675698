//! Paths of the socket.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The system's socket.
pub const SYSTEM_SOCKET: &str = "/run/claude-watchdog/io.moltdown.Watchdog";

/// The environment variable that overrides the path.
pub const SOCKET_VARIABLE: &str = "CLAUDE_WATCHDOG_SOCKET";

/// The socket of a user's own supervisor; `None` without `$XDG_RUNTIME_DIR`.
#[must_use]
pub fn user_socket() -> Option<PathBuf> {
    below_runtime(env::var_os("XDG_RUNTIME_DIR"))
}

/// The sockets that a client tries, in order: only `explicit` if given, else only `$CLAUDE_WATCHDOG_SOCKET` if set, else the
/// system's and then the user's.
#[must_use]
pub fn candidates(explicit: Option<&Path>) -> Vec<PathBuf> {
    choose(explicit, env::var_os(SOCKET_VARIABLE), env::var_os("XDG_RUNTIME_DIR"))
}

fn choose(explicit: Option<&Path>, variable: Option<OsString>, runtime: Option<OsString>) -> Vec<PathBuf> {
    if let Some(path) = explicit {
        return vec![path.to_owned()];
    }
    if let Some(path) = variable.filter(|path| !path.is_empty()) {
        return vec![path.into()];
    }
    [PathBuf::from(SYSTEM_SOCKET)].into_iter().chain(below_runtime(runtime)).collect()
}

/// Relative paths are ignored, as the XDG base directory specification requires.
fn below_runtime(runtime: Option<OsString>) -> Option<PathBuf> {
    let runtime = PathBuf::from(runtime?);
    runtime.is_absolute().then(|| runtime.join("claude-watchdog").join(super::INTERFACE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn explicit_paths_precede_the_defaults() {
        let some = |text: &str| Some(OsString::from(text));
        let usual =
            ["/run/claude-watchdog/io.moltdown.Watchdog", "/run/user/7/claude-watchdog/io.moltdown.Watchdog"];
        assert_eq!(choose(Some(Path::new("/a")), some("/b"), some("/c")), [Path::new("/a")]);
        assert_eq!(choose(None, some("/b"), some("/c")), [Path::new("/b")]);
        assert_eq!(choose(None, None, some("/run/user/7")), usual.map(PathBuf::from));
        assert_eq!(choose(None, some(""), some("")), [Path::new(usual[0])]);
        assert_eq!(choose(None, None, None), [Path::new(usual[0])]);
    }
}
