//! How much memory swap can relieve. On a disk that is all free space. zram stores pages in memory, compressed, so only
//! its savings count.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::file::{ProcFile, to_end};
use crate::linux::procfs::zram::Zram;
use crate::model::{Boottime, Bytes, SystemMemory};

/// A line has some 80 bytes, and there are 32 swap areas at most (`MAX_SWAPFILES`).
const SWAPS_LEN: usize = 8 * 1024;

/// An older list is read again although the totals are the same: one area may have been replaced by another of its size.
const MAX_LIST_AGE: Duration = Duration::from_secs(10);

/// The areas of swap, and how much memory each can relieve.
#[derive(Debug)]
pub struct SwapRoom {
    swaps: ProcFile,
    block: PathBuf,
    seen: Option<AreaList>,
}

/// The list of areas at one moment.
#[derive(Debug)]
struct AreaList {
    at: Boottime,
    /// `SwapTotal` and `SwapFree` of that moment.
    total: Bytes,
    free: Bytes,
    areas: Vec<Area>,
}

/// One area of swap.
#[derive(Debug)]
struct Area {
    free: Bytes,
    /// `None`: a file, or a disk.
    zram: Option<Zram>,
}

impl SwapRoom {
    /// That of the trees at `proc` and `sys`, usually `/proc` and `/sys`.
    #[must_use]
    pub fn new(proc: &Path, sys: &Path) -> Self {
        Self { swaps: ProcFile::new(proc.join("swaps")), block: sys.join("block"), seen: None }
    }

    /// Sets `swap_headroom`, the memory that swap can still relieve, and `zram`, the memory that it takes, in a reading of this
    /// moment. Does nothing without swap, and does not read zram while swap is empty.
    pub fn measure(&mut self, at: Boottime, guest: &mut SystemMemory) {
        if guest.swap_total == Bytes::ZERO {
            self.seen = None;
            return;
        }
        let mut seen = match self.seen.take() {
            Some(seen) if seen.holds(at, guest) => seen,
            before => {
                let areas = self.areas().unwrap_or_default();
                let mut seen = AreaList { at, total: guest.swap_total, free: guest.swap_free, areas };
                seen.remember(before.as_ref().map_or(&[], |before| &before.areas));
                seen
            }
        };
        let zram;
        (guest.swap_headroom, zram) = seen.room(guest);
        guest.zram = zram.min(guest.swap_total.saturating_sub(guest.swap_free));
        self.seen = Some(seen);
    }

    /// `None` if the list cannot be read: then all swap counts as on a disk.
    fn areas(&self) -> Option<Vec<Area>> {
        let mut text = [0; SWAPS_LEN];
        let len = self.swaps.read(&mut text, to_end).ok()?;
        Some(text[..len].split(|&b| b == b'\n').filter_map(|line| self.area(line)).collect())
    }

    /// An area by its line in `proc_swaps(5)`: name, kind, size and used in KiB, priority. A blank within the name is
    /// written `\040`. The header is no area, nor is an incomplete line.
    fn area(&self, line: &[u8]) -> Option<Area> {
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let (name, _kind) = (words.next()?, words.next()?);
        let mut kib = || std::str::from_utf8(words.next()?).ok()?.parse().ok().map(Bytes::kib);
        let (size, used) = (kib()?, kib()?);
        words.next()?;
        Some(Area { free: size.saturating_sub(used), zram: Zram::by_name(name, &self.block) })
    }
}

impl AreaList {
    /// Whether it still applies. With both disks and zram, pages swapped since may be on either, so only a current list will do.
    fn holds(&self, at: Boottime, guest: &SystemMemory) -> bool {
        let moved = self.free != guest.swap_free;
        let is_mixed = self.areas.iter().any(|area| area.zram.is_some() != self.areas[0].zram.is_some());
        self.total == guest.swap_total
            && at.since(self.at) < MAX_LIST_AGE
            && !(moved && (is_mixed || self.free == Bytes::ZERO))
    }

    /// Keeps the statistics of devices that are in both lists.
    fn remember(&mut self, before: &[Area]) {
        for old in before.iter().filter_map(|area| area.zram.as_ref()) {
            self.areas.iter_mut().filter_map(|area| area.zram.as_mut()).for_each(|zram| zram.remember(old));
        }
    }

    /// The memory that swap can still relieve, and the memory that zram takes.
    fn room(&mut self, guest: &SystemMemory) -> (Bytes, Bytes) {
        if self.areas.iter().all(|area| area.zram.is_none()) {
            return (guest.swap_free, Bytes::ZERO);
        }
        let in_use = guest.swap_free < guest.swap_total;
        let listed: Bytes = self.areas.iter().map(|area| area.free).sum();
        // Pages swapped since the list was read are taken to be spread evenly.
        let measure = |area: &mut Area| {
            let free = area.free.share(guest.swap_free.get(), listed.get());
            area.zram.as_mut().map_or((free, Bytes::ZERO), |zram| zram.measure(free, in_use))
        };
        let all = self.areas.iter_mut().map(measure);
        let (room, zram) = all.fold((Bytes::ZERO, Bytes::ZERO), |all, one| (all.0 + one.0, all.1 + one.1));
        (room.min(guest.swap_free), zram)
    }
}

#[cfg(test)]
mod tests;
