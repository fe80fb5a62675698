//! Memory charged to a process or an agent.

use std::iter::Sum;
use std::ops::Add;

use super::Bytes;

/// Memory that is only freed when its process exits: never page cache, which the kernel reclaims by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Charge {
    /// Private anonymous memory (`RssAnon`).
    pub anon: Bytes,
    /// Mapped shared memory: shmem, memfd, shared anonymous maps (`RssShmem`).
    pub shmem: Bytes,
    /// Private memory swapped out (`VmSwap`). It counts, because resident memory is constant while swap fills.
    pub swap: Bytes,
}

impl Charge {
    /// Private anonymous memory only.
    #[must_use]
    pub fn anonymous(anon: Bytes) -> Self {
        Self { anon, ..Self::default() }
    }

    /// The sum of all parts.
    #[must_use]
    pub fn total(self) -> Bytes {
        self.anon + self.shmem + self.swap
    }

    /// Each part cut to the total of the machine. A page shared by several processes, after a fork or in a segment, counts
    /// once there and once for each of them in their sum.
    #[must_use]
    pub fn at_most(self, held: Self) -> Self {
        Self {
            anon: self.anon.min(held.anon),
            shmem: self.shmem.min(held.shmem),
            swap: self.swap.min(held.swap),
        }
    }
}

impl Charge {
    /// Adds the excess of `bound` over `own`, part by part.
    #[must_use]
    pub fn plus_beyond(self, bound: Self, own: Self) -> Self {
        Self {
            anon: self.anon + bound.anon.saturating_sub(own.anon),
            shmem: self.shmem + bound.shmem.saturating_sub(own.shmem),
            swap: self.swap + bound.swap.saturating_sub(own.swap),
        }
    }
}

impl Add for Charge {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self { anon: self.anon + other.anon, shmem: self.shmem + other.shmem, swap: self.swap + other.swap }
    }
}

impl Sum for Charge {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Add::add)
    }
}
