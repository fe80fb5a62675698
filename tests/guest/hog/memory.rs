//! Memory of several kinds, every page of it resident.

use std::fs::File;
use std::hint::black_box;
use std::io::{self, Write as _};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::mm::Advice;

use crate::raw::{self, PAGE_SIZE, Region};
use crate::trace::Trace;

/// Memory grows by blocks of this size: small compared with the thresholds of all cases, and large enough that a leak of
/// 1 GiB takes only a thousand system calls.
const BLOCK_SIZE: usize = 1 << 20;

#[derive(Default)]
pub(crate) struct Memory {
    /// Grow and shrink.
    blocks: Vec<Vec<u8>>,
    /// Stay mapped.
    regions: Vec<Region>,
    /// Files in memory, not mapped.
    files: Vec<File>,
    /// Incompressible contents of every page of a block; without it one byte a page is written.
    noise: Option<Box<[u8; PAGE_SIZE]>>,
    /// Records each block.
    trace: Option<Trace>,
}

impl Memory {
    pub(crate) fn new(noise: bool, trace: Option<Trace>) -> Self {
        Self { noise: noise.then(noisy_page), trace, ..Self::default() }
    }

    /// Grows at `rate` bytes a second, without `rate` as fast as possible, or shrinks at once, until the blocks hold `bytes`.
    pub(crate) fn hold(&mut self, bytes: usize, rate: Option<usize>) {
        let blocks = bytes.div_ceil(BLOCK_SIZE);
        self.blocks.truncate(blocks);
        let before = self.blocks.len();
        let started = Instant::now();
        self.record();
        while self.blocks.len() < blocks {
            let mut block = vec![0; BLOCK_SIZE];
            match &self.noise {
                Some(noise) => {
                    block.chunks_exact_mut(PAGE_SIZE).for_each(|page| page.copy_from_slice(&noise[..]));
                }
                None => block.iter_mut().step_by(PAGE_SIZE).for_each(|byte| *byte = 1),
            }
            self.blocks.push(black_box(block));
            self.record();
            if let Some(rate) = rate {
                pace(started, (self.blocks.len() - before) * BLOCK_SIZE, rate);
            }
        }
    }

    fn record(&mut self) {
        let held = self.blocks.len() * BLOCK_SIZE;
        if let Some(Err(error)) = self.trace.as_mut().map(|trace| trace.record(held)) {
            eprintln!("hog: trace: {error}");
        }
    }

    pub(crate) fn map(&mut self, kind: &str, size: usize) -> io::Result<()> {
        self.regions.push(Region::new(kind, size)?);
        Ok(())
    }

    /// Writes a file in memory and never maps it: it belongs to no process.
    pub(crate) fn write(&mut self, size: usize) -> io::Result<()> {
        let mut file = File::from(memfd_create("hog", MemfdFlags::CLOEXEC)?);
        let block = vec![1; BLOCK_SIZE];
        for _ in 0..size.div_ceil(BLOCK_SIZE) {
            file.write_all(&block)?;
        }
        self.files.push(file);
        Ok(())
    }

    /// Forks a child that holds the same memory, and with `touch` writes to every page of it.
    pub(crate) fn fork(&mut self, touch: bool) -> io::Result<()> {
        raw::fork_and_sleep(|| {
            if touch {
                self.blocks
                    .iter_mut()
                    .flat_map(|b| b.iter_mut().step_by(PAGE_SIZE))
                    .for_each(|byte| *byte = 2);
                self.regions.iter().for_each(|region| region.touch());
            }
        })
    }

    /// Swaps the mappings out.
    pub(crate) fn page_out(&self) -> io::Result<()> {
        self.regions.iter().try_for_each(|region| region.advise(Advice::LinuxPageOut))
    }

    /// Frees the memory of the mappings, which stay.
    pub(crate) fn forget(&self) -> io::Result<()> {
        self.regions.iter().try_for_each(|region| region.advise(Advice::LinuxDontNeed))
    }
}

/// A page of pseudorandom bytes, from a xorshift generator.
fn noisy_page() -> Box<[u8; PAGE_SIZE]> {
    let mut page = Box::new([0; PAGE_SIZE]);
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    for bytes in page.chunks_exact_mut(8) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.copy_from_slice(&state.to_ne_bytes());
    }
    page
}

/// Sleeps until `rate` allows `bytes` since `started`.
fn pace(started: Instant, bytes: usize, rate: usize) {
    let nanoseconds = (bytes as u128) * 1_000_000_000 / (rate.max(1) as u128);
    let due = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
    thread::sleep(due.saturating_sub(started.elapsed()));
}
