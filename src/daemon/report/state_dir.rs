//! The state directory.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use crate::model::Uid;

/// The directory that `StateDirectory=` of the unit creates.
const SYSTEM_STATE_DIR: &str = "/var/lib/claude-watchdog";

/// The directory given on the command line, else the system directory for root, else one in the user's home; `None` without a home.
pub(crate) fn directory(given: Option<PathBuf>, uid: Uid) -> Option<PathBuf> {
    choose(given, uid, env::var_os("XDG_STATE_HOME"), env::var_os("HOME"))
}

fn choose(
    given: Option<PathBuf>,
    uid: Uid,
    state: Option<OsString>,
    home: Option<OsString>,
) -> Option<PathBuf> {
    let absolute = |path: Option<OsString>| path.map(PathBuf::from).filter(|path| path.is_absolute());
    // The XDG base directory specification: relative paths are invalid, and this is the default.
    let own = || absolute(state).or_else(|| absolute(home).map(|home| home.join(".local/state")));
    match given {
        Some(given) => Some(given),
        None if uid == Uid::ROOT => Some(PathBuf::from(SYSTEM_STATE_DIR)),
        None => own().map(|state| state.join("claude-watchdog")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_and_each_user_have_their_own_directory() {
        let some = |text: &str| Some(OsString::from(text));
        let of = |given: Option<&str>, uid, state, home| {
            choose(given.map(PathBuf::from), Uid::new(uid), state, home)
                .map(|path| path.to_string_lossy().into_owned())
        };
        let home = || some("/home/a");
        assert_eq!(of(None, 0, some("/s"), home()).as_deref(), Some(SYSTEM_STATE_DIR));
        assert_eq!(of(None, 1000, some("/s"), home()).as_deref(), Some("/s/claude-watchdog"));
        let usual = Some("/home/a/.local/state/claude-watchdog");
        assert_eq!(of(None, 1000, None, home()).as_deref(), usual);
        assert_eq!(of(None, 1000, some("s"), home()).as_deref(), usual, "a relative path is ignored");
        assert_eq!(of(None, 1000, None, None), None);
        assert_eq!(of(Some("x"), 1000, None, None).as_deref(), Some("x"));
    }
}
