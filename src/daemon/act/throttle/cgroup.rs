//! Throttles cgroups (`memory.high`), and removes the throttle at once.
//!
//! Setting `memory.high` below the memory use of a cgroup makes the kernel reclaim synchronously, in the writer's context
//! (`memory_high_write` of `mm/memcontrol.c`), so a thread does it. Removing it blocks on nothing and is done in place.

use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::{Errno, pwrite};

use crate::linux::cgroup::Cgroups;
use crate::model::Bytes;

/// Orders that may wait for the thread. The next sample repeats those that do not fit.
const QUEUE_CAPACITY: usize = 256;

/// Each throttled cgroup needs two descriptors, and a service has 1024.
pub(super) const MAX_THROTTLED_CGROUPS: usize = 128;

/// All throttles are removed if the control loop has not completed an iteration for one to two times this long. It does
/// so each second; the unit's watchdog restarts the service after 30 s. Not checked while the kernel reclaims for a write.
const LOOP_TIMEOUT: Duration = Duration::from_secs(5);

/// [`ThrottledCgroup::target`] without a throttle.
const NO_LIMIT: u64 = u64::MAX;

/// The throttles in one cgroup tree.
#[derive(Debug)]
pub struct CgroupThrottles {
    cgroups: Cgroups,
    scopes: Vec<Arc<ThrottledCgroup>>,
    queue: SyncSender<Arc<ThrottledCgroup>>,
    heartbeat: Arc<AtomicBool>,
}

#[derive(Debug)]
struct ThrottledCgroup {
    path: PathBuf,
    target: AtomicU64,
    /// The kernel has removed the cgroup.
    gone: AtomicBool,
    /// `memory.high`, opened twice: a file is locked for the duration of a write (`kernfs_fop_write_iter`).
    remove_fd: OwnedFd,
    set_fd: OwnedFd,
}

impl CgroupThrottles {
    /// Starts the thread that sets throttles in the tree at `cgroup`; it exits when the value is dropped. `None` without cgroup v2.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(cgroup: &Path) -> io::Result<Option<Self>> {
        let Some(cgroups) = Cgroups::open(cgroup) else { return Ok(None) };
        let (queue, queued) = sync_channel(QUEUE_CAPACITY);
        let heartbeat = Arc::new(AtomicBool::new(true));
        let seen = Arc::clone(&heartbeat);
        thread::Builder::new()
            .name("throttle".to_owned())
            .spawn(move || run(&queued, &seen, LOOP_TIMEOUT))?;
        Ok(Some(Self { cgroups, scopes: Vec::new(), queue, heartbeat }))
    }

    /// Throttles the cgroup at `path` at `at`, asynchronously. Returns whether the order was accepted: not if the cgroup is
    /// gone or not writable, or too many orders wait.
    pub fn set(&mut self, path: &Path, at: Bytes) -> bool {
        let Some(scope) = self.scope(path) else { return false };
        scope.target.store(at.get(), Ordering::SeqCst);
        let is_queued = self.queue.try_send(Arc::clone(&scope)).is_ok();
        if !is_queued {
            scope.remove();
        }
        is_queued
    }

    fn scope(&mut self, path: &Path) -> Option<Arc<ThrottledCgroup>> {
        self.scopes.retain(|scope| !scope.gone.load(Ordering::Relaxed));
        if let Some(scope) = self.scopes.iter().find(|scope| scope.path == path) {
            return Some(Arc::clone(scope));
        }
        if self.scopes.len() >= MAX_THROTTLED_CGROUPS {
            return None;
        }
        let file = self.cgroups.folder(path)?.join("memory.high");
        let open = || openat(CWD, &file, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty()).ok();
        let scope = Arc::new(ThrottledCgroup {
            path: path.to_owned(),
            target: AtomicU64::new(NO_LIMIT),
            gone: AtomicBool::new(false),
            remove_fd: open()?,
            set_fd: open()?,
        });
        self.scopes.push(Arc::clone(&scope));
        Some(scope)
    }

    /// Paths of the cgroups that were throttled and [retained](Self::retain).
    #[must_use]
    pub fn scopes(&self) -> Vec<&Path> {
        self.scopes.iter().map(|scope| scope.path.as_path()).collect()
    }

    /// Reports that the control loop completes iterations. Without this for 5 to 10 s, all throttles are removed.
    pub fn heartbeat(&self) {
        self.heartbeat.store(true, Ordering::Relaxed);
    }

    /// Removes the throttle of the cgroup at `path`, now. Allocates nothing and does not block.
    pub fn remove(&self, path: &Path) {
        self.scopes.iter().filter(|scope| scope.path == path).for_each(|scope| scope.remove());
    }

    /// Removes all throttles, now. Allocates nothing and does not block.
    pub fn remove_all(&self) {
        self.scopes.iter().for_each(|scope| scope.remove());
    }

    /// Removes and forgets all throttles but those of `paths`.
    pub fn retain(&mut self, paths: &[&Path]) {
        self.scopes.retain(|scope| {
            let stays = paths.contains(&scope.path.as_path());
            if !stays {
                scope.remove();
            }
            stays
        });
    }
}

