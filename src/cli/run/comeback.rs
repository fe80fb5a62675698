//! A supervisor that is being restarted: its socket is gone for a moment (`PartOf=` of the socket unit).

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::ipc::paths::SYSTEM_SOCKET;
use crate::systemd;

/// So long it is waited for. A restart takes its socket away for some ten milliseconds; one that was stopped costs each
/// limit that much, which then has to do without.
const LONGEST: Duration = Duration::from_millis(1500);

/// What is waited for.
#[derive(Debug)]
pub(super) struct ReconnectWindow {
    /// There is a unit that may come back.
    is_possible: bool,
    /// When nobody answered for the first time.
    absent: Option<Instant>,
}

impl ReconnectWindow {
    /// Of who is to listen at one of `candidates`.
    pub(super) fn at(candidates: &[PathBuf]) -> Self {
        Self::of(Path::new(SYSTEM_SOCKET), systemd::is_booted(), candidates)
    }

    /// The unit's directory outlives its service until the next boot (`RuntimeDirectoryPreserve=`): where there is none,
    /// nobody has been there.
    fn of(system: &Path, booted: bool, candidates: &[PathBuf]) -> Self {
        let has_been = system.parent().is_some_and(Path::is_dir) && booted;
        Self { is_possible: has_been && candidates.iter().any(|candidate| candidate == system), absent: None }
    }

    /// Nobody answers: whether to try again in a moment.
    pub(super) fn is_awaited(&mut self, now: Instant) -> bool {
        let absent = *self.absent.get_or_insert(now);
        self.is_possible && now.saturating_duration_since(absent) < LONGEST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_unit_that_has_been_there_is_waited_for_and_not_for_long() {
        let directory = tempfile::tempdir().unwrap();
        let place = |name: &str| directory.path().join(name);
        let (system, user) = (place("run/socket"), place("user"));
        let now = Instant::now();
        let is_awaited = |candidates: &[&PathBuf], now| {
            let candidates: Vec<PathBuf> = candidates.iter().map(|path| (*path).clone()).collect();
            ReconnectWindow::of(&system, true, &candidates).is_awaited(now)
        };
        assert!(!is_awaited(&[&system], now), "it has never run");
        std::fs::create_dir(place("run")).unwrap();
        assert!(is_awaited(&[&system, &user], now));
        assert!(!is_awaited(&[&user], now), "another one is asked");
        let mut comeback = ReconnectWindow::of(&system, true, std::slice::from_ref(&system));
        assert!(comeback.is_awaited(now) && comeback.is_awaited(now + LONGEST / 2));
        assert!(!comeback.is_awaited(now + LONGEST));
        let mut unbooted = ReconnectWindow::of(&system, false, std::slice::from_ref(&system));
        assert!(!unbooted.is_awaited(now), "nothing would bring it back");
    }
}
