//! The clock since boot.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::model::Boottime;

/// Clock ticks in a second as `/proc` counts them. The kernel fixes `USER_HZ` at 100 on every architecture that
/// systemd runs on (`asm-generic/param.h`), so asking `sysconf` each time buys nothing.
const TICKS_PER_SECOND: u64 = 100;

/// Now, suspended time included.
#[must_use]
pub fn now() -> Boottime {
    let time = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u32::try_from(time.tv_nsec).unwrap_or(0);
    Boottime::new(Duration::new(seconds, nanos))
}

/// The moment that a start time in clock ticks (`/proc/PID/stat`, field 22) means.
#[must_use]
pub fn from_ticks(ticks: u64) -> Boottime {
    Boottime::new(Duration::from_millis(ticks.saturating_mul(1000 / TICKS_PER_SECOND)))
}
