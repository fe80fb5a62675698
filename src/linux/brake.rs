//! Holds cgroups back (`memory.high`), and lets them go at once.
//!
//! Setting a brake below what a cgroup holds makes the kernel take that back in the time of who sets it
//! (`memory_high_write` of `mm/memcontrol.c`), so a thread does it. Lifting one waits for nothing and is done on the spot.

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

use super::cgroup::Cgroups;
use crate::model::Bytes;

/// Orders that wait; what does not fit is given again with the next look.
const WAITING: usize = 256;

/// More scopes are not held: each has two descriptors, and a service has 1024.
pub const MOST: usize = 128;

/// A loop that has not come round for so long, or twice as long, holds nobody; the unit's watchdog ends it after 30 s. It
/// comes each second. While the kernel takes memory back for a brake that is set, this is not looked at.
const DEAD: Duration = Duration::from_secs(5);

/// In [`Scope::wanted`]: no brake.
const LIFTED: u64 = u64::MAX;

/// The brakes of a tree of cgroups.
#[derive(Debug)]
pub struct Brakes {
    cgroups: Cgroups,
    scopes: Vec<Arc<Scope>>,
    queue: SyncSender<Arc<Scope>>,
    watched: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Scope {
    path: PathBuf,
    wanted: AtomicU64,
    /// The kernel has removed it.
    gone: AtomicBool,
    /// Its `memory.high`. A file is locked for the length of a write (`kernfs_fop_write_iter`), so there are two of it.
    lifting: OwnedFd,
    setting: OwnedFd,
}

impl Brakes {
    /// Starts the thread that sets them in the tree at `cgroup`; it ends with this. `None` without cgroup v2.
    ///
    /// # Errors
    /// Where the thread cannot be started.
    pub fn start(cgroup: &Path) -> io::Result<Option<Self>> {
        let Some(cgroups) = Cgroups::open(cgroup) else { return Ok(None) };
        let (queue, asked) = sync_channel(WAITING);
        let watched = Arc::new(AtomicBool::new(true));
        let seen = Arc::clone(&watched);
        thread::Builder::new().name("brake".to_owned()).spawn(move || set_all(&asked, &seen, DEAD))?;
        Ok(Some(Self { cgroups, scopes: Vec::new(), queue, watched }))
    }

    /// Holds the cgroup at `path` at so much, soon. Whether that is under way: not where it is gone, is not ours to
    /// write, or too much is to be done.
    pub fn set(&mut self, path: &Path, at: Bytes) -> bool {
        let Some(scope) = self.scope(path) else { return false };
        scope.wanted.store(at.get(), Ordering::SeqCst);
        let waits = self.queue.try_send(Arc::clone(&scope)).is_ok();
        if !waits {
            scope.lift();
        }
        waits
    }

    fn scope(&mut self, path: &Path) -> Option<Arc<Scope>> {
        self.scopes.retain(|scope| !scope.gone.load(Ordering::Relaxed));
        if let Some(scope) = self.scopes.iter().find(|scope| scope.path == path) {
            return Some(Arc::clone(scope));
        }
        if self.scopes.len() >= MOST {
            return None;
        }
        let file = self.cgroups.folder(path)?.join("memory.high");
        let open = || openat(CWD, &file, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty()).ok();
        let scope = Arc::new(Scope {
            path: path.to_owned(),
            wanted: AtomicU64::new(LIFTED),
            gone: AtomicBool::new(false),
            lifting: open()?,
            setting: open()?,
        });
        self.scopes.push(Arc::clone(&scope));
        Some(scope)
    }

    /// Those that were held since they were last [kept](Self::keep).
    #[must_use]
    pub fn scopes(&self) -> Vec<&Path> {
        self.scopes.iter().map(|scope| scope.path.as_path()).collect()
    }

    /// The loop comes round; where it does not for 5 to 10 s, all are let go.
    pub fn watched(&self) {
        self.watched.store(true, Ordering::Relaxed);
    }

