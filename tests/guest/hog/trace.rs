//! What a leak saw while it grew, kept where it outlives the leak.
//!
//! A trace is a file of records, one a block: the clock, what the leak holds, and what the guest has left. `measure.py`
//! of the guest cases reads it. It belongs into `/dev/shm`: a write there waits for no disk, and what was written stays
//! when its writer is killed.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;

use rustix::fs::{FallocateFlags, fallocate};
use rustix::time::{ClockId, clock_gettime};

/// Three numbers of eight bytes in the machine's order.
const RECORD: usize = 24;

/// Room for a leak of 16 GiB. Set aside before it begins, so that no record needs memory when there is none.
const RECORDS: usize = 16 * 1024;

/// `MemAvailable` and `SwapFree` stand in the first lines; the rest need not be read.
const MEMINFO: usize = 768;

pub(crate) struct Trace {
    file: File,
    meminfo: File,
    at: u64,
}

impl Trace {
    pub(crate) fn new(path: &str) -> io::Result<Self> {
        let file = File::create(path)?;
        fallocate(&file, FallocateFlags::KEEP_SIZE, 0, (RECORD * RECORDS) as u64)?;
        Ok(Self { file, meminfo: File::open("/proc/meminfo")?, at: 0 })
    }

    /// Adds a record.
    pub(crate) fn record(&mut self, held: usize) -> io::Result<()> {
        let mut text = [0; MEMINFO];
        let read = self.meminfo.read_at(&mut text, 0)?;
        let numbers = [now(), held as u64, left(&text[..read])];
        let mut record = [0; RECORD];
        for (bytes, number) in record.chunks_exact_mut(8).zip(numbers) {
            bytes.copy_from_slice(&number.to_ne_bytes());
        }
        self.file.write_all_at(&record, self.at)?;
        self.at += RECORD as u64;
        Ok(())
    }
}

/// Nanoseconds of the monotonic clock.
pub(crate) fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    u64::try_from(time.tv_sec).unwrap_or_default() * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or_default()
}

/// Writes beside the trace when its leak was gone, and how it ended: 143 is SIGTERM, as a shell says it.
pub(crate) fn ended(path: &str, at: u64, code: i32) -> io::Result<()> {
    // Complete or absent, for whoever waits for it.
    let (new, old) = (format!("{path}.end"), format!("{path}.end.new"));
    File::create(&old)?.write_all(format!("{at} {code}\n").as_bytes())?;
    std::fs::rename(old, new)
}

/// Bytes of `MemAvailable` and `SwapFree` together.
fn left(meminfo: &[u8]) -> u64 {
    let lines = meminfo.split(|byte| *byte == b'\n');
    let wanted = lines.filter(|l| l.starts_with(b"MemAvailable:") || l.starts_with(b"SwapFree:"));
    let digits = |line: &[u8]| line.iter().filter(|b| b.is_ascii_digit()).fold(0, |n, b| n * 10 + u64::from(b - b'0'));
    wanted.map(digits).sum::<u64>() * 1024
}
