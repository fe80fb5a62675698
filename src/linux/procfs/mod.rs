//! `/proc`, or a tree that looks like it.

pub mod background;
pub(crate) mod colon_pairs;
pub mod details;
pub(crate) mod file;
pub mod last_pid;
pub mod meminfo;
pub(crate) mod pressure;
pub mod smaps_rollup;
pub mod stat;
pub mod status;
pub mod swaps;
pub mod vmstat;
pub mod zoneinfo;
pub(crate) mod zram;

use std::ffi::{CStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use procfs::{FromRead, MemoryPressure};
use rustix::fs::{CWD, Dir, Mode, OFlags, openat, readlinkat, readlinkat_raw};
use rustix::io::{Errno, read};

use super::procfs::file::ProcFile;
use super::procfs::meminfo::Meminfo;
use super::procfs::stat::Stat;
use super::procfs::status::Status;
use crate::model::system_memory::Stall;
use crate::model::{Pid, Pressure, SystemMemory};

/// Command lines are read up to here; what identifies a program stands at the start.
const CMDLINE_LEN: usize = 16 * 1024;

/// `stat` and `status` files stay well below this (the longest seen has 1.6 KiB).
const SMALL_FILE_LEN: usize = 8 * 1024;

/// An environment may be as long as the arguments of an exec: 2 MiB, unless the stack limit was raised.
const LONGEST_FILE: u64 = 2 << 20;

/// Two lines of some 80 bytes.
const PRESSURE_LEN: usize = 512;

/// Two ids of 7 digits and the longest name.
const PATH_LEN: usize = 64;

/// Something under `/proc` could not be read though its process lives.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {}: {source}", path.display())]
pub struct ReadError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

/// What a process is: read once, and again after an exec.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Its executable (`/proc/PID/exe`); `None` where we may not see it.
    pub exe: Option<PathBuf>,
    /// Its arguments; empty where it has none or we may not see them.
    pub argv: Vec<OsString>,
}

/// Reads a `/proc` tree. Owns its buffers: a tick reads hundreds of files and allocates for none of them.
#[derive(Debug)]
pub struct Proc {
    root: PathBuf,
    dir: OwnedFd,
    meminfo: Meminfo,
    pressure: ProcFile,
    buffer: Box<[u8; SMALL_FILE_LEN]>,
}

