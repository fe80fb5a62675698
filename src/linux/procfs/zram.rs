//! One zram device: swap in compressed memory.

use std::path::{Path, PathBuf};

use crate::linux::procfs::file::{open, read_from_start, to_end};
use crate::model::Bytes;

/// Minimum of stored pages for the ratio to predict that of further ones; below, it is that of the first few idle programs.
const MIN_STORED: Bytes = Bytes::mib(64);

/// The ratio until then: "we expect a 2:1 compression ratio" (`Documentation/admin-guide/blockdev/zram.rst`).
const DEFAULT_RATIO: Ratio = Ratio { stored: Bytes::new(2), taken: Bytes::new(1) };

/// The ratio of the pages stored last predicts best that of the next: a leak is of one kind. It is taken over steps of this size.
const RATIO_STEP: Bytes = Bytes::mib(16);

/// Nine numbers of twenty digits, with separators.
const MM_STAT_LEN: usize = 256;

/// One device.
#[derive(Debug)]
pub(crate) struct Zram {
    mm_stat: PathBuf,
    recent: RecentRatio,
}

/// The ratio of the most recent step.
#[derive(Clone, Copy, Debug, Default)]
struct RecentRatio {
    /// The start of the current step.
    begun: Option<MmStat>,
    ratio: Option<Ratio>,
}

/// A compression ratio: the size of pages, and the memory that they take.
#[derive(Clone, Copy, Debug)]
struct Ratio {
    stored: Bytes,
    taken: Bytes,
}

/// The fields of `mm_stat` that we use (`Documentation/admin-guide/blockdev/zram.rst`): the first, third and fourth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct MmStat {
    /// `orig_data_size`: the uncompressed size.
    stored: Bytes,
    /// `mem_used_total`: the memory that it takes.
    taken: Bytes,
    /// `mem_limit`: the most memory that it may take; `None`: no limit.
    limit: Option<Bytes>,
}

impl Zram {
    /// The device with this name in `/proc/swaps`; `None` if it is no zram device. `block` is `/sys/block` as a rule.
    pub(crate) fn by_name(name: &[u8], block: &Path) -> Option<Self> {
        let device = std::str::from_utf8(name.strip_prefix(b"/dev/")?).ok()?;
        let digits = device.strip_prefix("zram")?;
        let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        let mm_stat = block.join(device).join("mm_stat");
        is_number.then_some(Self { mm_stat, recent: RecentRatio::default() })
    }

    /// Continues the measurement of the same device.
    pub(crate) fn remember(&mut self, before: &Self) {
        if before.mm_stat == self.mm_stat {
            self.recent = before.recent;
        }
    }

    /// The memory saved by filling `free`, its free part; and the memory that it takes now, zero if unknown.
    pub(crate) fn measure(&mut self, free: Bytes, in_use: bool) -> (Bytes, Bytes) {
        // While nothing is swapped out, the pages stored there belong to other users of the device.
        let stat = in_use.then(|| self.mm_stat()).flatten();
        self.recent.record(stat);
        (saves(free, stat, self.recent.ratio), stat.map(|stat| stat.taken).unwrap_or_default())
    }

    /// `None` if the device is gone or the format is unknown.
    fn mm_stat(&self) -> Option<MmStat> {
        let mut text = [0; MM_STAT_LEN];
        let len = read_from_start(&open(&self.mm_stat).ok()?, &mut text, to_end).ok()?;
        MmStat::parse(&text[..len])
    }
}

impl MmStat {
    fn parse(text: &[u8]) -> Option<Self> {
        let mut numbers = text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let mut number = || std::str::from_utf8(numbers.next()?).ok()?.parse().ok().map(Bytes::new);
        let (stored, _compressed, taken, limit) = (number()?, number()?, number()?, number()?);
        Some(Self { stored, taken, limit: Some(limit).filter(|limit| *limit > Bytes::ZERO) })
    }
}

impl RecentRatio {
    fn record(&mut self, stat: Option<MmStat>) {
        let Some(now) = stat else {
            *self = Self::default();
            return;
        };
        let Some(begun) = self.begun else {
            self.begun = Some(now);
            return;
        };
        if now.stored < begun.stored {
            // Pages were freed or read back: the next ones belong to another program.
            *self = Self { begun: Some(now), ratio: None };
        } else if now.stored >= begun.stored + RATIO_STEP {
            let stored = now.stored.saturating_sub(begun.stored);
            let ratio = Ratio { stored, taken: now.taken.saturating_sub(begun.taken) };
            *self = Self { begun: Some(now), ratio: Some(ratio) };
        }
    }
}

/// By the ratio of all stored pages or that of the last step, whichever is worse.
fn saves(free: Bytes, stat: Option<MmStat>, recent: Option<Ratio>) -> Bytes {
    let enough = stat.filter(|stat| stat.stored >= MIN_STORED);
    let all = enough.map(|MmStat { stored, taken, .. }| Ratio { stored, taken });
    let ratios = all.into_iter().chain(recent);
    ratios
        .map(|ratio| saves_at(ratio, free, stat))
        .min()
        .unwrap_or_else(|| saves_at(DEFAULT_RATIO, free, stat))
}

