//! `/proc`, or a tree with the same files.
//!
//! [`Proc`] reads files of single processes and opens each anew. Files that are read in every tick are kept open
//! (`ProcFile`); files that may block are read on other threads ([`background`]).

pub mod background;
pub(crate) mod colon_pairs;
pub mod error;
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
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use procfs::{FromRead, MemoryPressure};
use rustix::fs::{CWD, Dir, Mode, OFlags, openat, readlinkat, readlinkat_raw};
use rustix::io::{Errno, read};

pub use error::ReadError;

use super::cgroup::path_of;
use super::procfs::file::ProcFile;
use super::procfs::meminfo::Meminfo;
use super::procfs::smaps_rollup::Rollup;
use super::procfs::stat::Stat;
use super::procfs::status::ProcessStatus;
use crate::model::system_memory::Stall;
use crate::model::{Bytes, Pid, Pressure, ProcessIdentity, SystemMemory};

/// Upper bound for the part of a command line that is read: a program is identified by its start.
const CMDLINE_LEN: usize = 16 * 1024;

/// `stat` has 52 numbers and a name; some 300 bytes are usual.
const STAT_LEN: usize = 2 * 1024;

/// `status` stays well below this (the longest seen has 1.6 KiB).
const STATUS_LEN: usize = 8 * 1024;

/// An environment may be as long as the arguments of an exec: 2 MiB, unless the stack limit was raised.
const MAX_FILE_LEN: u64 = 2 << 20;

/// Two lines of some 80 bytes.
const PRESSURE_LEN: usize = 512;

/// Two ids of 7 digits and the longest file name.
const PATH_LEN: usize = 64;

/// `PATH_MAX` of `include/uapi/linux/limits.h`.
const MAX_LINK_LEN: usize = 4096;

/// Reads a `/proc` tree. `stat` and `status` are read without an allocation: a tick reads hundreds of them.
#[derive(Debug)]
pub struct Proc {
    root: PathBuf,
    dir: OwnedFd,
    meminfo: Meminfo,
    pressure: ProcFile,
}