impl Drop for CgroupThrottles {
    fn drop(&mut self) {
        self.remove_all();
    }
}

impl ThrottledCgroup {
    fn remove(&self) {
        self.target.store(NO_LIMIT, Ordering::SeqCst);
        self.write(&self.remove_fd, NO_LIMIT);
    }

    fn is_set(&self) -> bool {
        self.target.load(Ordering::Relaxed) != NO_LIMIT && !self.gone.load(Ordering::Relaxed)
    }

    /// Writes the target, and again if it has changed during the write: the last value wins.
    fn set(&self) {
        loop {
            let target = self.target.load(Ordering::SeqCst);
            self.write(&self.set_fd, target);
            if self.target.load(Ordering::SeqCst) == target {
                return;
            }
        }
    }

    fn write(&self, file: &OwnedFd, target: u64) {
        let mut buffer = [0; 20];
        if pwrite(file, text(target, &mut buffer), 0) == Err(Errno::NODEV) {
            self.gone.store(true, Ordering::Relaxed);
        }
    }
}

fn run(queued: &Receiver<Arc<ThrottledCgroup>>, heartbeat: &AtomicBool, timeout: Duration) {
    let mut throttled: Vec<Arc<ThrottledCgroup>> = Vec::new();
    loop {
        throttled.retain(|scope| scope.is_set());
        // Without throttled cgroups there is nothing to wake up for.
        let next = if throttled.is_empty() {
            queued.recv().map_err(RecvTimeoutError::from)
        } else {
            queued.recv_timeout(timeout)
        };
        match next {
            Ok(scope) => {
                scope.set();
                if !throttled.iter().any(|known| Arc::ptr_eq(known, &scope)) {
                    throttled.push(scope);
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                if !heartbeat.swap(false, Ordering::Relaxed) {
                    for scope in &throttled {
                        scope.remove();
                    }
                }
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// The text for `memory.high`, without allocating.
fn text(target: u64, buffer: &mut [u8; 20]) -> &[u8] {
    if target == NO_LIMIT {
        return b"max";
    }
    let mut rest = buffer.as_mut_slice();
    // The largest number has 20 digits.
    let _ = write!(rest, "{target}");
    let left = rest.len();
    &buffer[..20 - left]
}

/// Removes the throttle of the cgroup at `path`, whichever process set it. Returns whether there was one.
///
/// # Errors
/// `memory.high` cannot be read or written.
pub(super) fn remove_leftover(cgroups: &Cgroups, path: &Path) -> io::Result<bool> {
    let Some(file) = cgroups.folder(path).map(|folder| folder.join("memory.high")) else { return Ok(false) };
    let gone = |error: &io::Error| {
        matches!(Errno::from_io_error(error), Some(Errno::NOENT | Errno::NODEV | Errno::NOTDIR))
    };
    match std::fs::read_to_string(&file) {
        Ok(text) if text.trim() == "max" => Ok(false),
        Ok(_) => std::fs::write(&file, "max").map(|()| true),
        Err(error) if gone(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Instant;

    use super::*;

    const SCOPE: &str = "/agents.slice/agent-a-7.scope";

    fn tree() -> (tempfile::TempDir, PathBuf, CgroupThrottles) {
        let root = tempfile::tempdir().unwrap();
        let scope = root.path().join(&SCOPE[1..]);
        fs::create_dir_all(&scope).unwrap();
        fs::write(root.path().join("cgroup.controllers"), "memory\n").unwrap();
        let file = scope.join("memory.high");
        fs::write(&file, "max").unwrap();
        let throttles = CgroupThrottles::start(root.path()).unwrap().unwrap();
        (root, file, throttles)
    }

    /// Whether the file starts with `text` within 20 s. A shorter text leaves the rest of a longer one behind in a regular file.
    fn starts(file: &Path, text: &str) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(20) {
            if fs::read_to_string(file).unwrap().starts_with(text) {
                return true;
            }
            thread::sleep(Duration::from_millis(1));
        }
        false
    }

    #[test]
    fn a_throttle_is_set_and_removed() {
        let (_root, file, mut throttles) = tree();
        assert!(throttles.set(Path::new(SCOPE), Bytes::new(4_096_000)));
        assert!(starts(&file, "4096000"));
        throttles.remove(Path::new("/agents.slice/agent-b-8.scope"));
        assert!(starts(&file, "4096000"), "another cgroup");
        throttles.remove(Path::new(SCOPE));
        assert!(starts(&file, "max"));
        assert!(throttles.set(Path::new(SCOPE), Bytes::new(4096)));
        assert!(starts(&file, "4096"));
        throttles.retain(&[Path::new(SCOPE)]);
        assert!(starts(&file, "4096"));
        throttles.retain(&[]);
        assert!(starts(&file, "max") && throttles.scopes.is_empty());
        assert!(throttles.set(Path::new(SCOPE), Bytes::new(4096)));
        assert!(starts(&file, "4096"));
        drop(throttles);
        assert!(starts(&file, "max"), "dropping removes all");
    }

    /// A late write does not undo a removal.
    #[test]
    fn the_last_order_wins() {
        let (_root, file, mut throttles) = tree();
        let scope = throttles.scope(Path::new(SCOPE)).unwrap();
        scope.target.store(4096, Ordering::SeqCst);
        throttles.remove_all();
        scope.set();
        assert!(fs::read_to_string(&file).unwrap().starts_with("max"));
    }

    #[test]
    fn missing_and_foreign_paths_are_refused() {
        let (_root, _file, mut throttles) = tree();
        for path in ["/agents.slice/agent-b-8.scope", "/", "/../x", "agents.slice/agent-a-7.scope"] {
            assert!(!throttles.set(Path::new(path), Bytes::new(4096)), "{path}");
        }
        assert!(throttles.scopes.is_empty());
        assert!(CgroupThrottles::start(Path::new("/nowhere")).unwrap().is_none());
    }

    #[test]
    fn a_stuck_loop_loses_its_throttles() {
        const LOOP_TIMEOUT: Duration = Duration::from_millis(200);
        let (_root, file, mut throttles) = tree();
        let scope = throttles.scope(Path::new(SCOPE)).unwrap();
        let (queue, queued) = sync_channel(1);
        let heartbeat = Arc::clone(&throttles.heartbeat);
        thread::spawn(move || run(&queued, &heartbeat, LOOP_TIMEOUT));
        scope.target.store(4_096_000, Ordering::SeqCst);
        let (begun, mut last, mut longest) = (Instant::now(), Instant::now(), Duration::ZERO);
        queue.send(scope).unwrap();
        while begun.elapsed() < 4 * LOOP_TIMEOUT {
            throttles.heartbeat();
            longest = longest.max(last.elapsed());
            last = Instant::now();
            thread::sleep(Duration::from_millis(1));
        }
        let is_still_set = fs::read_to_string(&file).unwrap().starts_with("4096000");
        // Unless this machine did not schedule this thread in time.
        assert!(is_still_set || longest.max(last.elapsed()) >= LOOP_TIMEOUT);
        assert!(starts(&file, "max"));
    }

    #[test]
    fn leftovers_are_removed() {
        let (root, file, _throttles) = tree();
        let cgroups = Cgroups::open(root.path()).unwrap();
        assert!(!remove_leftover(&cgroups, Path::new(SCOPE)).unwrap());
        fs::write(&file, "4096\n").unwrap();
        assert!(remove_leftover(&cgroups, Path::new(SCOPE)).unwrap());
        assert_eq!(fs::read_to_string(&file).unwrap(), "max");
        assert!(!remove_leftover(&cgroups, Path::new("/gone.scope")).unwrap());
    }

    #[test]
    fn numbers_are_written_whole() {
        let mut buffer = [0; 20];
        for number in [0, 7, 4096, u64::MAX - 1] {
            assert_eq!(text(number, &mut buffer), number.to_string().as_bytes());
        }
        assert_eq!(text(NO_LIMIT, &mut buffer), b"max");
    }
}
