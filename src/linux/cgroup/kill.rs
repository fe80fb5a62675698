//! Kills all processes in a cgroup at once (`cgroup.kill`, Linux 5.14), including those that are forked meanwhile.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, OFlags, RawDir, openat};
use rustix::io::{Errno, read, write};

use super::below;
use crate::model::Pid;

/// Longer paths are refused: a scope of `agents.slice` has some 60 bytes, one of a user's manager some 120.
const MAX_PATH_LEN: usize = 512;

/// A cgroup with more cgroups below it is refused; no agent has that many.
const MAX_CHILDREN: usize = 64;

/// Kills cgroups below one root. Allocates nothing.
#[derive(Debug)]
pub struct CgroupKiller {
    root: OwnedFd,
    own_pid: Option<Pid>,
}

impl CgroupKiller {
    /// For cgroups of the tree at `root`, `/sys/fs/cgroup` as a rule; `None` where it is missing.
    #[must_use]
    pub fn open(root: &Path) -> Option<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = openat(CWD, root, flags, Mode::empty()).ok()?;
        Some(Self { root, own_pid: Pid::new(i32::try_from(std::process::id()).ok()?) })
    }

    /// Kills all processes in the cgroup at `path`, which must hold no others. Returns whether it was done. It is not if the
    /// kernel has no such file or refuses, or if the cgroup is empty, holds the supervisor or a process that our pid namespace
    /// does not show, or has populated cgroups below it.
    ///
    /// May block: the kernel takes a lock of all cgroups (`cgroup_kill_write` of `kernel/cgroup/cgroup.c`), and a process that
    /// creates a cgroup holds it while it waits for memory. So urgent signals are sent first.
    #[must_use]
    pub fn kill(&self, path: &Path) -> bool {
        self.try_kill(path).unwrap_or(false)
    }

    fn try_kill(&self, path: &Path) -> Result<bool, Errno> {
        let Some(below) = below(path) else { return Ok(false) };
        let mut buffer = [0; MAX_PATH_LEN];
        let path = terminated(below.as_os_str().as_bytes(), &mut buffer)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let cgroup = openat(&self.root, path, flags, Mode::empty())?;
        if !self.may_kill(&cgroup)? || has_populated_child(&cgroup)? {
            return Ok(false);
        }
        let kill = openat(&cgroup, c"cgroup.kill", OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
        write(&kill, b"1")?;
        Ok(true)
    }

    /// Whether it holds processes, all of them visible, and not the supervisor.
    fn may_kill(&self, cgroup: &OwnedFd) -> Result<bool, Errno> {
        let procs = openat(cgroup, c"cgroup.procs", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        let mut pids = Pids::default();
        let mut buffer = [0; 1024];
        loop {
            match read(&procs, &mut buffer) {
                Ok(0) => return Ok(pids.seen > 0 && pids.begun.is_none()),
                Ok(len) => {
                    let harmless = |pid| Pid::new(pid).is_some_and(|pid| Some(pid) != self.own_pid);
                    if !pids.all(&buffer[..len], harmless) {
                        return Ok(false);
                    }
                }
                Err(Errno::INTR) => {}
                Err(e) => return Err(e),
            }
        }
    }
}

/// A list of pids, one in each line, that is read in pieces.
#[derive(Default)]
struct Pids {
    begun: Option<i32>,
    seen: usize,
}

impl Pids {
    /// Whether all pids that end in this piece are `good`, and it contains nothing else.
    fn all(&mut self, piece: &[u8], good: impl Fn(i32) -> bool) -> bool {
        piece.iter().all(|&byte| match (byte, self.begun) {
            (b'0'..=b'9', begun) => {
                let longer =
                    begun.unwrap_or(0).checked_mul(10).and_then(|n| n.checked_add(i32::from(byte - b'0')));
                self.begun = longer;
                longer.is_some()
            }
            (b'\n', Some(pid)) => {
                self.begun = None;
                self.seen += 1;
                good(pid)
            }
            _ => false,
        })
    }
}

/// Whether a cgroup below this one, at whatever depth, has processes (`populated` of `cgroup.events`).
fn has_populated_child(cgroup: &OwnedFd) -> Result<bool, Errno> {
    let mut buffer = [MaybeUninit::uninit(); 2048];
    let mut entries = RawDir::new(cgroup.as_fd(), &mut buffer);
    let mut children = 0;
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name();
        if entry.file_type() != FileType::Directory || name == c"." || name == c".." {
            continue;
        }
        children += 1;
        if children > MAX_CHILDREN || is_populated(cgroup, name)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_populated(cgroup: &OwnedFd, name: &CStr) -> Result<bool, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let events = openat(cgroup, name, flags, Mode::empty())
        .and_then(|below| openat(below, c"cgroup.events", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()));
    let mut text = [0; 128];
    match events.and_then(|events| read(events, &mut text)) {
        Ok(len) => Ok(!text[..len].split(|&b| b == b'\n').any(|line| line == b"populated 0")),
        // It was removed meanwhile, so it was empty.
        Err(Errno::NOENT | Errno::NODEV) => Ok(false),
        Err(e) => Err(e),
    }
}

/// The path, terminated by NUL; an error if it does not fit or contains a NUL.
fn terminated<'b>(path: &[u8], buffer: &'b mut [u8; MAX_PATH_LEN]) -> Result<&'b CStr, Errno> {
    // One byte remains for the NUL.
    let place = buffer.get_mut(..path.len()).filter(|place| place.len() < MAX_PATH_LEN);
    place.ok_or(Errno::NAMETOOLONG)?.copy_from_slice(path);
    CStr::from_bytes_with_nul(&buffer[..=path.len()]).map_err(|_| Errno::INVAL)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;

    const SCOPE: &str = "/agents.slice/a.scope";

    /// A tree of files: text written to `cgroup.kill` stays there.
    struct World {
        root: tempfile::TempDir,
    }

    impl World {
        fn new() -> Self {
            let world = Self { root: tempfile::tempdir().unwrap() };
            world.cgroup(SCOPE, "12\n13\n");
            world
        }

        fn cgroup(&self, path: &str, pids: &str) -> PathBuf {
            let folder = self.root.path().join(&path[1..]);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("cgroup.procs"), pids).unwrap();
            fs::write(folder.join("cgroup.kill"), "").unwrap();
            let populated = u8::from(!pids.is_empty());
            fs::write(folder.join("cgroup.events"), format!("populated {populated}\nfrozen 0\n")).unwrap();
            folder
        }

        fn kill(&self, path: &str) -> bool {
            let killed = CgroupKiller::open(self.root.path()).unwrap().kill(Path::new(path));
            let file = self.root.path().join(&SCOPE[1..]).join("cgroup.kill");
            let written = fs::read_to_string(file).unwrap_or_default();
            assert_eq!(written, if killed { "1" } else { "" });
            killed
        }
    }

    #[test]
    fn all_processes_of_a_cgroup_are_killed() {
        let world = World::new();
        world.cgroup(&format!("{SCOPE}/empty"), "");
        assert!(world.kill(SCOPE));
    }

    #[test]
    fn a_path_out_of_the_tree_is_refused() {
        let world = World::new();
        world.cgroup("/other.scope", "");
        std::os::unix::fs::symlink("agents.slice/a.scope", world.root.path().join("link")).unwrap();
        let long = format!("/{}", "x".repeat(MAX_PATH_LEN));
        let paths = [
            "/",
            "",
            "/agents.slice",
            "/gone.scope",
            "agents.slice/a.scope",
            "/other.scope/../agents.slice/a.scope",
            "/agents.slice/a.scope\0",
            "/link",
            &long,
        ];
        for path in paths {
            assert!(!world.kill(path), "{path:?}");
        }
        assert!(CgroupKiller::open(Path::new("/nowhere")).is_none());
    }

    #[test]
    fn a_path_fits_or_is_refused() {
        let mut buffer = [0; MAX_PATH_LEN];
        assert_eq!(
            terminated(&[b'x'; MAX_PATH_LEN - 1], &mut buffer).map(CStr::count_bytes),
            Ok(MAX_PATH_LEN - 1)
        );
        assert_eq!(terminated(&[b'x'; MAX_PATH_LEN], &mut buffer), Err(Errno::NAMETOOLONG));
        assert_eq!(terminated(b"x\0y", &mut buffer), Err(Errno::INVAL));
    }

    #[test]
    fn a_cgroup_with_other_processes_is_not_killed() {
        let us = std::process::id();
        for pids in
            ["", "\n", "0\n", "12\n0\n", "12", "12\n13", "x\n", "99999999999\n", &format!("12\n{us}\n")]
        {
            let world = World::new();
            world.cgroup(SCOPE, pids);
            assert!(!world.kill(SCOPE), "{pids:?}");
        }
        let world = World::new();
        world.cgroup(&format!("{SCOPE}/below/deeper"), "14\n");
        world.cgroup(&format!("{SCOPE}/below"), "14\n");
        assert!(!world.kill(SCOPE), "a populated cgroup below");
    }

    #[test]
    fn an_old_kernel_cannot_kill_a_cgroup() {
        let world = World::new();
        fs::remove_file(world.root.path().join(&SCOPE[1..]).join("cgroup.kill")).unwrap();
        assert!(!world.kill(SCOPE));
    }

    #[test]
    fn a_list_of_pids_is_parsed_in_pieces() {
        let lines: Vec<String> = (1..3000).map(|pid| pid.to_string() + "\n").collect();
        let text = lines.concat();
        for size in [1, 2, 3, 1000] {
            let mut pids = Pids::default();
            assert!(text.as_bytes().chunks(size).all(|piece| pids.all(piece, |pid| pid > 0)));
            assert_eq!(pids.seen, 2999);
            let mut pids = Pids::default();
            assert!(!text.as_bytes().chunks(size).all(|piece| pids.all(piece, |pid| pid != 1234)));
        }
    }

    proptest::proptest! {
        #[test]
        fn does_not_panic_on_garbage(text: Vec<u8>) {
            let _ = Pids::default().all(&text, |_| true);
        }
    }

    /// On a machine with a writable cgroup v2: a process that forks is killed with its children.
    #[test]
    fn a_real_cgroup_is_killed() {
        use std::process::{Command, Stdio};
        let mounts = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map(Path::new);
        let Some(root) = mounts.iter().find(|root| root.join("cgroup.controllers").exists()) else {
            eprintln!("skipped: no cgroup v2");
            return;
        };
        let name = format!("claude-watchdog-test-{}", std::process::id());
        let folder = root.join(&name);
        if fs::create_dir(&folder).is_err() || !folder.join("cgroup.kill").exists() {
            let _ = fs::remove_dir(&folder);
            eprintln!("skipped: cgroups cannot be created, or cgroup.kill is missing");
            return;
        }
        let mut child = Command::new("sh")
            .args(["-c", "read x; sleep 60 & sleep 60"])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let moved = fs::write(folder.join("cgroup.procs"), child.id().to_string());
        drop(child.stdin.take());
        let killed = CgroupKiller::open(root).unwrap().kill(Path::new(&format!("/{name}")));
        if moved.is_err() {
            child.kill().unwrap();
        }
        assert!(!child.wait().unwrap().success());
        assert_eq!(killed, moved.is_ok());
        for _ in 0..200 {
            if fs::remove_dir(&folder).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("{} is not empty", folder.display());
    }
}
