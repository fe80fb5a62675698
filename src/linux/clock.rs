//! Clocks: since boot, and the wall clock.

use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};

use crate::model::Boottime;
use crate::model::time::UnixSeconds;

/// Now, suspended time included.
#[must_use]
pub fn now() -> Boottime {
    Boottime::new(duration(clock_gettime(ClockId::Boottime)))
}

fn duration(time: Timespec) -> Duration {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u32::try_from(time.tv_nsec).unwrap_or(0);
    Duration::new(seconds, nanos)
}

/// The wall clock, which may jump: for times that are shown, or stored across boots.
#[must_use]
pub fn wall() -> UnixSeconds {
    UnixSeconds(clock_gettime(ClockId::Realtime).tv_sec)
}