fn saves_at(ratio: Ratio, free: Bytes, stat: Option<MmStat>) -> Bytes {
    // At its limit the device refuses more, whatever it has free (`zs_malloc` is undone in `zram_drv.c`).
    let takes = stat.and_then(|stat| Some(stat.limit?.saturating_sub(stat.taken)));
    let fits =
        takes.filter(|_| ratio.taken > Bytes::ZERO).map_or(free, |takes| ratio.before(takes).min(free));
    fits.saturating_sub(ratio.after(fits))
}

impl Ratio {
    /// The memory that pages of size `stored` take.
    fn after(self, stored: Bytes) -> Bytes {
        stored.share(self.taken.get(), self.stored.get())
    }

    /// The size of the pages that fit in `taken`.
    fn before(self, taken: Bytes) -> Bytes {
        taken.share(self.stored.get(), self.taken.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(stored: u64, taken: u64, limit: u64) -> Option<MmStat> {
        MmStat::parse(format!("{} 1 {} {} 0 0 0 0 0\n", stored << 20, taken << 20, limit << 20).as_bytes())
    }

    fn mib(free: u64, stat: Option<MmStat>) -> u64 {
        saves(Bytes::mib(free), stat, None).get() >> 20
    }

    /// Pages of zeros gave a good ratio; then incompressible pages follow.
    #[test]
    fn the_worse_of_recent_and_total_ratio_counts() {
        let mut recent = RecentRatio::default();
        let mut saved = |stored, taken| {
            let stat = stat(stored, taken, 0);
            recent.record(stat);
            saves(Bytes::mib(1000), stat, recent.ratio).get() >> 20
        };
        assert_eq!(saved(900, 9), 990);
        assert_eq!(saved(910, 19), 979, "too little for a new ratio");
        assert_eq!(saved(932, 41), 0, "incompressible");
        assert_eq!(saved(970, 60), 500, "now half of that");
        assert_eq!(saved(1100, 60), 945, "nothing is taken: the ratio of all pages counts");
        assert_eq!(saved(500, 9), 982, "the program has exited");
        assert_eq!(recent.ratio.map(|r| r.stored), None);
    }

    #[test]
    fn savings_follow_the_ratio() {
        assert_eq!(mib(1200, stat(900, 300, 0)), 800, "three in one");
        assert_eq!(mib(1200, stat(900, 900, 0)), 0, "incompressible");
        assert_eq!(mib(1200, stat(900, 950, 0)), 0, "worse than that");
        assert_eq!(mib(1200, stat(900, 0, 0)), 1200, "nothing but zeros");
        assert_eq!(mib(0, stat(900, 300, 0)), 0, "full");
    }

    #[test]
    fn a_few_pages_give_no_ratio() {
        assert_eq!(mib(1200, None), 600, "nothing known");
        assert_eq!(mib(1200, stat(63, 63, 0)), 600);
        assert_eq!(mib(1200, stat(64, 64, 0)), 0);
        assert_eq!(mib(1200, stat(0, 0, 0)), 600);
    }

    #[test]
    fn savings_respect_mem_limit() {
        assert_eq!(mib(1200, stat(900, 300, 400)), 200, "100 more take 300, and save 200");
        assert_eq!(mib(1200, stat(900, 300, 4000)), 800, "the limit is not reached");
        assert_eq!(mib(1200, stat(900, 300, 300)), 0, "at its limit");
        assert_eq!(mib(1200, stat(900, 500, 300)), 0, "beyond it");
        assert_eq!(mib(1200, stat(0, 0, 100)), 100, "200 take 100");
    }

    #[test]
    fn zram_devices_are_recognised_by_name() {
        let block = Path::new("/sys/block");
        let of = |name: &[u8]| Zram::by_name(name, block).map(|zram| zram.mm_stat);
        assert_eq!(of(b"/dev/zram12"), Some(PathBuf::from("/sys/block/zram12/mm_stat")));
        for name in
            [&b"/dev/zram"[..], b"/dev/zram0/../sda", b"/dev/sda2", b"/zram0", b"zram0", b"/dev/zram\xff"]
        {
            assert_eq!(of(name), None, "{}", name.escape_ascii());
        }
    }

    #[test]
    fn a_malformed_mm_stat_is_refused() {
        for text in [&b""[..], b"1 2 3", b"1 2 3 x\n", b"-1 2 3 4\n", b"1,2,3,4\n", b"\xff 1 1 1\n"] {
            assert_eq!(MmStat::parse(text), None, "{}", text.escape_ascii());
        }
        assert_eq!(MmStat::parse(b"  7  8\t9 10").map(|s| s.limit), Some(Some(Bytes::new(10))));
    }

    proptest::proptest! {
        #[test]
        fn never_more_than_is_free(free: u64, stored: u64, taken: u64, limit: u64) {
            let [free, stored, taken] = [free, stored, taken].map(Bytes::new);
            let limit = Some(Bytes::new(limit)).filter(|l| *l > Bytes::ZERO);
            let saved = saves(free, Some(MmStat { stored, taken, limit }), None);
            proptest::prop_assert!(saved <= free);
        }

        #[test]
        fn does_not_panic_on_garbage(text: Vec<u8>) {
            let _ = MmStat::parse(&text);
        }
    }
}
