//! Reclaims the memory of killed processes before they have exited (`process_mrelease(2)`, Linux 5.15). A process that was
//! sent `KILL` frees its pages only when it is scheduled, and under pressure that may take long.
//!
//! The call walks the process's memory in the caller's time, so a thread makes it.

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};
use std::{io, thread};

use rustix::fd::AsFd;
use rustix::io::Errno;

use super::pidfd::{open_proc, open_process};
use crate::linux::procfs::read_file;
use crate::model::{Bytes, Pid, ProcessKey};

/// Capacity of the queue, 24 KiB. Further processes of a batch exit by themselves.
const QUEUE_CAPACITY: usize = 1024;

/// The kernel says EINVAL until its KILL has reached all threads of a process, and EAGAIN while one of them holds the
/// lock of its memory. Retried for 100 ms in all.
const MAX_ATTEMPTS: u32 = 20;
const RETRY_INTERVAL: Duration = Duration::from_millis(5);

/// A smaller process exits before the call: a second for 8 GiB is 2 ms for this.
const MIN_RESIDENT: Bytes = Bytes::mib(16);

/// Reclaims memory on a thread of its own.
#[derive(Debug)]
pub struct Releaser {
    queue: SyncSender<ProcessKey>,
    tally: Arc<Tally>,
}

/// Results since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Released {
    /// Processes whose memory was reclaimed.
    pub processes: u64,
    /// Processes that had exited by themselves, or were small.
    pub not_needed: u64,
    /// Processes for which the kernel refused until the last attempt, or always refuses.
    pub given_up: u64,
    /// Processes that did not fit in the queue.
    pub dropped: u64,
    /// Duration of the last successful call.
    pub last: Duration,
}

#[derive(Debug, Default)]
struct Tally {
    processes: AtomicU64,
    not_needed: AtomicU64,
    given_up: AtomicU64,
    dropped: AtomicU64,
    last_micros: AtomicU64,
}

/// The result for one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReleaseOutcome {
    Released,
    NotNeeded,
    GivenUp,
}

impl Releaser {
    /// Starts the thread. It ends with this.
    ///
    /// # Errors
    /// Where there is no `/proc`, or the thread cannot be started.
    pub fn start() -> io::Result<Self> {
        let proc = open_proc()?;
        let (queue, requests) = sync_channel(QUEUE_CAPACITY);
        let tally = Arc::new(Tally::default());
        let counters = Arc::clone(&tally);
        thread::Builder::new()
            .name("releaser".to_owned())
            .spawn(move || release_all(&proc, &requests, &counters))?;
        Ok(Self { queue, tally })
    }

