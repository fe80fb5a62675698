//! `/proc/PID/smaps_rollup`: memory of a process, shared pages divided among the processes that map them.
//!
//! The kernel walks the page tables for it under the process's mmap lock: 50 ms at 8 GiB, and longer while that lock is held.
//! So the loop never reads it: see [`super::background`].

use super::colon_pairs;
use crate::model::{Bytes, Charge};

/// The sums of all mappings of one process (`proc_pid_smaps(5)`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rollup {
    /// Its share of anonymous memory (`Pss_Anon`), of shared memory (`Pss_Shmem`) and of private memory
    /// that is swapped out (`SwapPss`). Huge pages of a pool count as anonymous and are not divided.
    pub share: Charge,
    /// Shared memory that it maps and that is swapped out, undivided: `Swap` beyond `VmSwap`. No other file shows it.
    pub shmem_swap: Bytes,
    /// Its share of file pages (`Pss_File`): page cache, never charged.
    pub file: Bytes,
    /// Pages that no other process maps: `Private_Clean` + `Private_Dirty`.
    pub private: Bytes,
}

impl Rollup {
    /// Parses the text of a `smaps_rollup` file; `None` if it is not one, or the kernel is too old to separate the kinds.
    /// `swap` is the process's `VmSwap`.
    #[must_use]
    pub fn parse(text: &[u8], swap: Bytes) -> Option<Self> {
        let (mut anon, mut huge, mut all_swap) = (None, Bytes::ZERO, Bytes::ZERO);
        let mut rollup = Self::default();
        for (key, number) in colon_pairs::parse_colon_pairs(text) {
            let bytes = Bytes::kib(number);
            match key {
                b"Pss_Anon" => anon = Some(bytes),
                b"Pss_Shmem" => rollup.share.shmem = bytes,
                b"Pss_File" => rollup.file = bytes,
                b"Private_Clean" | b"Private_Dirty" => rollup.private += bytes,
                b"Private_Hugetlb" | b"Shared_Hugetlb" => huge += bytes,
                b"SwapPss" => rollup.share.swap = bytes,
                b"Swap" => all_swap = bytes,
                _ => {}
            }
        }
        rollup.share.anon = anon? + huge;
        rollup.shmem_swap = all_swap.saturating_sub(swap);
        Some(rollup)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "55d0c0a00000-7ffd5b7c9000 ---p 00000000 00:00 0  [rollup]\nRss: 5000 kB\nPss: 3000 kB\n\
        Pss_Dirty: 1 kB\nPss_Anon: 1200 kB\nPss_File: 900 kB\nPss_Shmem: 400 kB\nPrivate_Clean: 100 kB\n\
        Private_Dirty: 1000 kB\nShared_Hugetlb: 0 kB\nPrivate_Hugetlb: 64 kB\nSwap: 700 kB\nSwapPss: 250 kB\n";

    #[test]
    fn the_share_is_the_charge() {
        let rollup = Rollup::parse(TEXT.as_bytes(), Bytes::kib(500)).unwrap();
        let share = Charge { anon: Bytes::kib(1264), shmem: Bytes::kib(400), swap: Bytes::kib(250) };
        assert_eq!(
            rollup,
            Rollup { share, shmem_swap: Bytes::kib(200), file: Bytes::kib(900), private: Bytes::kib(1100) }
        );
    }

    #[test]
    fn an_old_or_malformed_text_is_none() {
        assert_eq!(Rollup::parse(b"", Bytes::ZERO), None);
        assert_eq!(Rollup::parse(b"Rss: 5 kB\nPss: 5 kB\n", Bytes::ZERO), None);
    }

    proptest::proptest! {
        #[test]
        fn does_not_panic_on_garbage(text: Vec<u8>) {
            let _ = Rollup::parse(&text, Bytes::ZERO);
        }
    }
}