impl Proc {
    /// Opens the tree at `root`, usually `/proc`.
    ///
    /// # Errors
    /// If `root` is not a readable directory.
    pub fn open(root: &Path) -> Result<Self, ReadError> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let dir = openat(CWD, root, flags, Mode::empty())
            .map_err(|e| ReadError { path: root.to_owned(), source: e.into() })?;
        let (meminfo, pressure) = (Meminfo::new(root), ProcFile::new(root.join("pressure/memory")));
        Ok(Self { root: root.to_owned(), dir, meminfo, pressure })
    }

    /// Lists all processes, in the kernel's order.
    ///
    /// # Errors
    /// If the directory itself cannot be read.
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

    /// Name, state, parent and start of one process, from `stat`. Returns `Ok(None)` if it has exited.
    ///
    /// # Errors
    /// If it lives and cannot be read.
    pub fn stat(&self, pid: Pid) -> Result<Option<Stat>, ReadError> {
        self.small_file(pid, "stat", &mut [0; STAT_LEN], Stat::parse)
    }

    /// Owner and memory of one process, from `status`. Returns `Ok(None)` if it has exited.
    ///
    /// # Errors
    /// If it lives and cannot be read.
    pub fn status(&self, pid: Pid) -> Result<Option<ProcessStatus>, ReadError> {
        self.small_file(pid, "status", &mut [0; STATUS_LEN], ProcessStatus::parse)
    }

    /// Owner and memory of a process with an exited main thread, from the `status` of one of
    /// those. Returns `None` if it has exited, or none of its threads holds memory any more.
    #[must_use]
    pub fn status_of_threads(&self, pid: Pid) -> Option<ProcessStatus> {
        let mut buffer = [0; STATUS_LEN];
        self.threads(pid).into_iter().find_map(|thread| {
            let len = read_file(&self.dir, pid, &format!("task/{thread}/status"), &mut buffer).ok()?;
            ProcessStatus::parse(&buffer[..len]).filter(|status| status.charge.is_some())
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

    /// The executable of one process. Returns `Ok(None)` without the permission to see it.
    ///
    /// # Errors
    /// `NOENT` and `SRCH`: the process has exited, or its main thread has.
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

    /// Whether the executable of one process is still `exe`; `false` also if that is unknown. Costs a third of
    /// [`Self::stat`], and allocates nothing.
    #[must_use]
    pub fn runs(&self, pid: Pid, exe: &Path) -> bool {
        let mut path = [0; PATH_LEN];
        let Ok(path) = process_path(pid, "exe", &mut path) else { return false };
        let mut link = [MaybeUninit::uninit(); MAX_LINK_LEN];
        let target = readlinkat_raw(&self.dir, path, &mut link[..]);
        target.is_ok_and(|(target, _)| *target == *exe.as_os_str().as_bytes())
    }

    /// The arguments of one process. May block: see [`super::procfs::background`].
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn arguments(&self, pid: Pid) -> Result<Vec<OsString>, Errno> {
        let argv = self.cmdline(pid, "cmdline")?;
        if !argv.is_empty() {
            return Ok(argv);
        }
        let threads = self.threads(pid);
        let mut found = threads.iter().filter_map(|t| self.cmdline(pid, &format!("task/{t}/cmdline")).ok());
        Ok(found.find(|argv| !argv.is_empty()).unwrap_or_default())
    }

    /// The values of the variables `names` in the environment that one process was started with; `None` if it has
    /// none of them. No other variable is returned. May block: see [`super::procfs::background`].
    ///
    /// # Errors
    /// If it cannot be read: only its owner may.
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

    /// The cgroup of one process, from `cgroup`; `None` if the process has exited or is in no cgroup v2.
    #[must_use]
    pub fn cgroup(&self, pid: Pid) -> Option<PathBuf> {
        path_of(&self.whole_file(pid, "cgroup").ok()?)
    }

    /// The cgroup of the calling process.
    #[must_use]
    pub fn own_cgroup(&self) -> Option<PathBuf> {
        path_of(&self.read_to_end("self/cgroup").ok()?)
    }

    /// The shared and private memory of one process, from `smaps_rollup`; `None` if the kernel refuses or is too old.
    /// `swap` is the process's `VmSwap`. May block, and takes 50 ms at 8 GiB: see [`super::procfs::background`].
    #[must_use]
    pub fn rollup(&self, pid: Pid, swap: Bytes) -> Option<Rollup> {
        Rollup::parse(&self.whole_file(pid, "smaps_rollup").ok()?, swap)
    }

    /// Executable and arguments of one process, empty without the permission to see them. Returns `Ok(None)` if it has
    /// exited. May block: see [`super::procfs::background`].
    ///
    /// # Errors
    /// If it lives and cannot be read for another reason than permission.
    pub fn identity(&self, pid: Pid) -> Result<Option<ProcessIdentity>, ReadError> {
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
        Ok(Some(ProcessIdentity { exe, argv }))
    }

    /// The working directory of one process; `None` if it has exited, or without the permission to see it.
    #[must_use]
    pub fn cwd(&self, pid: Pid) -> Option<PathBuf> {
        self.link(pid, "cwd").ok().flatten()
    }

    /// Memory of the guest, from `meminfo`. Allocates nothing.
    ///
    /// # Errors
    /// If it is missing or is no meminfo.
    pub fn guest(&self) -> Result<SystemMemory, ReadError> {
        self.meminfo.read()
    }

    /// Memory pressure, from `pressure/memory`; `None` on a kernel without PSI.
    #[must_use]
    pub fn pressure(&self) -> Option<Pressure> {
        let mut text = [0; PRESSURE_LEN];
        let has_both_lines = |text: &[u8]| text.split(|&byte| byte == b'\n').count() == 3;
        let len = self.pressure.read(&mut text, has_both_lines).ok()?;
        let read = MemoryPressure::from_read(&text[..len]).ok()?;
        let stall = |r: procfs::PressureRecord| Stall {
            avg10: r.avg10,
            avg60: r.avg60,
            avg300: r.avg300,
            total_usec: r.total,
        };
        Some(Pressure { some: stall(read.some), full: stall(read.full) })
    }

    /// Reads a file that fits into `buffer`, and parses it. Allocates nothing.
    fn small_file<T>(
        &self,
        pid: Pid,
        name: &str,
        buffer: &mut [u8],
        parse: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Result<Option<T>, ReadError> {
        match read_file(&self.dir, pid, name, buffer) {
            Ok(len) => Ok(parse(&buffer[..len])),
            Err(Errno::NOENT | Errno::SRCH) => Ok(None),
            Err(e) => Err(self.error(&format!("{pid}/{name}"), e)),
        }
    }

    /// A file of one process, up to a bound that is usually not reached.
    pub(super) fn whole_file(&self, pid: Pid, name: &str) -> io::Result<Vec<u8>> {
        self.read_to_end(&format!("{pid}/{name}"))
    }

    fn read_to_end(&self, path: &str) -> io::Result<Vec<u8>> {
        let file = openat(&self.dir, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        let mut text = Vec::new();
        io::Read::read_to_end(&mut io::Read::take(std::fs::File::from(file), MAX_FILE_LEN), &mut text)?;
        Ok(text)
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
        // Each argument ends in NUL; a rewritten title may be padded with more of them.
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
fn process_path<'a>(pid: Pid, name: &str, path: &'a mut [u8; PATH_LEN]) -> Result<&'a CStr, Errno> {
    let mut rest = &mut path[..];
    io::Write::write_fmt(&mut rest, format_args!("{pid}/{name}\0")).map_err(|_| Errno::NAMETOOLONG)?;
    CStr::from_bytes_until_nul(path).map_err(|_| Errno::NAMETOOLONG)
}

/// Fills `buffer` from `PID/name` under `dir`. Allocates nothing.
///
/// # Errors
/// As `openat(2)` and `read(2)`.
pub(super) fn read_file(dir: &OwnedFd, pid: Pid, name: &str, buffer: &mut [u8]) -> Result<usize, Errno> {
    let mut path = [0; PATH_LEN];
    let path = process_path(pid, name, &mut path)?;
    let file = openat(dir, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut len = 0;
    while len < buffer.len() {
        match read(&file, &mut buffer[len..]) {
            // The kernel generates such a file as a whole (seq_file.rst, single_open), so a read that does not fill the
            // rest of the buffer has met its end: one system call of four less.
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
