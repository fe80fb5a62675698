//! Free pages in per-CPU lists, from `/proc/zoneinfo`.

use std::path::Path;

use super::colon_pairs;
use super::file::{ProcFile, to_end};
use crate::model::Bytes;

/// 5 to 8 KiB with two processors, and 150 bytes a zone for each further one. A text beyond it is not counted.
const ZONEINFO_LEN: usize = 64 * 1024;

/// Reads `zoneinfo`. Keeps the kernel's file open: reading it allocates nothing.
#[derive(Debug)]
pub struct Zoneinfo {
    file: ProcFile,
    page: u64,
    /// Too large for a stack; the part that no text needs is never touched.
    text: Box<[u8]>,
}

impl Zoneinfo {
    /// That of the tree at `root`, usually `/proc`.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        let text = vec![0; ZONEINFO_LEN].into_boxed_slice();
        Self { file: ProcFile::new(root.join("zoneinfo")), page: rustix::param::page_size() as u64, text }
    }

    /// Memory in the lists of all processors; 0 if the kernel does not say. Freed memory goes there first: a processor may keep up to an eighth of a zone (`MIN_PERCPU_PAGELIST_HIGH_FRACTION` of
    /// `mm/page_alloc.c`).
    #[must_use]
    pub fn per_cpu(&mut self) -> Bytes {
        let Ok(len) = self.file.read(&mut self.text, to_end) else { return Bytes::ZERO };
        Bytes::new(pages(&self.text[..len]).saturating_mul(self.page))
    }
}

/// The sum of `count:` of all `pagesets`, without an incomplete last line.
fn pages(text: &[u8]) -> u64 {
    let whole = text.iter().rposition(|&b| b == b'\n').map_or(0, |end| end + 1);
    let counts =
        colon_pairs::parse_colon_pairs(&text[..whole]).filter(|(key, _)| key.trim_ascii() == b"count");
    counts.fold(0, |sum, (_, pages)| sum.saturating_add(pages))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO_ZONES: &[u8] = b"Node 0, zone    DMA32\n  pages free     763\n  pagesets\n    cpu: 0\n\
        \x20             count:    7\n              high:     9123\n              batch:    63\n\
        Node 0, zone   Normal\n        nr_free_pages 9\n  pagesets\n    cpu: 0\n              count:    100\n\
        \x20             high:     1390\n    cpu: 1\n              count:    20\n  start_pfn:           4096\n";

    #[test]
    fn the_lists_of_all_zones_and_processors_add_up() {
        assert_eq!(pages(TWO_ZONES), 127);
        assert_eq!(pages(b""), 0);
        assert_eq!(pages(b"count: 5\ncount: x\ncount:\ncounts: 9\ncount: 12"), 5, "the last line was cut");
        let most = format!("count: {0}\ncount: {0}\n", u64::MAX);
        assert_eq!(pages(most.as_bytes()), u64::MAX);
    }

    #[test]
    fn pages_are_bytes_and_no_file_is_nothing() {
        let tree = tempfile::tempdir().unwrap();
        let mut zoneinfo = Zoneinfo::new(tree.path());
        assert_eq!(zoneinfo.per_cpu(), Bytes::ZERO);
        std::fs::write(tree.path().join("zoneinfo"), TWO_ZONES).unwrap();
        assert_eq!(zoneinfo.per_cpu(), Bytes::new(127 * rustix::param::page_size() as u64));
    }

    #[test]
    fn this_kernel_says_less_than_it_has() {
        let total = super::super::Proc::open(Path::new("/proc")).unwrap().guest().unwrap().mem_total;
        assert!(Zoneinfo::new(Path::new("/proc")).per_cpu() < total);
    }
}
