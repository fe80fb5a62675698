//! How fast memory can be taken here: by nobody faster than the kernel clears pages.

use std::ffi::c_void;
use std::fs;
use std::io;
use std::path::Path;
use std::ptr;
use std::time::Duration;

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munlock, munmap};
use rustix::param::page_size;
use rustix::thread::{disable_transparent_huge_pages, transparent_huge_pages_are_disabled};

use super::clock;
use crate::model::BytesPerSecond;

/// A huge page on x86. Small pages of as much take some 0.5 ms, 5 in an emulated guest.
const PIECE: usize = 2 << 20;

/// The fastest of these counts: one from which the host took the processor was seen to need fifty times as long.
const ROUNDS: usize = 6;

/// What all processors of this guest together can take, as others could: where we have no huge pages
/// (`PR_SET_THP_DISABLE`), for the moment we may.
///
/// # Errors
/// Where there is no memory to try it with, or `sys` (`/sys`) does not tell how many processors there are.
pub fn fastest(sys: &Path) -> io::Result<BytesPerSecond> {
    let processors = processors(sys)?;
    let small = transparent_huge_pages_are_disabled().unwrap_or_default();
    // Where that does not go, small pages are tried, which is something.
    let _ = disable_transparent_huge_pages(false);
    let least = least_time();
    let _ = disable_transparent_huge_pages(small);
    let nanos = least?.as_nanos().max(1);
    let one = u64::try_from(PIECE as u128 * 1_000_000_000 / nanos).unwrap_or(u64::MAX);
    Ok(BytesPerSecond::new(one.saturating_mul(processors)))
}

/// The shortest that a piece took.
fn least_time() -> io::Result<Duration> {
    let piece = Piece::map()?;
    (0..ROUNDS).try_fold(Duration::MAX, |least, round| Ok(least.min(piece.take(round % 2 == 0)?)))
}

/// How many there are, in use or not: ranges and single numbers (`Documentation/admin-guide/cputopology.rst`). How many
/// are possible says nothing: some hypervisors say 128 whatever there is.
fn processors(sys: &Path) -> io::Result<u64> {
    let text = fs::read_to_string(sys.join("devices/system/cpu/present"))?;
    let last = text.trim_end().rsplit(['-', ',']).next().and_then(|last| last.parse::<u64>().ok());
    last.map(|last| last + 1)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no processor is present"))
}

/// Memory that nobody has touched. There is twice as much: somewhere in it a huge page begins.
#[derive(Debug)]
struct Piece(*mut c_void);

#[allow(unsafe_code, reason = "memory has to be taken from the kernel to see how long that takes")]
impl Piece {
    fn map() -> io::Result<Self> {
        // SAFETY: a new mapping, where the kernel finds room.
        let start = unsafe {
            mmap_anonymous(ptr::null_mut(), 2 * PIECE, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE)
        }?;
        let piece = Self(start);
        // All of ours is locked where that is permitted, and what is locked is not given back (`madvise(2)`).
        // SAFETY: the whole mapping, which nobody uses yet.
        unsafe { munlock(start, 2 * PIECE) }?;
        Ok(piece)
    }

    /// The time of a processor that it takes to have all of it, as a huge page where there are such. It is given back.
    fn take(&self, huge: bool) -> io::Result<Duration> {
        let to_boundary = (PIECE - self.0.addr() % PIECE) % PIECE;
        let start = self.0.wrapping_byte_add(to_boundary);
        let advice = if huge { Advice::LinuxHugepage } else { Advice::LinuxNoHugepage };
        // SAFETY: within the mapping, which has no reader; the advice leaves what is in it.
        // A kernel without huge pages knows neither.
        let _ = unsafe { madvise(start, PIECE, advice) };
        let before = clock::processor();
        for offset in (0..PIECE).step_by(page_size()) {
            // SAFETY: within the mapping, which is ours to write to.
            unsafe { start.wrapping_byte_add(offset).cast::<u8>().write_volatile(1) };
        }
        let time = clock::processor().saturating_sub(before);
        // SAFETY: within the mapping; nobody reads what is lost.
        unsafe { madvise(start, PIECE, Advice::LinuxDontNeed) }?;
        Ok(time)
    }
}

#[allow(unsafe_code, reason = "what was mapped by hand is unmapped by hand")]
impl Drop for Piece {
    fn drop(&mut self) {
        // SAFETY: the whole mapping, to which nothing points any more.
        let _ = unsafe { munmap(self.0, 2 * PIECE) };
    }
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    use super::*;

    /// As the daemon's memory is.
    #[test]
    fn locked_memory_is_no_obstacle() {
        if super::super::process::memlock::lock_on_fault().is_err() {
            // Not everybody may lock so much.
            return;
        }
        let measured = fastest(Path::new("/sys"));
        rustix::mm::munlockall().unwrap();
        assert!(measured.unwrap().get() > 0);
    }

    #[test]
    fn nobody_is_faster_than_what_was_measured() {
        let tree = tempfile::tempdir().unwrap();
        let cpu = tree.path().join("devices/system/cpu");
        fs::create_dir_all(&cpu).unwrap();
        let measured = |present: &str| {
            fs::write(cpu.join("present"), present).unwrap();
            fastest(tree.path())
        };
        let one = measured("0\n").unwrap().get();
        let taken = (0..8).map(|_| {
            let before = clock::processor();
            black_box(vec![1_u8; 32 << 20]);
            (32 << 20) * 1_000_000_000 / clock::processor().saturating_sub(before).as_nanos().max(1)
        });
        let fastest = u64::try_from(taken.max().unwrap()).unwrap();
        // The policy takes twice of it for possible.
        assert!(fastest < 2 * one, "{fastest} {one}");
        assert!(measured("0-63\n").unwrap().get() > 16 * one, "each processor for itself");
        assert_eq!(processors(tree.path()).unwrap(), 64);
        assert!(measured("\n").is_err());
    }
}
