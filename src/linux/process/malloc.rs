//! Our own heap.

/// Blocks from this size on are mapped each for itself, and given back to the kernel when they are freed: the size that glibc
/// begins with, before it moves the bound up to what was freed last (`mallopt(3)`).
#[cfg(target_env = "gnu")]
const LARGE: std::ffi::c_int = 128 << 10;

/// Has large blocks given back when they are freed. A burst of readers of a large status left 110 MB behind without, all of
/// them locked in memory. Where the C library is another one this does nothing.
#[allow(unsafe_code, reason = "what the allocator does is set in no other way")]
pub fn give_back_large_blocks() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes two numbers and sets one.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rss_kib() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    #[test]
    fn what_was_large_is_given_back() {
        give_back_large_blocks();
        // Freed first: without a fixed bound all the others come from the heap, and stay below what is kept.
        drop(vec![1_u8; 8 << 20]);
        let before = rss_kib();
        let mut kept = Vec::new();
        for _ in 0..20 {
            let large = vec![1_u8; 2 << 20];
            kept.push((large, Box::new([1_u8; 64])));
        }
        let small: Vec<_> = kept.into_iter().map(|(large, small)| (drop(large), small)).collect();
        assert!(rss_kib() < before + (10 << 10), "{before} {}", rss_kib());
        drop(small);
    }
}
