//! The record of a leak's growth, in a file that outlives the leak.
//!
//! A trace has a record per block: the time, the memory that the leak holds, and the memory available in the guest.
//! `measure.py` of the guest cases reads it. The file should be in `/dev/shm`, where a write waits for no disk and survives
//! the writer's death.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;

use rustix::fs::{FallocateFlags, fallocate};
use rustix::time::{ClockId, clock_gettime};

/// Three numbers of eight bytes in native byte order.
const RECORD_SIZE: usize = 24;

/// Enough for a leak of 16 GiB. Allocated at the start, so that no record needs memory when none is left.
const MAX_RECORDS: usize = 16 * 1024;

/// `MemAvailable` and `SwapFree` are within the first bytes; the rest is not read.
const MEMINFO_SIZE: usize = 768;

pub(crate) struct Trace {
    file: File,
    meminfo: File,
    offset: u64,
}

impl Trace {
    pub(crate) fn new(path: &str) -> io::Result<Self> {
        let file = File::create(path)?;
        fallocate(&file, FallocateFlags::KEEP_SIZE, 0, (RECORD_SIZE * MAX_RECORDS) as u64)?;
        Ok(Self { file, meminfo: File::open("/proc/meminfo")?, offset: 0 })
    }

    /// Adds a record.
    pub(crate) fn record(&mut self, held: usize) -> io::Result<()> {
        let mut text = [0; MEMINFO_SIZE];
        let read = self.meminfo.read_at(&mut text, 0)?;
        let numbers = [now(), held as u64, available(&text[..read])];
        let mut record = [0; RECORD_SIZE];
        for (bytes, number) in record.chunks_exact_mut(8).zip(numbers) {
            bytes.copy_from_slice(&number.to_ne_bytes());
        }
        self.file.write_all_at(&record, self.offset)?;
        self.offset += RECORD_SIZE as u64;
        Ok(())
    }
}

/// Nanoseconds of the monotonic clock.
pub(crate) fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    u64::try_from(time.tv_sec).unwrap_or_default() * 1_000_000_000
        + u64::try_from(time.tv_nsec).unwrap_or_default()
}

/// Writes the time and exit code of the leak to `PATH.end`, with 143 for SIGTERM as in a shell.
pub(crate) fn record_exit(path: &str, at: u64, code: i32) -> io::Result<()> {
    // Renamed, so that a reader finds it complete or not at all.
    let (new, old) = (format!("{path}.end"), format!("{path}.end.new"));
    File::create(&old)?.write_all(format!("{at} {code}\n").as_bytes())?;
    std::fs::rename(old, new)
}

/// The sum of `MemAvailable` and `SwapFree` in bytes.
fn available(meminfo: &[u8]) -> u64 {
    let lines = meminfo.split(|byte| *byte == b'\n');
    let wanted = lines.filter(|l| l.starts_with(b"MemAvailable:") || l.starts_with(b"SwapFree:"));
    let digits =
        |line: &[u8]| line.iter().filter(|b| b.is_ascii_digit()).fold(0, |n, b| n * 10 + u64::from(b - b'0'));
    wanted.map(digits).sum::<u64>() * 1024
}
