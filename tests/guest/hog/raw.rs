//! What only the kernel's own calls can do. The product has no `unsafe` of its own and keeps it that way; a stand-in
//! for other people's programs has to fork, map and leave as those do, so it has some, all of it here.
#![allow(unsafe_code, reason = "each block says why it is sound")]

use std::ffi::{c_int, c_long};
use std::fs::File;
use std::io;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap, mmap_anonymous};

/// Every page has to be written, or it costs nothing.
pub(crate) const PAGE: usize = 4096;

/// A huge page, of either sort: the size on every machine that the guests emulate.
const HUGE_PAGE: usize = 2 << 20;

// Of the C library, which std links anyway.
unsafe extern "C" {
    fn fork() -> c_int;
    fn pause() -> c_int;
    fn syscall(number: c_long, ...) -> c_long;
}

/// exit(2), which ends the calling thread only.
#[cfg(target_arch = "x86_64")]
const SYS_EXIT: c_long = 60;
#[cfg(not(target_arch = "x86_64"))]
const SYS_EXIT: c_long = 93;

/// Memory that stays mapped until the process ends. Atomic, because what is shared is written by others, too.
#[derive(Clone, Copy)]
pub(crate) struct Region(&'static [AtomicU8]);

impl Region {
    /// Memory of a kind, every page of it written.
    pub(crate) fn new(kind: &str, size: usize) -> io::Result<Self> {
        let both = ProtFlags::READ | ProtFlags::WRITE;
        let anonymous = |size, flags| {
            // SAFETY: a new mapping at an address of the kernel's choice touches nothing that is there.
            unsafe { mmap_anonymous(null_mut(), size, both, flags) }
        };
        let (size, start) = match kind {
            "private" => (size, anonymous(size, MapFlags::PRIVATE)?),
            // One more, so that what is left after the first boundary still holds as many as were asked for.
            "huge" => (size + HUGE_PAGE, anonymous(size + HUGE_PAGE, MapFlags::PRIVATE)?),
            "hugetlb" => {
                let size = size.next_multiple_of(HUGE_PAGE);
                (size, anonymous(size, MapFlags::PRIVATE | MapFlags::HUGETLB)?)
            }
            "shared" => (size, anonymous(size, MapFlags::SHARED)?),
            "memfd" => {
                let file = memfd_create("hog", MemfdFlags::CLOEXEC)?;
                ftruncate(&file, size as u64)?;
                // SAFETY: as above; the file is ours alone and never becomes shorter.
                (size, unsafe { mmap(null_mut(), size, both, MapFlags::SHARED, &file, 0)? })
            }
            _ => return Err(io::Error::other("no such kind of memory")),
        };
        // SAFETY: `size` bytes were mapped at `start`, readable, zeroed, and are never unmapped.
        let mut region = Self(unsafe { std::slice::from_raw_parts(start.cast::<AtomicU8>(), size) });
        if kind == "huge" {
            region.advise(Advice::LinuxHugepage)?;
            // Only from the boundary on: the pages before it would be small ones.
            let before = region.0.as_ptr().align_offset(HUGE_PAGE);
            region.0 = &region.0[before..before + size - HUGE_PAGE];
        }
        region.touch();
        Ok(region)
    }

    /// A file, every page of it read.
    pub(crate) fn of_file(file: &File) -> io::Result<()> {
        let size = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
        // SAFETY: a new mapping at an address of the kernel's choice touches nothing that is there.
        let start = unsafe { mmap(null_mut(), size, ProtFlags::READ, MapFlags::SHARED, file, 0)? };
        // SAFETY: as in `new`; the cases do not shorten a file that is read.
        let bytes = unsafe { std::slice::from_raw_parts(start.cast::<AtomicU8>(), size) };
        let sum = bytes.iter().step_by(PAGE).fold(0, |sum: u8, byte| sum ^ byte.load(Ordering::Relaxed));
        std::hint::black_box(sum);
        Ok(())
    }

    /// Writes to every page.
    pub(crate) fn touch(self) {
        self.0.iter().step_by(PAGE).for_each(|byte| byte.store(1, Ordering::Relaxed));
    }

    pub(crate) fn advise(self, advice: Advice) -> io::Result<()> {
        // SAFETY: no advice that is given here unmaps anything; at worst the bytes read as zero afterwards.
        unsafe { madvise(self.0.as_ptr().cast_mut().cast(), self.0.len(), advice)? };
        Ok(())
    }
}

/// Forks a child that does this, allocating nothing, and then sleeps until it is ended.
pub(crate) fn fork_and_sleep(first: impl FnOnce()) -> io::Result<()> {
    // SAFETY: other threads may hold locks for ever in the child, which therefore takes none: it writes to memory that
    // is there and sleeps.
    match unsafe { fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            first();
            loop {
                // SAFETY: waits for a signal, nothing else.
                unsafe { pause() };
            }
        }
        _ => Ok(()),
    }
}

/// Forks as fast as it goes, and so does each child once it holds `size`, until `count` have been forked in all.
/// Returns in this process only, and only if nothing could be mapped.
pub(crate) fn bomb(count: u32, size: usize) -> io::Result<()> {
    let shared = Region::new("shared", PAGE)?;
    // SAFETY: a page is more than four bytes and aligned for every number; it is never unmapped, and nobody else knows it.
    let forked: &'static AtomicU32 = unsafe { &*shared.0.as_ptr().cast() };
    forked.store(0, Ordering::Relaxed);
    let held = Region::new("private", size)?;
    while forked.fetch_add(1, Ordering::Relaxed) < count {
        // SAFETY: as above; what the child does are system calls and writes to memory that is there.
        if unsafe { fork() } == 0 {
            // Not what it shares with its parent: as much of its own.
            held.advise(Advice::LinuxDontNeed)?;
            held.touch();
        }
    }
    loop {
        // SAFETY: waits for a signal, nothing else.
        unsafe { pause() };
    }
}

/// Ends the calling thread and no other one, as C programs end their main thread with `pthread_exit(3)`.
pub(crate) fn leave() -> ! {
    loop {
        // SAFETY: what this thread owns stays where it is; nothing of it is used by another one.
        unsafe { syscall(SYS_EXIT, 0) };
    }
}
