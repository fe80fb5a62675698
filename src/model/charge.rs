//! What a process or an agent costs.

use std::iter::Sum;
use std::ops::Add;

use super::Bytes;

/// Memory that only ends with its process: never page cache, which the kernel takes back by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Charge {
    /// Private anonymous memory (`RssAnon`).
    pub anon: Bytes,
    /// Mapped shared memory: shmem, memfd, shared anonymous maps (`RssShmem`).
    pub shmem: Bytes,
    /// Private memory swapped out (`VmSwap`): it counts, because resident memory stands still while swap fills.
    pub swap: Bytes,
}

impl Charge {
    /// Private anonymous memory and nothing else.
    #[must_use]
    pub fn anonymous(anon: Bytes) -> Self {
        Self { anon, ..Self::default() }
    }

    /// All of it.
    #[must_use]
    pub fn total(self) -> Bytes {
        self.anon + self.shmem + self.swap
    }

    /// The same charge with each part cut to what the whole guest holds of it. A page that several processes share,
    /// after a fork or in a segment, counts once there and once for each of them in their sum.
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
    /// Itself and that by which `bound` is beyond `own`, part by part.
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
