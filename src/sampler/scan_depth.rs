//! How closely a look looks.

use std::time::Duration;

/// What an idle guest can do without. Where memory moves, or somebody asks, nothing is taken for granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScanDepth {
    /// Everything is read anew.
    Full,
    /// What shows no sign of a change is taken to be as it was.
    Incremental,
}

impl ScanDepth {
    /// How old the last sweep of all processes may be. It finds what no pid tells, an exec in place of an old process. One of
    /// 300 takes some 50 ms in an emulated guest, as much as the glances of two minutes there.
    pub(crate) fn sweep(self) -> Duration {
        match self {
            Self::Full => Duration::from_secs(1),
            Self::Incremental => Duration::from_mins(2),
        }
    }

    /// How old the last sweep may be that went by every `stat`, 5 to 10 µs a process. A calm one goes by the executable,
    /// and misses an exec of the same program with another script.
    pub(crate) fn comb(self) -> Duration {
        match self {
            Self::Full => Duration::from_secs(1),
            Self::Incremental => Duration::from_mins(10),
        }
    }

    /// How old what was read of a process may be, where its `stat` shows no sign that it holds more or less. Pages of a
    /// pool that it gives back without unmapping them show none.
    pub(crate) fn charge(self) -> Duration {
        match self {
            Self::Full => Duration::ZERO,
            Self::Incremental => Duration::from_mins(1),
        }
    }

    /// How old it may be that an agent shares its cgroup with others.
    pub(crate) fn shared(self) -> Duration {
        match self {
            Self::Full => Duration::from_secs(10),
            Self::Incremental => Duration::from_mins(1),
        }
    }
}
