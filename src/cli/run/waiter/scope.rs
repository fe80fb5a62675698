//! What memory did in the scope of the command.

use std::path::Path;
use std::time::Duration;

use crate::linux::cgroup::Cgroups;
use crate::linux::clock;
use crate::linux::details::Details;
use crate::linux::toll::{Taken, Toll};
use crate::model::{Boottime, Bytes, LimitInfo, Pid};

/// A scope at its limit says so with each page that it takes; no wake is needed for more than ten of those in a second.
const SELDOM: Duration = Duration::from_millis(100);

/// What is seen of it.
#[derive(Debug)]
pub(super) struct Scope {
    /// `None` where it cannot be watched, and from its end on.
    toll: Option<Toll>,
    told: Boottime,
    seen: Seen,
}

/// What was seen until now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// Its limit; `None` where the command has none.
    pub(super) limit: Option<Bytes>,
    pub(super) taken: Taken,
    /// When the kernel ended a process in it last.
    pub(super) last: Option<Boottime>,
    /// The most that it held, as far as we could look.
    pub(super) peak: Option<Bytes>,
}

impl Scope {
    /// The one that `pid` is in.
    pub(super) fn of(pid: Pid, limited: &LimitInfo) -> Self {
        let path = Details::of(Path::new("/proc")).cgroup(pid);
        let cgroups = Cgroups::open(Path::new("/sys/fs/cgroup"));
        let toll = path.zip(cgroups).and_then(|(path, cgroups)| Toll::open(&cgroups, &path));
        let seen = Seen { limit: Some(limited.limit), ..Seen::default() };
        Self { toll, told: Boottime::default(), seen }
    }

    /// Its events, where it is time to wait for them; else how long that is.
    pub(super) fn due(&self) -> Result<Option<&Toll>, Duration> {
        let since = clock::now().since(self.told);
        if since < SELDOM { Err(SELDOM.saturating_sub(since)) } else { Ok(self.toll.as_ref()) }
    }

    /// Takes a look.
    pub(super) fn look(&mut self) {
        self.told = clock::now();
        let Some(toll) = &self.toll else { return };
        let Some(taken) = toll.taken() else {
            self.toll = None;
            return;
        };
        if taken.killed > self.seen.taken.killed {
            self.seen.last = Some(self.told);
        }
        self.seen.taken = taken;
        self.seen.peak = toll.peak().or(self.seen.peak);
    }

    /// All that was seen, after a last look.
    pub(super) fn leave(mut self) -> Seen {
        self.look();
        self.seen
    }
}
