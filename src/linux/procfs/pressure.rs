//! A trigger on `/proc/pressure/memory` (`Documentation/accounting/psi.rst`).

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::{Errno, write};

use crate::linux::procfs::file::{is_on_procfs, read_from_start, to_end};

/// Some task waits for a tenth of a second within one. The newline is needed: the kernel writes its end of text over
/// the last byte, and would take the window for a tenth of it.
const WITHIN_A_SECOND: &[u8] = b"some 100000 1000000\n";

/// Who has no `CAP_SYS_RESOURCE` may have windows of 2 s only, and multiples (Linux 6.5).
const WITHIN_TWO: &[u8] = b"some 200000 2000000\n";

/// Two lines of some 60 bytes.
const PRESSURE_LEN: usize = 512;

/// A trigger that is armed as long as this is open.
#[derive(Debug)]
pub(crate) struct Trigger {
    file: OwnedFd,
    moved: Moved,
}

/// Which of its events say something.
#[derive(Clone, Copy, Debug, Default)]
struct Moved {
    /// `total` of the last event; `None`: there was none.
    total: Option<u64>,
}

impl Trigger {
    /// Arms one in the tree at `proc`.
    ///
    /// # Errors
    /// Where the kernel keeps no pressure, or does not let us have a trigger.
    pub(crate) fn arm(proc: &Path) -> io::Result<Self> {
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = openat(CWD, proc.join("pressure/memory"), flags, Mode::empty())?;
        // A copied tree is not to be written to.
        if !is_on_procfs(&file) {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "it is not the kernel's own file"));
        }
        match write(&file, WITHIN_A_SECOND) {
            Err(Errno::INVAL | Errno::PERM | Errno::ACCESS) => write(&file, WITHIN_TWO)?,
            written => written?,
        };
        Ok(Self { file, moved: Moved::default() })
    }

    /// Whether the event that there is now is one to wake for.
    pub(crate) fn counts(&mut self) -> bool {
        let mut text = [0; PRESSURE_LEN];
        let len = read_from_start(&self.file, &mut text, to_end).unwrap_or(0);
        self.moved.event(total(&text[..len]))
    }
}

impl AsFd for Trigger {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl Moved {
    /// Takes in one event. The first one after arming says nothing: an unprivileged trigger fires then without a stall
    /// (seen by users of bun, issue 42783). Nor does one at which `total` stands still, or cannot be read.
    fn event(&mut self, total: Option<u64>) -> bool {
        let Some(total) = total else { return false };
        self.total.replace(total).is_some_and(|before| before != total)
    }
}

/// Microseconds that some task has waited since boot.
fn total(text: &[u8]) -> Option<u64> {
    let line = text.split(|&b| b == b'\n').find_map(|line| line.strip_prefix(b"some "))?;
    let word = line.split(|&b| b == b' ').find_map(|word| word.strip_prefix(b"total="))?;
    std::str::from_utf8(word).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"some avg10=0.12 avg60=0.05 avg300=0.01 total=123456\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n";

    #[test]
    fn the_total_of_some_is_read() {
        assert_eq!(total(TEXT), Some(123_456));
        let full = b"full avg10=0.00 total=7\nsome avg10=0.12 total=8\n";
        assert_eq!(total(full), Some(8));
        for odd in [
            &b""[..],
            b"full total=7\n",
            b"some avg10=1\n",
            b"some total=\n",
            b"some total=-1\n",
            b"some total=1\xff\n",
        ] {
            assert_eq!(total(odd), None, "{}", odd.escape_ascii());
        }
    }

    #[test]
    fn the_first_event_and_those_without_a_stall_say_nothing() {
        let mut moved = Moved::default();
        let totals = [None, Some(50), Some(50), Some(60), None, Some(60), Some(61)];
        assert_eq!(totals.map(|total| moved.event(total)), [false, false, false, true, false, false, true]);
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
    fn this_kernel_takes_the_trigger_and_goes_on_telling_the_total() {
        // No PSI, no right to it, or a sandbox without.
        let Ok(trigger) = Trigger::arm(Path::new("/proc")) else { return };
        let mut text = [0; PRESSURE_LEN];
        let len = read_from_start(&trigger.file, &mut text, to_end).unwrap();
        assert!(total(&text[..len]).is_some());
        assert_eq!(write(&trigger.file, WITHIN_TWO), Err(Errno::BUSY), "one for each descriptor");
    }

    proptest::proptest! {
        #[test]
        fn garbage_is_refused_not_fatal(text: Vec<u8>) {
            let _ = total(&text);
        }
    }
}