    /// Lets the cgroup at `path` go, now. Allocates nothing, and waits for nobody.
    pub fn lift(&self, path: &Path) {
        self.scopes.iter().filter(|scope| scope.path == path).for_each(|scope| scope.lift());
    }

    /// Lets all go, now. Allocates nothing, and waits for nobody.
    pub fn lift_all(&self) {
        self.scopes.iter().for_each(|scope| scope.lift());
    }

    /// Lets those go, and forgets them, that are none of `paths`.
    pub fn keep(&mut self, paths: &[&Path]) {
        self.scopes.retain(|scope| {
            let stays = paths.contains(&scope.path.as_path());
            if !stays {
                scope.lift();
            }
            stays
        });
    }
}

impl Drop for Brakes {
    fn drop(&mut self) {
        self.lift_all();
    }
}

impl Scope {
    fn lift(&self) {
        self.wanted.store(LIFTED, Ordering::SeqCst);
        self.write(&self.lifting, LIFTED);
    }

    fn is_held(&self) -> bool {
        self.wanted.load(Ordering::Relaxed) != LIFTED && !self.gone.load(Ordering::Relaxed)
    }

    /// Sets what is wanted, and again where that has changed meanwhile: the last word is what is wanted.
    fn set(&self) {
        loop {
            let wanted = self.wanted.load(Ordering::SeqCst);
            self.write(&self.setting, wanted);
            if self.wanted.load(Ordering::SeqCst) == wanted {
                return;
            }
        }
    }