impl Proc {
    /// Opens the tree at `root`, `/proc` as a rule.
    ///
    /// # Errors
    /// Where `root` is no directory that we may read.
    pub fn open(root: &Path) -> Result<Self, ReadError> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let dir = openat(CWD, root, flags, Mode::empty())
            .map_err(|e| ReadError { path: root.to_owned(), source: e.into() })?;
        let (meminfo, pressure) = (Meminfo::of(root), ProcFile::of(root.join("pressure/memory")));
        Ok(Self { root: root.to_owned(), dir, meminfo, pressure, buffer: Box::new([0; SMALL_FILE_LEN]) })
    }

    /// Every process there is, in the kernel's order.
    ///
    /// # Errors
    /// Where the directory itself cannot be read.
    pub fn pids(&self, pids: &mut Vec<Pid>) -> Result<(), ReadError> {
        pids.clear();
        let entries = Dir::read_from(&self.dir).map_err(|e| self.error("", e))?;
        for entry in entries {
            let entry = entry.map_err(|e| self.error("", e))?;
            let name = entry.file_name().to_str().ok();
            pids.extend(name.and_then(|n| n.parse().ok()).and_then(Pid::new));
        }
        Ok(())
    }

    /// Name, state, parent and start of one process, from `stat`. `Ok(None)`: it is gone.
    ///
    /// # Errors
    /// Where it lives and cannot be read.
    pub fn stat(&mut self, pid: Pid) -> Result<Option<Stat>, ReadError> {
        let Some(text) = self.small_file(pid, "stat")? else { return Ok(None) };
        Ok(Stat::parse(text))
    }

    /// Owner and memory of one process, from `status`. `Ok(None)`: it is gone.
    ///
    /// # Errors
    /// Where it lives and cannot be read.
    pub fn status(&mut self, pid: Pid) -> Result<Option<Status>, ReadError> {
        let Some(text) = self.small_file(pid, "status")? else { return Ok(None) };
        Ok(Status::parse(text))
    }

    /// Owner and memory of a process whose main thread has left before the others, by one of those. `None`: it is
    /// gone, or none of them holds memory any more.
    pub fn status_of_threads(&mut self, pid: Pid) -> Option<Status> {
        self.threads(pid).into_iter().find_map(|thread| {
            let len = self.fill(pid, &format!("task/{thread}/status")).ok()?;
            Status::parse(&self.buffer[..len]).filter(|status| status.charge.is_some())
        })
    }

    fn threads(&self, pid: Pid) -> Vec<Pid> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let Ok(dir) = openat(&self.dir, format!("{pid}/task"), flags, Mode::empty()) else {
            return Vec::new();
        };
        let Ok(entries) = Dir::new(dir) else { return Vec::new() };
        let ids =
            entries.flatten().filter_map(|e| e.file_name().to_str().ok()?.parse().ok().and_then(Pid::new));
        ids.filter(|thread| *thread != pid).collect()
    }

    /// The executable of one process; `Ok(None)`: it is hidden from us.
    ///
    /// # Errors
    /// `NOENT` and `SRCH`: it is gone, or its main thread is.
    pub fn exe(&self, pid: Pid) -> Result<Option<PathBuf>, Errno> {
        match self.link(pid, "exe") {
            Err(Errno::NOENT) => {
                let threads = self.threads(pid);
                let mut found = threads.iter().filter_map(|t| self.link(pid, &format!("task/{t}/exe")).ok());
                found.next().ok_or(Errno::NOENT)
            }
            exe => exe,
        }
    }

    /// Whether the executable of one process is `exe` still; `false` also where that cannot be told. A third of the cost
    /// of `stat`, and allocates nothing.
    pub fn runs(&mut self, pid: Pid, exe: &Path) -> bool {
        let mut path = [0; PATH_LEN];
        let Ok(path) = path_of(pid, "exe", &mut path) else { return false };
        let len = readlinkat_raw(&self.dir, path, &mut self.buffer[..]);
        len.is_ok_and(|len| self.buffer[..len] == *exe.as_os_str().as_bytes())
    }

    /// The arguments of one process. May block: see [`super::procfs::background`].
    ///
    /// # Errors
    /// Where they cannot be read.
    pub fn arguments(&self, pid: Pid) -> Result<Vec<OsString>, Errno> {
        let argv = self.cmdline(pid, "cmdline")?;
        if !argv.is_empty() {
            return Ok(argv);
        }
        let threads = self.threads(pid);
        let mut found = threads.iter().filter_map(|t| self.cmdline(pid, &format!("task/{t}/cmdline")).ok());
        Ok(found.find(|argv| !argv.is_empty()).unwrap_or_default())
    }

    /// The values of the variables `names` in the environment that one process was started with; `None` where it has
    /// none of them. Nothing else of an environment leaves here. May block: see [`super::procfs::background`].
    ///
    /// # Errors
    /// Where it cannot be read: it is its owner's alone.
    pub fn variables(&self, pid: Pid, names: &[&str]) -> io::Result<Option<Vec<Option<OsString>>>> {
        let text = self.whole_file(pid, "environ")?;
        let value = |name: &&str| {
            let mut variables = text.split(|&b| b == 0);
            let found = variables.find_map(|v| v.strip_prefix(name.as_bytes())?.strip_prefix(b"="));
            found.map(|value| OsString::from_vec(value.to_vec()))
        };
        let values: Vec<_> = names.iter().map(value).collect();
        Ok(values.iter().any(Option::is_some).then_some(values))
    }

    /// A file of one process, up to a bound that none of them reaches as a rule.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn whole_file(&self, pid: Pid, name: &str) -> io::Result<Vec<u8>> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = openat(&self.dir, format!("{pid}/{name}"), flags, Mode::empty())?;
        let mut text = Vec::new();
        io::Read::read_to_end(&mut io::Read::take(std::fs::File::from(file), LONGEST_FILE), &mut text)?;
        Ok(text)
    }

    /// Executable and arguments of one process. `Ok(None)`: it is gone. What we may not see is left empty. May block:
    /// see [`super::procfs::background`].
    ///
    /// # Errors
    /// Where it lives and cannot be read for another reason than permission.
    pub fn identity(&self, pid: Pid) -> Result<Option<Identity>, ReadError> {
        let exe = match self.exe(pid) {
            Ok(exe) => exe,
            Err(Errno::NOENT | Errno::SRCH) => return Ok(None),
            Err(e) => return Err(self.error(&format!("{pid}/exe"), e)),
        };
        let argv = match self.arguments(pid) {
            Ok(argv) => argv,
            Err(Errno::NOENT | Errno::SRCH) => return Ok(None),
            Err(Errno::ACCESS | Errno::PERM) => Vec::new(),
            Err(e) => return Err(self.error(&format!("{pid}/cmdline"), e)),
        };
        Ok(Some(Identity { exe, argv }))
    }

    /// Working directory of one process; `None` where it is gone or hidden from us.
    #[must_use]
    pub fn cwd(&self, pid: Pid) -> Option<PathBuf> {
        self.link(pid, "cwd").ok().flatten()
    }

    /// Memory of the guest, from `meminfo`. Allocates nothing.
    ///
    /// # Errors
    /// Where it is missing or is no meminfo.
    pub fn guest(&self) -> Result<SystemMemory, ReadError> {
        self.meminfo.read()
    }

    /// Memory pressure, from `pressure/memory`; `None` where the kernel keeps none.
    #[must_use]
    pub fn pressure(&self) -> Option<Pressure> {
        let mut text = [0; PRESSURE_LEN];
        let both = |text: &[u8]| text.split(|&byte| byte == b'\n').count() == 3;
        let len = self.pressure.read(&mut text, both).ok()?;
        let read = MemoryPressure::from_read(&text[..len]).ok()?;
        let stall = |r: procfs::PressureRecord| Stall {
            avg10: r.avg10,
            avg60: r.avg60,
            avg300: r.avg300,
            total_usec: r.total,
        };
        Some(Pressure { some: stall(read.some), full: stall(read.full) })
    }

    fn small_file(&mut self, pid: Pid, name: &str) -> Result<Option<&[u8]>, ReadError> {
        match self.fill(pid, name) {
            Ok(len) => Ok(Some(&self.buffer[..len])),
            Err(Errno::NOENT | Errno::SRCH) => Ok(None),
            Err(e) => Err(self.error(&format!("{pid}/{name}"), e)),
        }
    }

    fn fill(&mut self, pid: Pid, name: &str) -> Result<usize, Errno> {
        read_file(&self.dir, pid, name, &mut self.buffer[..])
    }

    fn link(&self, pid: Pid, name: &str) -> Result<Option<PathBuf>, Errno> {
        match readlinkat(&self.dir, format!("{pid}/{name}"), Vec::new()) {
            Ok(target) => Ok(Some(PathBuf::from(OsString::from_vec(target.into_bytes())))),
            Err(Errno::ACCESS | Errno::PERM) => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn cmdline(&self, pid: Pid, name: &str) -> Result<Vec<OsString>, Errno> {
        let mut text = vec![0; CMDLINE_LEN];
        let len = read_file(&self.dir, pid, name, &mut text)?;
        text.truncate(len);
        // Each argument ends in NUL; a rewritten title may pad with more of them.
        let mut argv: Vec<OsString> =
            text.split(|&b| b == 0).map(|arg| OsString::from_vec(arg.to_vec())).collect();
        while argv.last().is_some_and(|arg| arg.is_empty()) {
            argv.pop();
        }
        Ok(argv)
    }

    fn error(&self, name: &str, errno: Errno) -> ReadError {
        ReadError { path: self.root.join(name), source: errno.into() }
    }
}

/// Writes `PID/name` into `path`.
fn path_of<'a>(pid: Pid, name: &str, path: &'a mut [u8; PATH_LEN]) -> Result<&'a CStr, Errno> {
    let mut rest = &mut path[..];
    io::Write::write_fmt(&mut rest, format_args!("{pid}/{name}\0")).map_err(|_| Errno::NAMETOOLONG)?;
    CStr::from_bytes_until_nul(path).map_err(|_| Errno::NAMETOOLONG)
}

/// Fills `buffer` from `PID/name` under `dir`; allocates nothing.
///
/// # Errors
/// As `openat(2)` and `read(2)`.
pub(super) fn read_file(dir: &OwnedFd, pid: Pid, name: &str, buffer: &mut [u8]) -> Result<usize, Errno> {
    let mut path = [0; PATH_LEN];
    let path = path_of(pid, name, &mut path)?;
    let file = openat(dir, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut len = 0;
    while len < buffer.len() {
        match read(&file, &mut buffer[len..]) {
            // The kernel makes such a file as a whole (seq_file.rst, single_open), so what did not fill the rest of
            // the buffer was the end of it: one system call of four less.
            Ok(n) if n < buffer.len() - len => {
                len += n;
                break;
            }
            Ok(n) => len += n,
            Err(Errno::INTR) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(len)
}
