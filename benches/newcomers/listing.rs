//! The pids in `/proc`, all or from one on: a directory that stays open, and a cursor set into it.

use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

use claude_watchdog::linux::procfs::last_pid::Window;
use claude_watchdog::model::Pid;
use rustix::fs::{CWD, Mode, OFlags, RawDir, SeekFrom, openat, seek};

/// Some 170 pids a call; a larger buffer only lists pids beyond the window.
const BATCH: usize = 4 * 1024;

pub(crate) struct Listing {
    dir: OwnedFd,
    batch: Vec<MaybeUninit<u8>>,
    /// The position of a pid in the directory minus the pid: 258 (`TGID_OFFSET` of `fs/proc/base.c`), but measured,
    /// because it is no documented interface. `None` if positions are not pids plus a constant.
    base: Option<u64>,
    pub(crate) calls: u64,
}

impl Listing {
    pub(crate) fn new() -> Self {
        let dir = openat(CWD, "/proc", OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).unwrap();
        let batch = vec![MaybeUninit::uninit(); BATCH];
        let mut listing = Self { dir, batch, base: None, calls: 0 };
        listing.base = listing.measure_base();
        listing
    }

    pub(crate) fn base(&self) -> Option<u64> {
        self.base
    }

    pub(crate) fn all(&mut self, into: &mut Vec<Pid>) {
        into.clear();
        self.walk(0, |pid, _| {
            into.push(pid);
            true
        });
    }

    /// The processes in the window; all processes if positions have no meaning.
    pub(crate) fn within(&mut self, window: Window, into: &mut Vec<Pid>) {
        into.clear();
        let Some(base) = self.base else { return self.all(into) };
        let (after, to) = (window.after, window.to);
        // After the highest pid the numbering restarts.
        let spans = if after <= to {
            [(after.get(), to.get()), (0, 0)]
        } else {
            [(after.get(), i32::MAX), (0, to.get())]
        };
        for (after, to) in spans.into_iter().filter(|(after, to)| after < to) {
            self.walk(base + u64::try_from(after).unwrap() + 1, |pid, _| {
                let inside = pid.get() <= to;
                if inside {
                    into.push(pid);
                }
                inside
            });
        }
    }

    fn measure_base(&mut self) -> Option<u64> {
        let mut bases = Vec::new();
        self.walk(0, |pid, before| {
            bases.push(before.checked_sub(u64::try_from(pid.get()).unwrap()));
            true
        });
        // Of the first pid the entry before is no pid.
        let first = *bases.get(1)?;
        bases[1..].iter().all(|base| *base == first).then_some(first)?
    }

    /// Each pid from a position on, with the position that the entry before it gave for it, until `each` has enough.
    fn walk(&mut self, from: u64, mut each: impl FnMut(Pid, u64) -> bool) {
        seek(&self.dir, SeekFrom::Start(from)).unwrap();
        self.calls += 1;
        let mut entries = RawDir::new(&self.dir, &mut self.batch[..]);
        let mut position = from;
        loop {
            self.calls += u64::from(entries.is_buffer_empty());
            let Some(entry) = entries.next() else { return };
            let entry = entry.unwrap();
            let pid = entry.file_name().to_str().ok().and_then(|name| name.parse().ok()).and_then(Pid::new);
            if pid.is_some_and(|pid| !each(pid, position)) {
                return;
            }
            position = entry.next_entry_cookie();
        }
    }
}
