//! Settings of the C library's allocator.

/// Blocks of at least this size are mapped separately, and returned to the kernel when they are freed: the initial value of
/// glibc, which otherwise rises to the largest freed block (`mallopt(3)`).
#[cfg(target_env = "gnu")]
const MMAP_THRESHOLD: std::ffi::c_int = 128 << 10;

/// Returns large blocks to the kernel when they are freed. Without it a burst of readers of a large status left 110 MB behind,
/// all of them locked in memory. Does nothing with another C library than glibc.
#[allow(unsafe_code, reason = "the allocator can be configured in no other way")]
pub fn give_back_large_blocks() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes two numbers and sets one.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, MMAP_THRESHOLD);
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
    fn large_blocks_are_returned() {
        give_back_large_blocks();
        // Freed first: without a fixed threshold all others would come from the heap, below the blocks that are kept.
        drop(vec![1_u8; 8 << 20]);
        let before = rss_kib();
        let mut blocks = Vec::new();
        for _ in 0..20 {
            let large = vec![1_u8; 2 << 20];
            blocks.push((large, Box::new([1_u8; 64])));
        }
        let small: Vec<_> = blocks.into_iter().map(|(large, small)| (drop(large), small)).collect();
        assert!(rss_kib() < before + (10 << 10), "{before} {}", rss_kib());
        drop(small);
    }
}
