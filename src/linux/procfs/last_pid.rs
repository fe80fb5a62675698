//! The pid that was given out last, from `/proc/loadavg`: as long as it stays, no process has started.
//!
//! Threads move it as well. An exec does not, nor does a clone that asks for a pid (`set_tid`, CRIU). So it says when to
//! scan for new processes, and where; a full scan now and then stays necessary.
//!
//! Let each window begin at the start of the one before. The kernel gives out a pid before the process can be found under
//! it (`copy_process` of `kernel/fork.c`: `alloc_pid`, and only later `attach_pid`), so a scan in between misses the new
//! process: 1 to 7 of 800 if scans follow one another without a pause, none if each window reaches 100 ms back
//! (`cargo bench --bench newcomers -- race`).

use std::path::Path;

use super::file::ProcFile;
use super::status::ProcessStatus;
use crate::model::Pid;

/// Five numbers of twenty digits, with separators; 30 bytes are usual.
const LOADAVG_LEN: usize = 128;

/// Upper bound for pids that are probed one by one. Listing 300 processes takes the kernel 340 µs (`cargo bench --bench
/// newcomers`), probing a pid without a process 2 µs.
const MAX_PIDS_TO_PROBE: i32 = 32;

/// Reads the last pid. Keeps the file open: a read is one system call and allocates nothing.
#[derive(Debug)]
pub struct LastPid {
    loadavg: ProcFile,
}

impl LastPid {
    /// Opens `loadavg` of the tree at `root`; `None` if it does not concern the processes listed there.
    #[must_use]
    pub fn open(root: &Path) -> Option<Self> {
        let loadavg = ProcFile::new(root.join("loadavg"));
        // A copied tree does not change, and lxcfs mounts a file of its own here that counts every five seconds.
        if !loadavg.is_of_the_kernel() {
            return None;
        }
        // The kernel gives the last pid of the reader's pid namespace, whatever namespace the tree shows.
        let status = std::fs::read(root.join("self/status")).ok()?;
        if !is_of_our_namespace(&status) {
            return None;
        }
        let last_pid = Self { loadavg };
        last_pid.pid().is_some().then_some(last_pid)
    }

    /// The pid that was given out last; `None` if the file does not say.
    ///
    /// Read it before the list of processes that it belongs to: a process that starts in between is then scanned twice.
    #[must_use]
    pub fn pid(&self) -> Option<Pid> {
        let mut text = [0; LOADAVG_LEN];
        let len = self.loadavg.read(&mut text, |read| read.ends_with(b"\n")).ok()?;
        parse(&text[..len])
    }
}

/// Pids given out between two scans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The last pid at the earlier scan; not part of the window.
    pub after: Pid,
    /// The last pid at the later scan.
    pub to: Pid,
}

impl Window {
    /// Whether a process that started in between may have this pid. Behind the highest pid (`/proc/sys/kernel/pid_max`)
    /// the numbering starts again, so `to` may be the smaller one.
    #[must_use]
    pub fn contains(self, pid: Pid) -> bool {
        if self.after <= self.to {
            self.after < pid && pid <= self.to
        } else {
            self.after < pid || pid <= self.to
        }
    }

    /// Its pids, if they are few and consecutive: probing each costs less than listing all processes. Some belong to
    /// threads, which that list does not have.
    #[must_use]
    pub fn pids_to_probe(self) -> Option<impl Iterator<Item = Pid>> {
        let (after, to) = (self.after.get(), self.to.get());
        (after <= to && to - after <= MAX_PIDS_TO_PROBE).then(|| (after + 1..=to).filter_map(Pid::new))
    }

    /// Whether nothing started: no pid is inside.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.after == self.to
    }
}

/// The fifth field of `proc_loadavg(5)`; `None` if the text does not have five fields. gVisor says 0, which is no pid.
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

