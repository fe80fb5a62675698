//! Memory of the machine as a whole.

use serde::{Deserialize, Serialize};

use super::{Bytes, Charge};

/// Memory of the machine, from `/proc/meminfo`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SystemMemory {
    /// `MemTotal`: slightly less than installed, as the kernel reserves some.
    pub mem_total: Bytes,
    /// `MemAvailable`: memory that can be allocated without swapping; page cache counts as available.
    pub mem_available: Bytes,
    /// `SwapTotal`.
    pub swap_total: Bytes,
    /// `SwapFree`.
    pub swap_free: Bytes,
    /// Memory that swap can free: its free part, less the memory that zram would need for it.
    pub swap_headroom: Bytes,
    /// Memory used by zram for swapped-out pages.
    pub zram: Bytes,
    /// Free pages in per-CPU lists: neither free nor available in `meminfo`, but allocated before the OOM killer runs. Read
    /// only while little memory is left.
    pub per_cpu: Bytes,
    /// Upper bounds for the sum over any set of processes.
    pub process_totals: Charge,
}

impl SystemMemory {
    /// Below this share of memory the machine is in danger, however slowly it fills. systemd-oomd and earlyoom act at 10 %,
    /// most of which is still usable on a machine of 16 GB.
    const RESERVE_PERCENT: u64 = 4;

    /// Below this share everything stalls: it is reserved for the kernel.
    const FLOOR_PERCENT: u64 = 2;

    /// Memory that can still be filled before the kernel's OOM killer runs: available memory, per-CPU pages, and memory that
    /// swap can free.
    #[must_use]
    pub fn remaining(&self) -> Bytes {
        (self.mem_available + self.per_cpu).min(self.mem_total) + self.swap_headroom
    }

    /// Memory in use, in RAM and in swap. Unlike the remaining memory it depends on no guess of how new pages will compress,
    /// and does not change when swap is added or removed. Per-CPU pages count as used, as they are not always read.
    #[must_use]
    pub fn used(&self) -> Bytes {
        let memory = self.mem_total.saturating_sub(self.mem_available);
        let swapped = self.swap_total.saturating_sub(self.swap_free);
        // Pages in zram appear twice: as swapped out, and as the compressed memory that they use.
        memory.saturating_sub(self.zram.min(swapped)) + swapped
    }

    /// Minimum that should remain.
    #[must_use]
    pub fn reserve(&self) -> Bytes {
        self.mem_total.share(Self::RESERVE_PERCENT, 100)
    }

    /// Remaining memory above the floor.
    #[must_use]
    pub fn allocatable(&self) -> Bytes {
        self.remaining().saturating_sub(self.floor())
    }

    /// The part of memory that is never allocatable.
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

/// One row of pressure: percentages over 10, 60 and 300 seconds, and the total.
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
    fn per_cpu_pages_count_as_remaining_up_to_total_memory() {
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
    fn used_memory_is_the_same_in_ram_swap_and_zram() {
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
