//! The pid that was given out last, from `/proc/loadavg`: as long as it stays, no process has started.
//!
//! Threads move it as well, an exec does not, and neither does a clone that asks for a pid (`set_tid`, CRIU). So it
//! says when nothing new needs to be looked for, and where; a full sweep now and then stays necessary.
//!
//! Let each window begin where the last but one did. The kernel gives out a pid before the process can be found under
//! it (`copy_process` of `kernel/fork.c`: `alloc_pid`, and only later `attach_pid`), so a look in between passes a
//! newcomer over: 1 to 7 of 800 where looks follow one another without a pause, none where each window reaches 100 ms
//! back (`cargo bench --bench newcomers -- race`).

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, PROC_SUPER_MAGIC, fstatfs, openat};
use rustix::io::{Errno, pread};

use crate::model::Pid;

/// Five numbers of twenty digits and what stands between them; 30 bytes are usual.
const LOADAVG_LEN: usize = 128;

/// A list of 300 processes takes the kernel 340 µs (`cargo bench --bench newcomers`), a pid that is nobody's 2.
const FEW: i32 = 32;

/// Reads the last pid. Keeps the file open: a look is one system call and allocates nothing.
#[derive(Debug)]
pub struct LastPid {
    loadavg: OwnedFd,
}

impl LastPid {
    /// Opens `loadavg` of the tree at `root`; `None` where it would not speak of the processes listed there.
    #[must_use]
    pub fn open(root: &Path) -> Option<Self> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let loadavg = openat(CWD, root.join("loadavg"), flags, Mode::empty()).ok()?;
        // A copied tree stands still, and lxcfs mounts a file of its own here that counts every five seconds.
        if fstatfs(&loadavg).ok()?.f_type != PROC_SUPER_MAGIC {
            return None;
        }
        // The kernel tells the last pid of the reader's pid namespace, whatever namespace the tree shows.
        let status = std::fs::read(root.join("self/status")).ok()?;
        if !is_of_our_namespace(&status) {
            return None;
        }
        let newest = Self { loadavg };
        newest.pid().is_some().then_some(newest)
    }

    /// The pid that was given out last; `None` where the file does not say.
    ///
    /// Read it before the list that it is to go with: what starts in between is then looked at once more.
    #[must_use]
    pub fn pid(&self) -> Option<Pid> {
        let mut text = [0; LOADAVG_LEN];
        let len = loop {
            match pread(&self.loadavg, &mut text, 0) {
                Err(Errno::INTR) => {}
                read => break read.ok()?,
            }
        };
        parse(&text[..len])
    }
}

/// Pids given out between two looks: those after the one, up to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The last pid of the earlier look.
    pub after: Pid,
    /// The last pid of the later look.
    pub to: Pid,
}

impl Window {
    /// Whether a process that started in between would have this pid. Behind the highest pid there is
    /// (`/proc/sys/kernel/pid_max`) the numbering goes on at the start, so `to` may be the smaller one.
    #[must_use]
    pub fn contains(self, pid: Pid) -> bool {
        if self.after <= self.to {
            self.after < pid && pid <= self.to
        } else {
            self.after < pid || pid <= self.to
        }
    }

    /// Its pids, where they are few and in a row: to ask for each costs less than the list of all processes. Some are of
    /// threads, which that list does not have.
    #[must_use]
    pub fn few(self) -> Option<impl Iterator<Item = Pid>> {
        let (after, to) = (self.after.get(), self.to.get());
        (after <= to && to - after <= FEW).then(|| (after + 1..=to).filter_map(Pid::new))
    }

    /// Whether nothing started: no pid is inside.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.after == self.to
    }
}

/// The fifth field of `proc_loadavg(5)`; `None` where the text is not five fields. gVisor says 0, which is no pid.
fn parse(text: &[u8]) -> Option<Pid> {
    let mut fields = text.strip_suffix(b"\n")?.split(|&b| b == b' ');
    for _ in 0..3 {
        fields.next()?;
    }
    if !fields.next()?.contains(&b'/') {
        return None;
    }
    let last = fields.next()?;
    if fields.next().is_some() || !last.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(last).ok()?.parse().ok().and_then(Pid::new)
}

