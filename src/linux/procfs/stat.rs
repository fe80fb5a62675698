//! `/proc/PID/stat`, parsed from bytes without allocating.
//!
//! The kill path checks a start time with it, so it must not allocate. A command name is any bytes that the process chose
//! (`foo) Z 1`, newlines, no UTF-8), so it cannot be a `&str`.

use crate::model::{Pid, ProcessKey};

/// Kernel limit of a command name, its NUL included (`TASK_COMM_LEN`). Kernel threads may show more.
const COMM_LEN: usize = 16;

/// `PF_KTHREAD` of `include/linux/sched.h`.
const PF_KTHREAD: u32 = 0x0020_0000;

/// The fields of `proc_pid_stat(5)` that we use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Fields 1 and 22.
    pub key: ProcessKey,
    /// Field 2, as bytes.
    pub comm: Comm,
    /// Field 3.
    pub state: u8,
    /// Field 4; `None` for the topmost processes.
    pub parent: Option<Pid>,
    /// Field 6: its session, named by the pid of the session leader.
    pub session: i32,
    /// Field 9.
    pub flags: u32,
    /// Field 20: a zombie that still counts threads is a main thread that exited before the others.
    pub threads: u32,
    /// Fields 10, 12, 23 and 24.
    pub counters: MemoryCounters,
    /// Field 28: the start of the stack, used as an identifier of an exec: the kernel randomizes it at each exec and a fork
    /// keeps it. The start of the code (field 26) would not do: it is the same for every run of a program that is not
    /// position-independent, as node and claude are. 0 without the permission to see it.
    pub start_stack: u64,
}

/// Counters that change when a process allocates or frees memory: each new page shows as a fault or in `rss`, and each page
/// swapped out in `rss`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct MemoryCounters {
    faults: [u64; 2],
    vsize: u64,
    rss: u64,
}

/// A command name, without an allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Comm {
    bytes: [u8; COMM_LEN],
    len: u8,
}

impl Comm {
    fn new(name: &[u8]) -> Self {
        let mut bytes = [0; COMM_LEN];
        let len = name.len().min(COMM_LEN);
        bytes[..len].copy_from_slice(&name[..len]);
        // At most 16.
        #[allow(clippy::cast_possible_truncation)]
        Self { bytes, len: len as u8 }
    }

    /// The name as the process set it.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl Stat {
    /// Parses the text of a `stat` file; `None` if it is not one.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        // The name may itself hold `) `: the last parenthesis closes it.
        let open = text.iter().position(|&b| b == b'(')?;
        let close = text.iter().rposition(|&b| b == b')')?;
        let pid = number(text.get(..open)?.trim_ascii())?;
        let comm = Comm::new(text.get(open + 1..close)?);
        let mut fields = text.get(close + 1..)?.split(u8::is_ascii_whitespace).filter(|f| !f.is_empty());
        let state = *fields.next()?.first()?;
        let parent = Pid::new(number(fields.next()?)?);
        let mut field = |skip| fields.nth(skip);
        let session = number(field(1)?)?; // 6, after 5
        let flags = number(field(2)?)?; // 9, after 7 and 8
        let faults = [number(field(0)?)?, number(field(1)?)?]; // 10, and 12 after 11
        let threads = number(field(7)?)?; // 20, after 13 to 19
        let start_ticks = number(field(1)?)?; // 22, after 21
        let vsize = field(0).and_then(number).unwrap_or(0); // 23
        let rss = field(0).and_then(number).unwrap_or(0); // 24
        let start_stack = field(3).and_then(number).unwrap_or(0); // 28, after 25 to 27
        Some(Self {
            key: ProcessKey { pid: Pid::new(pid)?, start_ticks },
            comm,
            state,
            parent,
            session,
            flags,
            threads,
            counters: MemoryCounters { faults, vsize, rss },
            start_stack,
        })
    }

    /// Whether all its threads have exited: it waits to be reaped and has given its memory back.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        matches!(self.state, b'X' | b'x') || (self.state == b'Z' && self.threads <= 1)
    }

    /// Whether it has given its memory back on its way to exit (`exit_mm`). It stays in `cgroup.procs` for up to a second then.
    #[must_use]
    pub fn is_exiting(&self) -> bool {
        self.counters.vsize == 0 && !self.is_kernel_thread()
    }

    /// Whether it is stopped, by a signal or by its tracer.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        matches!(self.state, b'T' | b't')
    }

    /// Whether it is a kernel thread.
    #[must_use]
    pub fn is_kernel_thread(&self) -> bool {
        self.flags & PF_KTHREAD != 0
    }
}

fn number<T: std::str::FromStr>(digits: &[u8]) -> Option<T> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(comm: &str) -> Vec<u8> {
        format!(
            "1234 ({comm}) S 77 1234 1234 0 -1 4194304 100 0 0 0 5 6 0 0 20 0 9 0 4242 75000000000 5000 \
             18446744073709551615 94000000 95000000 140000000 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0\n"
        )
        .into_bytes()
    }

    #[test]
    fn the_fields_are_where_the_manual_says() {
        let stat = Stat::parse(&line("claude")).unwrap();
        assert_eq!(stat.key, ProcessKey { pid: Pid::new(1234).unwrap(), start_ticks: 4242 });
        assert_eq!(stat.comm.as_bytes(), b"claude");
        assert_eq!((stat.state, stat.parent, stat.threads), (b'S', Pid::new(77), 9));
        assert_eq!((stat.session, stat.flags, stat.start_stack), (1234, 4_194_304, 140_000_000));
        assert_eq!(stat.counters, MemoryCounters { faults: [100, 0], vsize: 75_000_000_000, rss: 5000 });
    }

    #[test]
    fn a_name_cannot_forge_fields() {
        for comm in ["foo) Z 1", "a b", "(", ")", ") R 1 1 1 1", "new\nline"] {
            let stat = Stat::parse(&line(comm)).unwrap();
            assert_eq!((stat.state, stat.parent, stat.key.start_ticks), (b'S', Pid::new(77), 4242), "{comm}");
            assert_eq!(stat.comm.as_bytes(), &comm.as_bytes()[..comm.len().min(16)]);
        }
        let mut bytes = line("x");
        let at = bytes.iter().position(|&b| b == b'x').unwrap();
        bytes[at] = 0xff;
        assert_eq!(Stat::parse(&bytes).unwrap().comm.as_bytes(), [0xff]);
    }

    #[test]
    fn an_exited_main_thread_is_no_dead_process() {
        let mut stat = Stat::parse(&line("x")).unwrap();
        stat.state = b'Z';
        assert!(!stat.is_dead());
        stat.threads = 1;
        assert!(stat.is_dead());
    }

    proptest::proptest! {
        #[test]
        fn does_not_panic_on_garbage(text: Vec<u8>) {
            let _ = Stat::parse(&text);
        }

        #[test]
        fn any_name_leaves_the_fields_alone(comm in proptest::collection::vec(1u8.., 0..16)) {
            let mut text = b"9 (".to_vec();
            text.extend(&comm);
            text.extend(b") R 8 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 77 0 0 0 5 6\n");
            let stat = Stat::parse(&text).unwrap();
            proptest::prop_assert_eq!(stat.comm.as_bytes(), &comm[..]);
            proptest::prop_assert_eq!((stat.state, stat.key.start_ticks), (b'R', 77));
        }
    }
}
