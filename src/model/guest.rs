//! The guest as a whole.

use serde::{Deserialize, Serialize};

use super::{Bytes, Charge};

/// Memory of the guest, from `/proc/meminfo`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Guest {
    /// `MemTotal`: a little less than the machine was given, the kernel keeps some.
    pub mem_total: Bytes,
    /// `MemAvailable`: what can be had without swapping; page cache counts as available.
    pub mem_available: Bytes,
    /// `SwapTotal`.
    pub swap_total: Bytes,
    /// `SwapFree`.
    pub swap_free: Bytes,
    /// Bounds of what any set of its processes can hold.
    pub held: Charge,
}

impl Guest {
    /// Share of guest memory that is never counted as room: below it everything stalls. DESIGN: 4 %.
    const FLOOR_PERCENT: u64 = 4;

    /// What can still be filled before the guest stalls: available memory and free swap above the floor.
    #[must_use]
    pub fn room(&self) -> Bytes {
        (self.mem_available + self.swap_free).saturating_sub(self.floor())
    }

    /// The part of memory that is never room.
    #[must_use]
    pub fn floor(&self) -> Bytes {
        self.mem_total.share(Self::FLOOR_PERCENT, 100)
    }
}

/// Memory pressure (PSI) as `/proc/pressure/memory` has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pressure {
    /// Share of time in which some task waited for memory.
    pub some: Stall,
    /// Share of time in which every task waited for memory.
    pub full: Stall,
}

/// One line of pressure: percentages over 10, 60 and 300 seconds, and the total.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stall {
    /// Percent of the last 10 seconds.
    pub avg10: f32,
    /// Percent of the last minute.
    pub avg60: f32,
    /// Percent of the last 5 minutes.
    pub avg300: f32,
    /// Microseconds since boot.
    pub total_usec: u64,
}