/// Whether the tree that this `status` of our own stands in shows the pid namespace that we are in: `NSpid` then has
/// one pid, else one for each level from that namespace down to ours (`proc_pid_status(5)`).
fn is_of_our_namespace(status: &[u8]) -> bool {
    let mut lines = status.split(|&b| b == b'\n');
    let pids = lines.find_map(|line| line.strip_prefix(b"NSpid:"));
    pids.is_some_and(|pids| pids.split(u8::is_ascii_whitespace).filter(|pid| !pid.is_empty()).count() == 1)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn pid(number: i32) -> Pid {
        Pid::new(number).unwrap()
    }

    fn window(after: i32, to: i32) -> Window {
        Window { after: pid(after), to: pid(to) }
    }

    #[test]
    fn the_fifth_field_is_read() {
        assert_eq!(parse(b"0.08 0.25 1.10 2/85 7013\n"), Some(pid(7013)));
        assert_eq!(parse(b"1000.00 0.25 1.10 20/8500 4194304\n"), Some(pid(4_194_304)));
    }

    #[test]
    fn what_is_odd_is_no_pid() {
        let odd: [&[u8]; 9] = [
            b"",
            b"\n",
            b"0.00 0.00 0.00 0/0 0\n",
            b"0.08 0.25 1.10 2/85 -1\n",
            b"0.08 0.25 1.10 2/85 +1\n",
            b"0.08 0.25 1.10 2/85\n",
            b"0.08 0.25 1.10 2/85 70", // cut off
            b"0.08 0.25 1.10 2/85 7013 1\n",
            b"0.08 0.25 1.10 7013 7013\n",
        ];
        for text in odd {
            assert_eq!(parse(text), None, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn a_new_process_is_inside_the_window() {
        // gVisor and lxcfs have none.
        let Some(newest) = LastPid::open(Path::new("/proc")) else { return };
        let after = newest.pid().unwrap();
        let mut child = Command::new("true").spawn().unwrap();
        let to = newest.pid().unwrap();
        let inside = Window { after, to }.contains(pid(i32::try_from(child.id()).unwrap()));
        child.wait().unwrap();
        assert!(inside, "{} is not after {after} up to {to}", child.id());
    }

    #[test]
    fn a_tree_of_files_has_none() {
        let tree = tempfile::tempdir().unwrap();
        assert!(LastPid::open(tree.path()).is_none(), "no loadavg");
        std::fs::write(tree.path().join("loadavg"), "0.08 0.25 1.10 2/85 7013\n").unwrap();
        assert!(LastPid::open(tree.path()).is_none(), "a copy stands still");
    }

    #[test]
    fn another_namespace_is_told_by_its_levels() {
        assert!(is_of_our_namespace(b"Name:\tx\nNSpid:\t77\nNSpgid:\t77\t1\n"));
        assert!(!is_of_our_namespace(b"Name:\tx\nNSpid:\t77\t1\n"));
        assert!(!is_of_our_namespace(b"Name:\tx\nNSpid:\n"));
        assert!(!is_of_our_namespace(b""));
    }

    #[test]
    fn a_window_wraps_around_the_highest_pid() {
        let contains = |window: Window, pids: &[i32]| pids.iter().all(|&p| window.contains(pid(p)));
        let lacks = |window: Window, pids: &[i32]| pids.iter().all(|&p| !window.contains(pid(p)));
        assert!(contains(window(10, 12), &[11, 12]) && lacks(window(10, 12), &[1, 10, 13, i32::MAX]));
        let wrapped = window(32_760, 305);
        assert!(contains(wrapped, &[32_761, 32_768, 300, 305, 1]) && lacks(wrapped, &[306, 32_760]));
        assert!(lacks(window(7, 7), &[1, 7, i32::MAX]) && window(7, 7).is_empty());
    }

    #[test]
    fn a_few_pids_are_told_one_by_one() {
        let few = |after, to| window(after, to).few().map(|pids| pids.map(Pid::get).collect::<Vec<_>>());
        assert_eq!(few(10, 13), Some(vec![11, 12, 13]));
        assert_eq!(few(10, 10), Some(vec![]));
        assert_eq!(few(10, 10 + FEW).map(|pids| pids.len()), Some(32));
        assert_eq!(few(10, 11 + FEW), None, "too many");
        assert_eq!(few(4_194_303, 301), None, "around the highest");
    }

    proptest::proptest! {
        #[test]
        fn garbage_is_refused_not_fatal(text: Vec<u8>) {
            let _ = parse(&text);
            let _ = is_of_our_namespace(&text);
        }

        #[test]
        fn whatever_is_read_stands_at_the_end(text in "[0-9./ ]{0,24} [0-9]{1,11}\n") {
            if let Some(pid) = parse(text.as_bytes()) {
                let last = text.trim_end().rsplit(' ').next().unwrap();
                proptest::prop_assert_eq!(last.parse::<i32>().unwrap(), pid.get());
            }
        }

        #[test]
        fn two_windows_in_a_row_hold_what_one_over_both_holds(
            span in 2i32..5000, first in 1i32..5000, second in 0i32..5000, third in 0i32..5000, tested in 1i32..5000,
        ) {
            // Counts on from `first` in a numbering of `span` pids, less than once around.
            let on = |by: i32| (first - 1 + by).rem_euclid(span) + 1;
            let (a, b) = (second % span, third % span);
            let (a, b) = (a.min(b), a.max(b));
            let tested = (tested - 1) % span + 1;
            let given = |from: i32, to: i32| (from + 1..=to).any(|by| on(by) == tested);
            proptest::prop_assert_eq!(window(on(0), on(a)).contains(pid(tested)), given(0, a));
            proptest::prop_assert_eq!(window(on(a), on(b)).contains(pid(tested)), given(a, b));
            proptest::prop_assert_eq!(window(on(0), on(b)).contains(pid(tested)), given(0, b));
        }
    }
}