    fn write(&self, file: &OwnedFd, wanted: u64) {
        let mut buffer = [0; 20];
        if pwrite(file, text(wanted, &mut buffer), 0) == Err(Errno::NODEV) {
            self.gone.store(true, Ordering::Relaxed);
        }
    }
}

fn set_all(asked: &Receiver<Arc<Scope>>, watched: &AtomicBool, dead: Duration) {
    let mut held: Vec<Arc<Scope>> = Vec::new();
    loop {
        held.retain(|scope| scope.is_held());
        // With nobody held there is nothing to wake for.
        let next = if held.is_empty() {
            asked.recv().map_err(RecvTimeoutError::from)
        } else {
            asked.recv_timeout(dead)
        };
        match next {
            Ok(scope) => {
                scope.set();
                if !held.iter().any(|known| Arc::ptr_eq(known, &scope)) {
                    held.push(scope);
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                if !watched.swap(false, Ordering::Relaxed) {
                    for scope in &held {
                        scope.lift();
                    }
                }
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// What the kernel is told, without allocating.
fn text(wanted: u64, buffer: &mut [u8; 20]) -> &[u8] {
    if wanted == LIFTED {
        return b"max";
    }
    let mut rest = buffer.as_mut_slice();
    // The largest number has 20 digits.
    let _ = write!(rest, "{wanted}");
    let left = rest.len();
    &buffer[..20 - left]
}

impl Cgroups {
    /// Lets the cgroup at `path` go, whoever has set its brake. Whether there was one.
    ///
    /// # Errors
    /// Where it is refused.
    pub fn unbrake(&self, path: &Path) -> io::Result<bool> {
        let Some(file) = self.folder(path).map(|folder| folder.join("memory.high")) else { return Ok(false) };
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
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Instant;

    use super::*;

    const SCOPE: &str = "/agents.slice/agent-a-7.scope";

    fn tree() -> (tempfile::TempDir, PathBuf, Brakes) {
        let root = tempfile::tempdir().unwrap();
        let scope = root.path().join(&SCOPE[1..]);
        fs::create_dir_all(&scope).unwrap();
        fs::write(root.path().join("cgroup.controllers"), "memory\n").unwrap();
        let file = scope.join("memory.high");
        fs::write(&file, "max").unwrap();
        let brakes = Brakes::start(root.path()).unwrap().unwrap();
        (root, file, brakes)
    }

    /// A file of a real file system keeps what was there behind what is written.
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
    fn a_brake_is_set_and_lifted() {
        let (_root, file, mut brakes) = tree();
        assert!(brakes.set(Path::new(SCOPE), Bytes::new(4_096_000)));
        assert!(starts(&file, "4096000"));
        brakes.lift(Path::new("/agents.slice/agent-b-8.scope"));
        assert!(starts(&file, "4096000"), "another's");
        brakes.lift(Path::new(SCOPE));
        assert!(starts(&file, "max"));
        assert!(brakes.set(Path::new(SCOPE), Bytes::new(4096)));
        assert!(starts(&file, "4096"));
        brakes.keep(&[Path::new(SCOPE)]);
        assert!(starts(&file, "4096"));
        brakes.keep(&[]);
        assert!(starts(&file, "max") && brakes.scopes.is_empty());
        assert!(brakes.set(Path::new(SCOPE), Bytes::new(4096)));
        assert!(starts(&file, "4096"));
        drop(brakes);
        assert!(starts(&file, "max"), "nobody stays held");
    }

    /// An order to set it that comes late does not undo a lift.
    #[test]
    fn the_last_word_is_what_is_wanted() {
        let (_root, file, mut brakes) = tree();
        let scope = brakes.scope(Path::new(SCOPE)).unwrap();
        scope.wanted.store(4096, Ordering::SeqCst);
        brakes.lift_all();
        scope.set();
        assert!(fs::read_to_string(&file).unwrap().starts_with("max"));
    }

    #[test]
    fn what_is_not_there_or_not_a_scope_is_not_held() {
        let (_root, _file, mut brakes) = tree();
        for path in ["/agents.slice/agent-b-8.scope", "/", "/../x", "agents.slice/agent-a-7.scope"] {
            assert!(!brakes.set(Path::new(path), Bytes::new(4096)), "{path}");
        }
        assert!(brakes.scopes.is_empty());
        assert!(Brakes::start(Path::new("/nowhere")).unwrap().is_none());
    }

    #[test]
    fn a_loop_that_no_longer_comes_round_holds_nobody() {
        const DEAD: Duration = Duration::from_millis(200);
        let (_root, file, mut brakes) = tree();
        let scope = brakes.scope(Path::new(SCOPE)).unwrap();
        let (queue, asked) = sync_channel(1);
        let watched = Arc::clone(&brakes.watched);
        thread::spawn(move || set_all(&asked, &watched, DEAD));
        scope.wanted.store(4_096_000, Ordering::SeqCst);
        let (begun, mut last, mut longest) = (Instant::now(), Instant::now(), Duration::ZERO);
        queue.send(scope).unwrap();
        while begun.elapsed() < 4 * DEAD {
            brakes.watched();
            longest = longest.max(last.elapsed());
            last = Instant::now();
            thread::sleep(Duration::from_millis(1));
        }
        let held = fs::read_to_string(&file).unwrap().starts_with("4096000");
        // Unless this machine has not let us come round.
        assert!(held || longest.max(last.elapsed()) >= DEAD);
        assert!(starts(&file, "max"));
    }

    #[test]
    fn what_was_left_behind_is_lifted() {
        let (root, file, _brakes) = tree();
        let cgroups = Cgroups::open(root.path()).unwrap();
        assert!(!cgroups.unbrake(Path::new(SCOPE)).unwrap());
        fs::write(&file, "4096\n").unwrap();
        assert!(cgroups.unbrake(Path::new(SCOPE)).unwrap());
        assert_eq!(fs::read_to_string(&file).unwrap(), "max");
        assert!(!cgroups.unbrake(Path::new("/gone.scope")).unwrap());
    }

    #[test]
    fn numbers_are_written_whole() {
        let mut buffer = [0; 20];
        for number in [0, 7, 4096, u64::MAX - 1] {
            assert_eq!(text(number, &mut buffer), number.to_string().as_bytes());
        }
        assert_eq!(text(LIFTED, &mut buffer), b"max");
    }
}
