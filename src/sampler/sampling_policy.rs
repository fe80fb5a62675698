//! How old a reading may be before it is repeated: all ages and intervals of the sampler, in one table.
//!
//! | reading | full | incremental | reason |
//! |---|---|---|---|
//! | list of processes, and their executables | 1 s | 2 min | finds an exec in an old process, which no new pid shows; 50 ms for 300 processes in an emulated guest, as much as two minutes of polls there |
//! | `stat` of all processes | 1 s | 10 min | finds an exec of the same executable with another script, which the line above misses; 5 to 10 µs a process |
//! | `status` of a member with unchanged counters | 0 | 1 min | huge pages of a pool that are freed but stay mapped change no counter |
//! | whether others are in an agent's cgroup, after that was so | 10 s | 1 min | costs a walk of the cgroup |
//! | whether others are in an agent's cgroup, otherwise | 10 s | 10 s | as above; above half of the kill threshold it is verified in each sample |
//! | members outside of their agent's scope | 10 s | 10 s | only a warning: the member still counts |
//! | young processes without a rule | 1 s, then half their age | the same | a fork is seen before its exec; 10 s after the start an exec is unlikely |
//! | OOM kills of the kernel | 10 s | 10 s | at once if memory is low or a member is missing |
//!
//! New pids are read at once, in whichever depth: `loadavg` shows them (see [`crate::linux::procfs::last_pid`]).

use std::time::Duration;

/// Interval of the check that an agent has its cgroup for itself.
pub(super) const CGROUP_CHECK_INTERVAL: Duration = Duration::from_secs(10);

/// Interval of the search for members that have left the scope of their agent.
pub(super) const SCOPE_CHECK_INTERVAL: Duration = Duration::from_secs(10);

/// Interval of reading the kernel's count of OOM kills while nothing seems to be missing.
pub(super) const OOM_KILLS_INTERVAL: Duration = Duration::from_secs(10);

/// Age up to which a process without a rule is checked again: a fork is seen before its exec.
pub(super) const YOUNG_AGE: Duration = Duration::from_secs(10);

/// Interval of these checks at first; later half the age of the process.
pub(super) const MIN_YOUNG_CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// How much a sample reads anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScanDepth {
    /// Memory moves, an alarm fired, or a client asks: everything is read.
    Full,
    /// An idle guest: a process that shows no sign of a change is taken to be unchanged.
    Incremental,
}

impl ScanDepth {
    /// Maximum age of the last scan of all executables.
    pub(super) fn exe_scan_max_age(self) -> Duration {
        match self {
            Self::Full => Duration::from_secs(1),
            Self::Incremental => Duration::from_mins(2),
        }
    }

    /// Maximum age of the last scan of every `stat`.
    pub(super) fn full_scan_max_age(self) -> Duration {
        match self {
            Self::Full => Duration::from_secs(1),
            Self::Incremental => Duration::from_mins(10),
        }
    }

    /// Maximum age of a member's `status` while its counters are unchanged.
    pub(super) fn charge_max_age(self) -> Duration {
        match self {
            Self::Full => Duration::ZERO,
            Self::Incremental => Duration::from_mins(1),
        }
    }

    /// Maximum age of the finding that an agent shares its cgroup with others.
    pub(super) fn shared_cgroup_max_age(self) -> Duration {
        match self {
            Self::Full => Duration::from_secs(10),
            Self::Incremental => Duration::from_mins(1),
        }
    }
}