/// Whether the tree shows the pid namespace of the calling process. In its `status`, `NSpid` then has one pid, else
/// one for each level from that namespace down to ours (`proc_pid_status(5)`).
fn is_of_our_namespace(status: &[u8]) -> bool {
    ProcessStatus::parse(status).is_some_and(|status| status.pid_depth == 1)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::linux::skip;

    fn pid(number: i32) -> Pid {
        Pid::new(number).unwrap()
    }

    fn window(after: i32, to: i32) -> Window {
        Window { after: pid(after), to: pid(to) }
    }

    #[test]
    fn parses_the_fifth_field() {
        assert_eq!(parse(b"0.08 0.25 1.10 2/85 7013\n"), Some(pid(7013)));
        assert_eq!(parse(b"1000.00 0.25 1.10 20/8500 4194304\n"), Some(pid(4_194_304)));
    }

    #[test]
    fn malformed_text_has_no_pid() {
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
        let Some(last_pid) = LastPid::open(Path::new("/proc")) else {
            return skip("no last pid here (gVisor and lxcfs have none)");
        };
        let after = last_pid.pid().unwrap();
        let mut child = Command::new("true").spawn().unwrap();
        let to = last_pid.pid().unwrap();
        let inside = Window { after, to }.contains(pid(i32::try_from(child.id()).unwrap()));
        child.wait().unwrap();
        assert!(inside, "{} is not after {after} up to {to}", child.id());
    }

    #[test]
    fn a_copied_tree_has_no_last_pid() {
        let tree = tempfile::tempdir().unwrap();
        assert!(LastPid::open(tree.path()).is_none(), "no loadavg");
        std::fs::write(tree.path().join("loadavg"), "0.08 0.25 1.10 2/85 7013\n").unwrap();
        assert!(LastPid::open(tree.path()).is_none(), "a copy does not change");
    }

    #[test]
    fn another_pid_namespace_is_detected_by_its_depth() {
        let is_ours = |ids: &str| is_of_our_namespace(format!("Uid:\t0\t0\t0\t0\n{ids}").as_bytes());
        assert!(is_ours("NSpid:\t77\nNSpgid:\t77\t1\n"));
        assert!(!is_ours("NSpid:\t77\t1\n"));
        assert!(!is_ours("NSpid:\n"));
        assert!(!is_ours(""));
    }

    #[test]
    fn a_window_wraps_around_the_highest_pid() {
        let contains = |window: Window, pids: &[i32]| pids.iter().all(|&p| window.contains(pid(p)));
        let excludes = |window: Window, pids: &[i32]| pids.iter().all(|&p| !window.contains(pid(p)));
        assert!(contains(window(10, 12), &[11, 12]) && excludes(window(10, 12), &[1, 10, 13, i32::MAX]));
        let wrapped = window(32_760, 305);
        assert!(contains(wrapped, &[32_761, 32_768, 300, 305, 1]) && excludes(wrapped, &[306, 32_760]));
        assert!(excludes(window(7, 7), &[1, 7, i32::MAX]) && window(7, 7).is_empty());
    }

    #[test]
    fn a_short_window_lists_its_pids() {
        let few =
            |after, to| window(after, to).pids_to_probe().map(|pids| pids.map(Pid::get).collect::<Vec<_>>());
        assert_eq!(few(10, 13), Some(vec![11, 12, 13]));
        assert_eq!(few(10, 10), Some(vec![]));
        assert_eq!(few(10, 10 + MAX_PIDS_TO_PROBE).map(|pids| pids.len()), Some(32));
        assert_eq!(few(10, 11 + MAX_PIDS_TO_PROBE), None, "too many");
        assert_eq!(few(4_194_303, 301), None, "around the highest");
    }

    proptest::proptest! {
        #[test]
        fn does_not_panic_on_garbage(text: Vec<u8>) {
            let _ = parse(&text);
            let _ = is_of_our_namespace(&text);
        }

        #[test]
        fn the_parsed_pid_is_the_last_field(text in "[0-9./ ]{0,24} [0-9]{1,11}\n") {
            if let Some(pid) = parse(text.as_bytes()) {
                let last = text.trim_end().rsplit(' ').next().unwrap();
                proptest::prop_assert_eq!(last.parse::<i32>().unwrap(), pid.get());
            }
        }

        #[test]
        fn two_consecutive_windows_equal_one_over_both(
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
