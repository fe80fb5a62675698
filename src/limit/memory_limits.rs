//! How large a limit is.

use super::LimitError;
use crate::model::Bytes;

/// The limit where none was said; the original's.
pub const DEFAULT: Bytes = Bytes::gib(12);

/// The smallest limit that is taken: a bash at its prompt has 4M resident.
const LEAST: Bytes = Bytes::mib(8);

/// All limited agents together may take so much of a guest, which is where the highest kill threshold is. The kernel and the
/// desktop need the rest.
const CAP_PERCENT: u64 = 85;

/// Swap beside a limit: room for what is never used again. The original's 12G beside 8G made it a limit of 20G.
const SWAP_SHARE: u64 = 16;
const MOST_SWAP: Bytes = Bytes::mib(512);

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestedLimits {
    /// The limit.
    pub limit: Bytes,
    /// Swap beside it; `None`: a little.
    pub swap: Option<Bytes>,
}

/// What a scope gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryLimits {
    /// `memory.max`.
    pub max: Bytes,
    /// `memory.swap.max`.
    pub swap: Bytes,
}

impl RequestedLimits {
    /// What comes of it where all together may have `cap`.
    ///
    /// # Errors
    /// [`LimitError::TooSmall`].
    pub fn shape(self, cap: Option<Bytes>) -> Result<MemoryLimits, LimitError> {
        if self.limit < LEAST {
            return Err(LimitError::TooSmall { asked: self.limit, least: LEAST });
        }
        let max = whole_pages(cap.map_or(self.limit, |cap| self.limit.min(cap)));
        Ok(MemoryLimits { max, swap: whole_pages(self.swap.unwrap_or_else(|| default_swap(max))) })
    }
}

/// The kernel counts in pages: what it is told and what is read back are then the same.
fn whole_pages(bytes: Bytes) -> Bytes {
    // No page is larger on what Debian runs on (64K on some arm64 and ppc64el).
    const PAGE: u64 = 64 << 10;
    Bytes::new(bytes.get() / PAGE * PAGE)
}

/// The cap of all limited agents in a guest with `total` bytes of memory.
#[must_use]
pub fn cap(total: Bytes) -> Bytes {
    whole_pages(total.share(CAP_PERCENT, 100))
}

/// The swap beside a limit of which nothing else was said.
#[must_use]
pub fn default_swap(limit: Bytes) -> Bytes {
    limit.share(1, SWAP_SHARE).min(MOST_SWAP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_what_was_said_up_to_the_cap() {
        let shape = |limit, swap, cap| RequestedLimits { limit, swap }.shape(cap).unwrap();
        let plain = shape(Bytes::gib(8), None, Some(Bytes::gib(13)));
        assert_eq!((plain.max, plain.swap), (Bytes::gib(8), Bytes::mib(512)));
        let clamped = shape(DEFAULT, None, Some(cap(Bytes::gib(8))));
        assert_eq!(clamped.max, Bytes::kib(7_130_304 / 64 * 64), "85 % of 8G");
        assert_eq!(shape(Bytes::mib(300), Some(Bytes::ZERO), None).swap, Bytes::ZERO);
        assert_eq!(shape(Bytes::mib(320), None, None).swap, Bytes::mib(20));
    }

    #[test]
    fn what_nothing_could_run_in_is_refused() {
        let error = RequestedLimits { limit: Bytes::mib(1), swap: None }.shape(None).unwrap_err();
        assert_eq!(error.to_string(), "a limit of 1M is too small: 8M is the least");
    }
}
