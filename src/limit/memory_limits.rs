//! Sizes of limits.

use crate::model::Bytes;

/// The limit of `run-claude-limited` without LIMIT; from the original script.
pub const DEFAULT_LIMIT: Bytes = Bytes::gib(12);

/// Cap of all limited agents together, as a share of the machine's memory: the highest kill threshold. The kernel and the
/// desktop need the rest.
const SLICE_CAP_PERCENT: u64 = 85;

/// Divisor of the limit for its default swap: room for memory that is never used again. The original's 12G of swap beside 8G
/// made that a limit of 20G.
const DEFAULT_SWAP_DIVISOR: u64 = 16;
const MAX_DEFAULT_SWAP: Bytes = Bytes::mib(512);

/// The limits of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestedLimits {
    /// `memory.max`.
    pub max: Bytes,
    /// `memory.swap.max`; `None`: [`default_swap`].
    pub swap_max: Option<Bytes>,
}

/// The limits of a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryLimits {
    /// `memory.max`.
    pub max: Bytes,
    /// `memory.swap.max`.
    pub swap_max: Bytes,
}

/// Rounds down to whole pages, as the kernel does: a limit then reads back as it was written.
pub(super) fn whole_pages(bytes: Bytes) -> Bytes {
    // The largest page size of any machine that runs Debian: 64K, on some arm64 and ppc64el.
    const PAGE_SIZE: u64 = 64 << 10;
    Bytes::new(bytes.get() / PAGE_SIZE * PAGE_SIZE)
}

/// The cap of all limited agents together on a machine with `total` bytes of memory.
#[must_use]
pub fn slice_cap(total: Bytes) -> Bytes {
    whole_pages(total.share(SLICE_CAP_PERCENT, 100))
}

/// The swap beside a limit that was requested without swap.
#[must_use]
pub fn default_swap(limit: Bytes) -> Bytes {
    limit.share(1, DEFAULT_SWAP_DIVISOR).min(MAX_DEFAULT_SWAP)
}
