//! A trigger on `/proc/pressure/memory` (`Documentation/accounting/psi.rst`).

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::{Errno, write};

use crate::linux::procfs::file::{is_on_procfs, read_from_start, to_end};

/// Some task stalls for a tenth of a second within one second, in microseconds. The newline is needed: the kernel overwrites
/// the last byte with its end of text, and would read a tenth of the window.
const STALL_WITHIN_1_S: &[u8] = b"some 100000 1000000\n";

/// Without `CAP_SYS_RESOURCE` only windows of 2 s and multiples are allowed (Linux 6.5).
const STALL_WITHIN_2_S: &[u8] = b"some 200000 2000000\n";

/// Two lines of some 60 bytes.
const PRESSURE_LEN: usize = 512;

/// A trigger; it is armed as long as this is open.
#[derive(Debug)]
pub(crate) struct Trigger {
    file: OwnedFd,
    filter: EventFilter,
}

/// Which events are worth a wake.
#[derive(Clone, Copy, Debug, Default)]
struct EventFilter {
    /// `total` at the last event; `None` before the first.
    total: Option<u64>,
}

impl Trigger {
    /// Arms one in the tree at `proc`.
    ///
    /// # Errors
    /// If the kernel has no PSI, or refuses the trigger.
    pub(crate) fn arm(proc: &Path) -> io::Result<Self> {
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = openat(CWD, proc.join("pressure/memory"), flags, Mode::empty())?;
        // A copied tree must not be written to.
        if !is_on_procfs(&file) {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "it is not the kernel's own file"));
        }
        match write(&file, STALL_WITHIN_1_S) {
            Err(Errno::INVAL | Errno::PERM | Errno::ACCESS) => write(&file, STALL_WITHIN_2_S)?,
            written => written?,
        };
        Ok(Self { file, filter: EventFilter::default() })
    }

    /// Whether the current event is worth a wake.
    pub(crate) fn should_wake(&mut self) -> bool {
        let mut text = [0; PRESSURE_LEN];
        let len = read_from_start(&self.file, &mut text, to_end).unwrap_or(0);
        self.filter.should_wake(total(&text[..len]))
    }
}

impl AsFd for Trigger {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl EventFilter {
    /// The first event after arming is ignored: an unprivileged trigger fires then without a stall (seen by users of bun,
    /// issue 42783). So is one at which `total` has not changed, or cannot be read.
    fn should_wake(&mut self, total: Option<u64>) -> bool {
        let Some(total) = total else { return false };
        self.total.replace(total).is_some_and(|before| before != total)
    }
}

/// Microseconds since boot in which some task has stalled.
fn total(text: &[u8]) -> Option<u64> {
    let line = text.split(|&b| b == b'\n').find_map(|line| line.strip_prefix(b"some "))?;
    let word = line.split(|&b| b == b' ').find_map(|word| word.strip_prefix(b"total="))?;
    std::str::from_utf8(word).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::skip;

    const TEXT: &[u8] = b"some avg10=0.12 avg60=0.05 avg300=0.01 total=123456\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n";

    #[test]
    fn the_total_of_some_is_read() {
        assert_eq!(total(TEXT), Some(123_456));
        let full = b"full avg10=0.00 total=7\nsome avg10=0.12 total=8\n";
        assert_eq!(total(full), Some(8));
        for malformed in [
            &b""[..],
            b"full total=7\n",
            b"some avg10=1\n",
            b"some total=\n",
            b"some total=-1\n",
            b"some total=1\xff\n",
        ] {
            assert_eq!(total(malformed), None, "{}", malformed.escape_ascii());
        }
    }

    #[test]
    fn the_first_event_and_events_without_a_stall_are_ignored() {
        let mut filter = EventFilter::default();
        let totals = [None, Some(50), Some(50), Some(60), None, Some(60), Some(61)];
        assert_eq!(
            totals.map(|total| filter.should_wake(total)),
            [false, false, false, true, false, false, true]
        );
    }

    #[test]
    fn a_copied_tree_is_not_written_to() {
        let tree = tempfile::tempdir().unwrap();
        assert_eq!(Trigger::arm(tree.path()).unwrap_err().kind(), io::ErrorKind::NotFound);
        let file = tree.path().join("pressure/memory");
        std::fs::create_dir(tree.path().join("pressure")).unwrap();
        std::fs::write(&file, TEXT).unwrap();
        assert_eq!(Trigger::arm(tree.path()).unwrap_err().kind(), io::ErrorKind::Unsupported);
        assert_eq!(std::fs::read(&file).unwrap(), TEXT);
    }

    #[test]
    fn this_kernel_accepts_the_trigger() {
        let trigger = match Trigger::arm(Path::new("/proc")) {
            Ok(trigger) => trigger,
            Err(error) => return skip(&format!("no PSI trigger: {error}")),
        };
        let mut text = [0; PRESSURE_LEN];
        let len = read_from_start(&trigger.file, &mut text, to_end).unwrap();
        assert!(total(&text[..len]).is_some());
        assert_eq!(write(&trigger.file, STALL_WITHIN_2_S), Err(Errno::BUSY), "one for each descriptor");
    }

    proptest::proptest! {
        #[test]
        fn does_not_panic_on_garbage(text: Vec<u8>) {
            let _ = total(&text);
        }
    }
}
