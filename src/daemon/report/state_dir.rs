//! Where state is kept.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use crate::model::Uid;

/// The system's, as the unit's `StateDirectory=` makes it.
const SYSTEM: &str = "/var/lib/claude-watchdog";

/// What was said, else the system's for root, else the user's own; `None` where they have none.
pub(crate) fn directory(said: Option<PathBuf>, uid: Uid) -> Option<PathBuf> {
    choose(said, uid, env::var_os("XDG_STATE_HOME"), env::var_os("HOME"))
}

fn choose(
    said: Option<PathBuf>,
    uid: Uid,
    state: Option<OsString>,
    home: Option<OsString>,
) -> Option<PathBuf> {
    let absolute = |path: Option<OsString>| path.map(PathBuf::from).filter(|path| path.is_absolute());
    // The XDG base directory specification: a relative path is none, and this is what stands for it.
    let own = || absolute(state).or_else(|| absolute(home).map(|home| home.join(".local/state")));
    match said {
        Some(said) => Some(said),
        None if uid == Uid::ROOT => Some(PathBuf::from(SYSTEM)),
        None => own().map(|state| state.join("claude-watchdog")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_place_of_their_own() {
        let some = |text: &str| Some(OsString::from(text));
        let of = |said: Option<&str>, uid, state, home| {
            choose(said.map(PathBuf::from), Uid::new(uid), state, home)
                .map(|path| path.to_string_lossy().into_owned())
        };
        let home = || some("/home/a");
        assert_eq!(of(None, 0, some("/s"), home()).as_deref(), Some(SYSTEM));
        assert_eq!(of(None, 1000, some("/s"), home()).as_deref(), Some("/s/claude-watchdog"));
        let usual = Some("/home/a/.local/state/claude-watchdog");
        assert_eq!(of(None, 1000, None, home()).as_deref(), usual);
        assert_eq!(of(None, 1000, some("s"), home()).as_deref(), usual, "a relative one is none");
        assert_eq!(of(None, 1000, None, None), None);
        assert_eq!(of(Some("x"), 1000, None, None).as_deref(), Some("x"));
    }
}
