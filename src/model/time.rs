//! Time.

use std::ops::Add;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Time since boot, suspended time included (`CLOCK_BOOTTIME`, `clock_gettime(2)`).
///
/// The wall clock jumps when a snapshot is reverted; this one does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Boottime(Duration);

impl Boottime {
    /// That time after boot.
    #[must_use]
    pub const fn new(since_boot: Duration) -> Self {
        Self(since_boot)
    }

    /// The moment of a start time in clock ticks (`/proc/PID/stat`, field 22). The kernel fixes `USER_HZ` at 100 on every
    /// architecture that systemd runs on (`asm-generic/param.h`), so `sysconf` is not needed.
    #[must_use]
    pub const fn from_ticks(ticks: u64) -> Self {
        Self(Duration::from_millis(ticks.saturating_mul(1000 / 100)))
    }

    /// The time since `earlier`; zero if that is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// The time since boot.
    #[must_use]
    pub const fn since_boot(self) -> Duration {
        self.0
    }
}

impl Add<Duration> for Boottime {
    type Output = Self;
    fn add(self, after: Duration) -> Self {
        Self(self.0.saturating_add(after))
    }
}

/// Seconds since 1970 by the wall clock, for display and for data that outlives a boot. It may jump.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixSeconds(pub i64);

/// A duration in words: `45 s`, `12 min`, `1 h 30 min`.
#[must_use]
pub fn span(time: Duration) -> String {
    let minutes = time.as_secs() / 60;
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{} s", time.as_secs()),
        (0, minutes) if minutes < 10 && !time.as_secs().is_multiple_of(60) => {
            format!("{minutes} min {} s", time.as_secs() % 60)
        }
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}
