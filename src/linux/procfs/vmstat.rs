//! Swap-ins and OOM kills since boot, from `/proc/vmstat`.

use std::path::Path;

use super::file::ProcFile;
use crate::model::Bytes;

/// The file has 4 KiB, and each kernel adds a line or two.
const VMSTAT_LEN: usize = 16 * 1024;

/// The keys that we use, with the line feed before them.
const SWAPPED_IN: &[u8] = b"\npswpin ";
const OOM_KILLS: &[u8] = b"\noom_kill ";

/// Reads `vmstat`. Keeps the kernel's file open: a read allocates nothing.
#[derive(Debug)]
pub struct Vmstat {
    file: ProcFile,
    page: u64,
}

impl Vmstat {
    /// That of the tree at `root`, usually `/proc`.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self { file: ProcFile::new(root.join("vmstat")), page: rustix::param::page_size() as u64 }
    }

    /// Memory read back from swap since boot; `None` if the kernel has no swap, or does not say.
    #[must_use]
    pub fn swapped_in(&self) -> Option<Bytes> {
        self.count(SWAPPED_IN).map(|pages| Bytes::new(pages.saturating_mul(self.page)))
    }

    /// Processes that the OOM killer has killed since boot, for the guest or a cgroup; `None` if the kernel does not say.
    #[must_use]
    pub fn oom_kills(&self) -> Option<u64> {
        self.count(OOM_KILLS)
    }

    fn count(&self, key: &[u8]) -> Option<u64> {
        let mut text = [0; VMSTAT_LEN];
        let len = self.file.read(&mut text, |read| number_behind(key, read).is_some()).ok()?;
        number_behind(key, &text[..len])
    }
}

/// The number after `key`; `None` unless the text has it in a complete line.
fn number_behind(key: &[u8], text: &[u8]) -> Option<u64> {
    let rest = text.strip_prefix(&key[1..]).or_else(|| {
        let at = text.windows(key.len()).position(|window| window == key)?;
        text.get(at + key.len()..)
    })?;
    let end = rest.iter().position(|&b| b == b'\n')?;
    std::str::from_utf8(&rest[..end]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_found_at_any_position() {
        assert_eq!(number_behind(SWAPPED_IN, b"pswpin 7\npswpout 8\n"), Some(7));
        assert_eq!(
            number_behind(SWAPPED_IN, b"nr_free_pages 1\nzpswpin 5\npswpin 18446744073709551615\n"),
            Some(u64::MAX)
        );
        let odd: [&[u8]; 6] =
            [b"", b"pswpin", b"pswpin 7", b"pswpin \n", b"pswpin -1\n", b"nr_pswpin 7\npswpin7 1\n"];
        for text in odd {
            assert_eq!(number_behind(SWAPPED_IN, text), None, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn swapped_in_pages_are_counted_in_bytes() {
        let tree = tempfile::tempdir().unwrap();
        let vmstat = Vmstat::new(tree.path());
        assert_eq!(vmstat.swapped_in(), None, "no file");
        let page = rustix::param::page_size() as u64;
        // Longer than a page, as the kernel's is.
        let before = "nr_something_with_a_name 12345\n".repeat(200);
        std::fs::write(tree.path().join("vmstat"), format!("{before}pswpin 3\npswpout 9\n")).unwrap();
        assert_eq!(vmstat.swapped_in(), Some(Bytes::new(3 * page)));
        std::fs::write(tree.path().join("vmstat"), format!("pswpin {}\n", u64::MAX)).unwrap();
        assert_eq!(vmstat.swapped_in(), Some(Bytes::new(u64::MAX)), "no overflow");
        std::fs::write(tree.path().join("vmstat"), before.repeat(3)).unwrap();
        assert_eq!(vmstat.swapped_in(), None);
    }

    #[test]
    fn kills_are_read_from_their_own_line() {
        let tree = tempfile::tempdir().unwrap();
        let vmstat = Vmstat::new(tree.path());
        std::fs::write(tree.path().join("vmstat"), "pswpin 3\nmemcg_oom_kill 9\noom_kill 2\n").unwrap();
        assert_eq!(vmstat.oom_kills(), Some(2));
        assert!(Vmstat::new(Path::new("/proc")).oom_kills().is_some(), "every kernel since 4.13 has it");
    }

    #[test]
    fn the_own_kernels_file_is_read_like_a_whole_one() {
        let vmstat = Vmstat::new(Path::new("/proc"));
        let whole = std::fs::read("/proc/vmstat").unwrap();
        assert_eq!(vmstat.swapped_in().is_some(), number_behind(SWAPPED_IN, &whole).is_some());
        assert!(vmstat.swapped_in() >= number_behind(SWAPPED_IN, &whole).map(Bytes::new));
    }

    proptest::proptest! {
        #[test]
        fn does_not_panic_on_garbage(text: Vec<u8>) {
            let _ = number_behind(SWAPPED_IN, &text);
            let _ = number_behind(OOM_KILLS, &text);
        }
    }
}
