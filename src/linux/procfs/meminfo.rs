//! The lines of `/proc/meminfo` that we use. A sandbox or container may leave out the rest (gVisor, lxcfs), which the procfs
//! crate treats as an error of the whole file.

use std::io;
use std::path::Path;

use super::colon_pairs;
use super::error::ReadError;
use super::file::ProcFile;
use crate::model::{Bytes, Charge, SystemMemory};

/// The longest seen has 1.6 KiB. The fields that we use are in its first half, huge pages at its end.
const MEMINFO_LEN: usize = 8 * 1024;

/// Reads `meminfo`. Keeps the kernel's file open: it is read in each tick, without an allocation.
#[derive(Debug)]
pub struct Meminfo {
    file: ProcFile,
}

impl Meminfo {
    /// That of the tree at `root`, usually `/proc`.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self { file: ProcFile::new(root.join("meminfo")) }
    }

    /// Memory of the guest as it is now.
    ///
    /// # Errors
    /// If it is missing or is no meminfo.
    pub fn read(&self) -> Result<SystemMemory, ReadError> {
        let mut text = [0; MEMINFO_LEN];
        let read = self.file.read(&mut text, is_whole).map_err(io::Error::from);
        let parsed = read.and_then(|len| {
            parse(&text[..len]).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it is no meminfo"))
        });
        parsed.map_err(|source| ReadError { path: self.file.path().to_owned(), source })
    }
}

/// Whether this ends as the file does on x86 (`arch_report_meminfo`): then no second read has to find its end. Elsewhere
/// one does.
fn is_whole(text: &[u8]) -> bool {
    let last = &text[text.len().saturating_sub(40)..];
    last.ends_with(b" kB\n") && last.windows(9).any(|word| word == b"DirectMap")
}

/// Reads the text of a `meminfo` file (`proc_meminfo(5)`); `None` if it has no total.
#[must_use]
pub fn parse(text: &[u8]) -> Option<SystemMemory> {
    let (mut total, mut free, mut available) = (None, None, None);
    let (mut anon, mut shmem, mut mapped) = (None, None, None);
    let mut huge = Bytes::ZERO;
    let (mut swap_total, mut swap_free) = (Bytes::ZERO, Bytes::ZERO);
    for (key, number) in colon_pairs::parse_colon_pairs(text) {
        let bytes = Bytes::kib(number);
        match key {
            b"MemTotal" => total = Some(bytes),
            b"MemFree" => free = Some(bytes),
            b"MemAvailable" => available = Some(bytes),
            b"SwapTotal" => swap_total = bytes,
            b"SwapFree" => swap_free = bytes,
            b"AnonPages" => anon = Some(bytes),
            b"Hugetlb" => huge = bytes,
            b"Shmem" => shmem = Some(bytes),
            b"Mapped" => mapped = Some(bytes),
            _ => {}
        }
    }
    let mem_total = total.filter(|t| *t > Bytes::ZERO)?;
    let swap_free = swap_free.min(swap_total);
    // Unknown is no bound.
    let known = |bytes: Option<Bytes>| bytes.unwrap_or(Bytes::new(u64::MAX));
    Some(SystemMemory {
        mem_total,
        mem_available: available.or(free)?.min(mem_total),
        swap_total,
        swap_free,
        swap_headroom: swap_free,
        zram: Bytes::ZERO,
        per_cpu: Bytes::ZERO,
        process_totals: Charge {
            anon: known(anon) + huge,
            // A file in a tmpfs is shmem that may not be mapped at all.
            shmem: known(shmem).min(known(mapped)),
            swap: swap_total.saturating_sub(swap_free),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_lines_are_enough() {
        let text = b"MemTotal:       16384 kB\nMemFree: 1 kB\nMemAvailable:    8192 kB\nSwapTotal: 4 kB\nSwapFree: 3 kB\n";
        let guest = parse(text).unwrap();
        assert_eq!((guest.mem_total, guest.mem_available), (Bytes::mib(16), Bytes::mib(8)));
        assert_eq!((guest.swap_total, guest.swap_free), (Bytes::kib(4), Bytes::kib(3)));
        assert_eq!(guest.process_totals.shmem, Bytes::new(u64::MAX), "no bound");
        assert_eq!(guest.process_totals.swap, Bytes::kib(1));
    }

    #[test]
    fn pages_of_a_pool_can_be_held_too() {
        let guest = parse(b"MemTotal: 900 kB\nMemFree: 1 kB\nAnonPages: 100 kB\nHugetlb: 50 kB\n").unwrap();
        assert_eq!(guest.process_totals.anon, Bytes::kib(150));
    }

    #[test]
    fn a_copied_meminfo_is_read_whatever_becomes_of_it() {
        let tree = tempfile::tempdir().unwrap();
        let path = tree.path().join("meminfo");
        let meminfo = Meminfo::new(tree.path());
        assert!(meminfo.read().unwrap_err().to_string().contains("meminfo: No such file"));
        let available = |number: u64| format!("MemTotal: 900 kB\nMemAvailable: {number} kB\n");
        std::fs::write(&path, available(800)).unwrap();
        assert_eq!(meminfo.read().unwrap().mem_available, Bytes::kib(800));
        std::fs::write(&path, available(7)).unwrap();
        assert_eq!(meminfo.read().unwrap().mem_available, Bytes::kib(7), "rewritten in place");
        let aside = path.with_extension("aside");
        std::fs::write(&aside, available(600)).unwrap();
        std::fs::rename(&aside, &path).unwrap();
        assert_eq!(meminfo.read().unwrap().mem_available, Bytes::kib(600), "replaced");
        std::fs::write(&path, format!("{}{}", available(5), "Pad: 1 kB\n".repeat(5000))).unwrap();
        assert_eq!(meminfo.read().unwrap().mem_available, Bytes::kib(5), "too long");
        std::fs::write(&path, b"\xff\0\n").unwrap();
        assert!(meminfo.read().unwrap_err().to_string().ends_with("it is no meminfo"));
    }

    #[test]
    fn this_guest_moves_under_a_file_that_stays_open() {
        let meminfo = Meminfo::new(Path::new("/proc"));
        let before = meminfo.read().unwrap();
        let touched = vec![1u8; 64 << 20];
        let after = meminfo.read().unwrap();
        assert_eq!(before.mem_total, after.mem_total);
        assert!(touched.iter().all(|b| *b == 1) && before != after, "it is read afresh");
    }

    #[test]
    fn the_end_is_known_where_it_is_seen() {
        assert!(is_whole(b"Hugetlb: 0 kB\nDirectMap2M:  2048 kB\nDirectMap1G:    0 kB\n"));
        assert!(!is_whole(b"Hugetlb: 0 kB\n") && !is_whole(b"DirectMap1G:   20") && !is_whole(b""));
    }

    #[test]
    fn without_a_total_it_is_no_meminfo() {
        assert_eq!(parse(b""), None);
        assert_eq!(parse(b"MemTotal: 0 kB\nMemFree: 0 kB\n"), None);
        assert_eq!(parse(b"MemTotal: 5 kB\n"), None, "nor without the available memory");
    }

    proptest::proptest! {
        #[test]
        fn does_not_panic_on_garbage(text: Vec<u8>) {
            let _ = parse(&text);
        }
    }
}
