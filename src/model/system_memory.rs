//! The guest as a whole.

use serde::{Deserialize, Serialize};

use super::{Bytes, Charge};

/// Memory of the guest, from `/proc/meminfo`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SystemMemory {
    /// `MemTotal`: a little less than the machine was given, the kernel keeps some.
    pub mem_total: Bytes,
    /// `MemAvailable`: what can be had without swapping; page cache counts as available.
    pub mem_available: Bytes,
    /// `SwapTotal`.
    pub swap_total: Bytes,
    /// `SwapFree`.
    pub swap_free: Bytes,
    /// What swap can take off memory: the free part, less what zram would take of memory for it.
    pub swap_headroom: Bytes,
    /// What zram takes of memory for what was swapped out.
    pub zram: Bytes,
    /// Free pages that processors keep for themselves: for `meminfo` neither free nor available, and handed out before the
    /// OOM killer comes. Asked for only where little is left.
    pub per_cpu: Bytes,
    /// Bounds of what any set of its processes can hold.
    pub process_totals: Charge,
}

impl SystemMemory {
    /// Below this share of memory the guest is in danger, however slowly it fills. systemd-oomd and earlyoom act at
    /// 10 %, of which most of a 16 GB guest is still of use.
    const RESERVE_PERCENT: u64 = 4;

    /// Below this share everything stalls: it is nobody's to fill.
    const FLOOR_PERCENT: u64 = 2;

    /// What can still be filled before the kernel's OOM killer comes: available memory, what processors keep of it, and what
    /// swap can take.
    #[must_use]
    pub fn remaining(&self) -> Bytes {
        (self.mem_available + self.per_cpu).min(self.mem_total) + self.swap_headroom
    }

    /// What is held, in memory and in swap. Unlike what is left it rests on no guess of how what comes will compress,
    /// and stays what it is when swap comes or goes. What processors keep counts as used: where it is not asked for nobody
    /// knows it.
    #[must_use]
    pub fn used(&self) -> Bytes {
        let memory = self.mem_total.saturating_sub(self.mem_available);
        let swapped = self.swap_total.saturating_sub(self.swap_free);
        // What zram keeps in memory is there twice: as what was swapped out, and as what it was pressed into.
        memory.saturating_sub(self.zram.min(swapped)) + swapped
    }

    /// The least that is to be left.
    #[must_use]
    pub fn reserve(&self) -> Bytes {
        self.mem_total.share(Self::RESERVE_PERCENT, 100)
    }

    /// What is left above the floor.
    #[must_use]
    pub fn allocatable(&self) -> Bytes {
        self.remaining().saturating_sub(self.floor())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_processors_keep_is_left_and_is_no_more_than_there_is() {
        let guest = |available: u64, per_cpu: u64| SystemMemory {
            mem_total: Bytes::mib(1000),
            mem_available: Bytes::mib(available),
            swap_headroom: Bytes::mib(7),
            per_cpu: Bytes::mib(per_cpu),
            ..SystemMemory::default()
        };
        assert_eq!(guest(100, 90).remaining(), Bytes::mib(197));
        assert_eq!(guest(950, 90).remaining(), Bytes::mib(1007));
    }

    /// 3 GiB of 8 in memory; then a gigabyte of that in swap of 2 GiB.
    #[test]
    fn what_is_used_does_not_change_by_where_it_is() {
        let guest = |available: u64, total: u64, free: u64, zram: u64| SystemMemory {
            mem_total: Bytes::gib(8),
            mem_available: Bytes::mib(available),
            swap_total: Bytes::mib(total),
            swap_free: Bytes::mib(free),
            zram: Bytes::mib(zram),
            ..SystemMemory::default()
        };
        for (available, total, free, zram) in [
            (5120, 2048, 2048, 0),
            (5120, 0, 0, 0),
            (6144, 2048, 1024, 0),
            (5632, 2048, 1024, 512),
            (5120, 2048, 1024, 1024),
        ] {
            assert_eq!(
                guest(available, total, free, zram).used(),
                Bytes::gib(3),
                "{available} {total} {free} {zram}"
            );
        }
        assert_eq!(guest(5120, 2048, 1024, 4096).used(), Bytes::gib(3), "a page takes a page at the most");
    }
}
