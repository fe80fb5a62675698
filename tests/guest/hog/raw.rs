//! System calls that need `unsafe`. The product has no `unsafe` code of its own. A stand-in for other programs must fork,
//! map memory and exit threads as those do; all of that is here.
#![allow(unsafe_code, reason = "each block explains its soundness")]

use std::ffi::{c_int, c_long};
use std::fs::File;
use std::io;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap, mmap_anonymous};

/// A page must be written to become resident.
pub(crate) const PAGE_SIZE: usize = 4096;

/// Size of a huge page, transparent or from a pool, on the emulated machines.
const HUGE_PAGE_SIZE: usize = 2 << 20;

// From the C library, which std links anyway.
unsafe extern "C" {
    fn fork() -> c_int;
    fn pause() -> c_int;
    fn syscall(number: c_long, ...) -> c_long;
}

/// exit(2), which exits the calling thread only.
#[cfg(target_arch = "x86_64")]
const SYS_EXIT: c_long = 60;
#[cfg(not(target_arch = "x86_64"))]
const SYS_EXIT: c_long = 93;

/// Memory that stays mapped until the process exits. Atomic, because other processes write to shared memory, too.
#[derive(Clone, Copy)]
pub(crate) struct Region(&'static [AtomicU8]);

impl Region {
    /// Maps memory of a kind and writes to every page.
    pub(crate) fn new(kind: &str, size: usize) -> io::Result<Self> {
        let both = ProtFlags::READ | ProtFlags::WRITE;
        let anonymous = |size, flags| {
            // SAFETY: a new mapping at an address that the kernel chooses overlaps no existing memory.
            unsafe { mmap_anonymous(null_mut(), size, both, flags) }
        };
        let (size, start) = match kind {
            "private" => (size, anonymous(size, MapFlags::PRIVATE)?),
            // One huge page more, so that `size` bytes remain after the first boundary.
            "huge" => (size + HUGE_PAGE_SIZE, anonymous(size + HUGE_PAGE_SIZE, MapFlags::PRIVATE)?),
            "hugetlb" => {
                let size = size.next_multiple_of(HUGE_PAGE_SIZE);
                (size, anonymous(size, MapFlags::PRIVATE | MapFlags::HUGETLB)?)
            }
            "shared" => (size, anonymous(size, MapFlags::SHARED)?),
            "memfd" => {
                let file = memfd_create("hog", MemfdFlags::CLOEXEC)?;
                ftruncate(&file, size as u64)?;
                // SAFETY: as above; no other process has the file, and it is never truncated.
                (size, unsafe { mmap(null_mut(), size, both, MapFlags::SHARED, &file, 0)? })
            }
            _ => return Err(io::Error::other("unknown kind of memory")),
        };
        // SAFETY: `size` bytes were mapped at `start`, readable, zeroed, and are never unmapped.
        let mut region = Self(unsafe { std::slice::from_raw_parts(start.cast::<AtomicU8>(), size) });
        if kind == "huge" {
            region.advise(Advice::LinuxHugepage)?;
            // Memory before the boundary would consist of small pages.
            let before = region.0.as_ptr().align_offset(HUGE_PAGE_SIZE);
            region.0 = &region.0[before..before + size - HUGE_PAGE_SIZE];
        }
        region.touch();
        Ok(region)
    }

    /// Maps a file and reads every page.
    pub(crate) fn of_file(file: &File) -> io::Result<()> {
        let size = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
        // SAFETY: a new mapping at an address that the kernel chooses overlaps no existing memory.
        let start = unsafe { mmap(null_mut(), size, ProtFlags::READ, MapFlags::SHARED, file, 0)? };
        // SAFETY: as in `new`; the cases do not truncate a file that is being read.
        let bytes = unsafe { std::slice::from_raw_parts(start.cast::<AtomicU8>(), size) };
        let sum = bytes.iter().step_by(PAGE_SIZE).fold(0, |sum: u8, byte| sum ^ byte.load(Ordering::Relaxed));
        std::hint::black_box(sum);
        Ok(())
    }

    /// Writes to every page.
    pub(crate) fn touch(self) {
        self.0.iter().step_by(PAGE_SIZE).for_each(|byte| byte.store(1, Ordering::Relaxed));
    }

    pub(crate) fn advise(self, advice: Advice) -> io::Result<()> {
        // SAFETY: no advice used here unmaps memory; at worst the bytes read as zero afterwards.
        unsafe { madvise(self.0.as_ptr().cast_mut().cast(), self.0.len(), advice)? };
        Ok(())
    }
}

/// Forks a child that runs `action`, which must not allocate, and then sleeps until it is killed.
pub(crate) fn fork_and_sleep(action: impl FnOnce()) -> io::Result<()> {
    // SAFETY: locks of other threads stay locked in the child, which therefore takes none: it writes to mapped memory and
    // sleeps.
    match unsafe { fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            action();
            loop {
                // SAFETY: only waits for a signal.
                unsafe { pause() };
            }
        }
        _ => Ok(()),
    }
}

/// Forks as fast as possible, as does each child once it holds `size`, until `count` children exist. Returns only in this
/// process, and only if no memory could be mapped.
pub(crate) fn bomb(count: u32, size: usize) -> io::Result<()> {
    let shared = Region::new("shared", PAGE_SIZE)?;
    // SAFETY: a page holds more than four bytes and is aligned; it is never unmapped, and no other code uses it.
    let forked: &'static AtomicU32 = unsafe { &*shared.0.as_ptr().cast() };
    forked.store(0, Ordering::Relaxed);
    let held = Region::new("private", size)?;
    while forked.fetch_add(1, Ordering::Relaxed) < count {
        // SAFETY: as above; the child makes system calls and writes to mapped memory only.
        if unsafe { fork() } == 0 {
            // Replaces the pages shared with the parent by as many of its own.
            held.advise(Advice::LinuxDontNeed)?;
            held.touch();
        }
    }
    loop {
        // SAFETY: only waits for a signal.
        unsafe { pause() };
    }
}

/// Exits the calling thread only, as C programs exit their main thread with `pthread_exit(3)`.
pub(crate) fn exit_thread() -> ! {
    loop {
        // SAFETY: memory owned by this thread stays mapped, and no other thread uses it.
        unsafe { syscall(SYS_EXIT, 0) };
    }
}