    /// Requests the memory of a process that was sent `KILL`; other processes keep theirs. Neither allocates nor blocks.
    pub fn release(&self, key: ProcessKey) {
        if self.queue.try_send(key).is_err() {
            self.tally.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Results so far.
    #[must_use]
    pub fn released(&self) -> Released {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Released {
            processes: count(&self.tally.processes),
            not_needed: count(&self.tally.not_needed),
            given_up: count(&self.tally.given_up),
            dropped: count(&self.tally.dropped),
            last: Duration::from_micros(count(&self.tally.last_micros)),
        }
    }
}

fn release_all(proc: &OwnedFd, requests: &Receiver<ProcessKey>, tally: &Tally) {
    for key in requests {
        let begun = Instant::now();
        let counter = match release(proc, key) {
            ReleaseOutcome::Released => {
                let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
                tally.last_micros.store(micros, Ordering::Relaxed);
                &tally.processes
            }
            ReleaseOutcome::NotNeeded => &tally.not_needed,
            ReleaseOutcome::GivenUp => &tally.given_up,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

fn release(proc: &OwnedFd, key: ProcessKey) -> ReleaseOutcome {
    let pidfd = match open_process(proc, key) {
        Ok(Some((pidfd, _))) => pidfd,
        Ok(None) | Err(Errno::SRCH | Errno::NOENT) => return ReleaseOutcome::NotNeeded,
        Err(_) => return ReleaseOutcome::GivenUp,
    };
    // A main thread that has exited before the others shows no memory at all.
    if resident(proc, key.pid).is_none_or(|resident| resident > Bytes::ZERO && resident < MIN_RESIDENT) {
        return ReleaseOutcome::NotNeeded;
    }
    retry(|| process_mrelease(pidfd.as_fd()), || thread::sleep(RETRY_INTERVAL))
}

/// Repeats the call until it succeeds or turns out to be needless.
fn retry(mut ask: impl FnMut() -> Result<(), Errno>, mut wait: impl FnMut()) -> ReleaseOutcome {
    for attempt in 0..MAX_ATTEMPTS {
        if attempt > 0 {
            wait();
        }
        match ask() {
            Ok(()) => return ReleaseOutcome::Released,
            Err(Errno::SRCH) => return ReleaseOutcome::NotNeeded,
            Err(Errno::INVAL | Errno::AGAIN | Errno::INTR) => {}
            // ENOSYS before 5.15, EPERM from a filter of system calls.
            Err(_) => return ReleaseOutcome::GivenUp,
        }
    }
    ReleaseOutcome::GivenUp
}

/// Resident memory of a process (the second number of `statm`); `None` if it has exited.
fn resident(proc: &OwnedFd, pid: Pid) -> Option<Bytes> {
    let mut text = [0; 128];
    let len = read_file(proc, pid, "statm", &mut text).ok()?;
    let pages: u64 = std::str::from_utf8(&text[..len]).ok()?.split(' ').nth(1)?.parse().ok()?;
    Some(Bytes::new(pages.saturating_mul(rustix::param::page_size() as u64)))
}

/// `process_mrelease(2)`; rustix has none.
#[allow(unsafe_code, reason = "a system call that no library wraps")]
fn process_mrelease(pidfd: BorrowedFd<'_>) -> Result<(), Errno> {
    const NO_FLAGS: libc::c_long = 0;
    // SAFETY: its arguments are a descriptor, that is open as long as it is borrowed, and flags. It reads and writes no
    // memory of this process: the kernel refuses (EINVAL) a process that is not being killed.
    let result =
        unsafe { libc::syscall(libc::SYS_process_mrelease, libc::c_long::from(pidfd.as_raw_fd()), NO_FLAGS) };
    if result == 0 {
        return Ok(());
    }
    Err(Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::NOSYS))
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::path::Path;
    use std::process::{Child, Command, Stdio};

    use super::*;
    use crate::linux::process::pidfd::{Sent, Signaller};
    use crate::linux::procfs::Proc;

    const SIZE: u64 = 64 << 20;

    /// A process that holds 64 MiB.
    fn holder() -> (Child, ProcessKey) {
        // The shell stores the output of `head` in a variable.
        let script = format!("x=$(head -c {SIZE} /dev/zero | tr '\\0' x); echo ready; read y");
        let mut child = Command::new("sh")
            .args(["-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = [0; 5];
        child.stdout.as_mut().unwrap().read_exact(&mut ready).unwrap();
        let pid = Pid::new(i32::try_from(child.id()).unwrap()).unwrap();
        let key = Proc::open(Path::new("/proc")).unwrap().stat(pid).unwrap().unwrap().key;
        (child, key)
    }

    #[test]
    fn a_process_that_was_not_killed_keeps_its_memory() {
        let (mut child, key) = holder();
        let proc = open_proc().unwrap();
        assert!(resident(&proc, key.pid).unwrap() > Bytes::new(SIZE));
        assert_eq!(release(&proc, key), ReleaseOutcome::GivenUp);
        assert!(resident(&proc, key.pid).unwrap() > Bytes::new(SIZE));
        assert!(child.try_wait().unwrap().is_none(), "it is still running");
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(release(&proc, key), ReleaseOutcome::NotNeeded, "it is gone");
    }

    #[test]
    fn a_killed_process_is_released_or_has_exited() {
        let (mut child, key) = holder();
        let releaser = Releaser::start().unwrap();
        assert_eq!(Signaller::open().unwrap().send(key, rustix::process::Signal::KILL), Sent::Delivered);
        releaser.release(key);
        releaser.release(ProcessKey { start_ticks: key.start_ticks.wrapping_sub(1), ..key });
        let done = (0..400).any(|_| {
            thread::sleep(Duration::from_millis(5));
            let Released { processes, not_needed, given_up, .. } = releaser.released();
            processes + not_needed + given_up == 2
        });
        assert!(done, "{:?}", releaser.released());
        assert!(releaser.released().not_needed >= 1, "a reused pid is not released");
        assert!(!child.wait().unwrap().success());
    }

    #[test]
    fn requests_beyond_the_queue_capacity_are_dropped_and_counted() {
        let (queue, _asked) = sync_channel(1);
        let releaser = Releaser { queue, tally: Arc::default() };
        let key = ProcessKey { pid: Pid::new(i32::MAX).unwrap(), start_ticks: 1 };
        releaser.release(key);
        releaser.release(key);
        assert_eq!(releaser.released(), Released { dropped: 1, ..Released::default() });
    }

    #[test]
    fn the_call_is_repeated_until_it_is_final() {
        let asked = |answers: &[Result<(), Errno>]| {
            let (mut next, mut waits) = (answers.iter().copied(), 0);
            let outcome = retry(|| next.next().unwrap(), || waits += 1);
            (outcome, waits)
        };
        let later = [Err(Errno::INVAL), Err(Errno::AGAIN), Err(Errno::INTR), Ok(())];
        assert_eq!(asked(&later), (ReleaseOutcome::Released, 3));
        assert_eq!(asked(&[Err(Errno::INVAL), Err(Errno::SRCH)]), (ReleaseOutcome::NotNeeded, 1));
        assert_eq!(asked(&[Err(Errno::NOSYS)]), (ReleaseOutcome::GivenUp, 0));
        assert_eq!(asked(&[Err(Errno::INVAL); 20]), (ReleaseOutcome::GivenUp, 19));
    }
}
