//! Memory that is really there.

use std::fs::File;
use std::hint::black_box;
use std::io::{self, Write as _};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::mm::Advice;

use crate::raw::{self, PAGE, Region};
use crate::trace::Trace;

/// Memory grows by blocks of this size. Small against every line a case sets, and large enough that a leak of a
/// gibibyte is a thousand system calls.
const BLOCK: usize = 1 << 20;

#[derive(Default)]
pub(crate) struct Memory {
    /// Grows and shrinks.
    blocks: Vec<Vec<u8>>,
    /// Stays mapped.
    regions: Vec<Region>,
    /// In memory, and not mapped.
    files: Vec<File>,
    /// What every page of a block is filled with, so that no compression makes it smaller; else one byte is written.
    noise: Option<Box<[u8; PAGE]>>,
    /// Where each block is noted.
    trace: Option<Trace>,
}

impl Memory {
    pub(crate) fn new(noise: bool, trace: Option<Trace>) -> Self {
        Self { noise: noise.then(noisy_page), trace, ..Self::default() }
    }

    /// Grows at `rate` bytes a second, or as fast as it goes, or shrinks at once, until `bytes` are held in blocks.
    pub(crate) fn hold(&mut self, bytes: usize, rate: Option<usize>) {
        let blocks = bytes.div_ceil(BLOCK);
        self.blocks.truncate(blocks);
        let before = self.blocks.len();
        let started = Instant::now();
        self.note();
        while self.blocks.len() < blocks {
            let mut block = vec![0; BLOCK];
            match &self.noise {
                Some(noise) => block.chunks_exact_mut(PAGE).for_each(|page| page.copy_from_slice(&noise[..])),
                None => block.iter_mut().step_by(PAGE).for_each(|byte| *byte = 1),
            }
            self.blocks.push(black_box(block));
            self.note();
            if let Some(rate) = rate {
                pace(started, (self.blocks.len() - before) * BLOCK, rate);
            }
        }
    }

    fn note(&mut self) {
        let held = self.blocks.len() * BLOCK;
        if let Some(Err(error)) = self.trace.as_mut().map(|trace| trace.record(held)) {
            eprintln!("hog: the trace: {error}");
        }
    }

    pub(crate) fn map(&mut self, kind: &str, size: usize) -> io::Result<()> {
        self.regions.push(Region::new(kind, size)?);
        Ok(())
    }

    /// A file in memory that is written, and never mapped: it belongs to no process.
    pub(crate) fn write(&mut self, size: usize) -> io::Result<()> {
        let mut file = File::from(memfd_create("hog", MemfdFlags::CLOEXEC)?);
        let block = vec![1; BLOCK];
        for _ in 0..size.div_ceil(BLOCK) {
            file.write_all(&block)?;
        }
        self.files.push(file);
        Ok(())
    }

    /// A child that holds the same, and writes to every page of it where that is wanted.
    pub(crate) fn fork(&mut self, touch: bool) -> io::Result<()> {
        raw::fork_and_sleep(|| {
            if touch {
                self.blocks.iter_mut().flat_map(|b| b.iter_mut().step_by(PAGE)).for_each(|byte| *byte = 2);
                self.regions.iter().for_each(|region| region.touch());
            }
        })
    }

    /// What is mapped goes to swap.
    pub(crate) fn page_out(&self) -> io::Result<()> {
        self.regions.iter().try_for_each(|region| region.advise(Advice::LinuxPageOut))
    }

    /// What is mapped is given back; the mapping stays.
    pub(crate) fn forget(&self) -> io::Result<()> {
        self.regions.iter().try_for_each(|region| region.advise(Advice::LinuxDontNeed))
    }
}

/// Bytes that look random: those of a xorshift generator.
fn noisy_page() -> Box<[u8; PAGE]> {
    let mut page = Box::new([0; PAGE]);
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    for bytes in page.chunks_exact_mut(8) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.copy_from_slice(&state.to_ne_bytes());
    }
    page
}

/// Sleeps until `done` bytes are no more than `rate` allows since `started`.
fn pace(started: Instant, done: usize, rate: usize) {
    let nanoseconds = (done as u128) * 1_000_000_000 / (rate.max(1) as u128);
    let due = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
    thread::sleep(due.saturating_sub(started.elapsed()));
}
