//! Readings of several processes that belong together.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::model::{Boottime, Bytes, Charge, ProcessKey};

/// One reading of a process; all values are from the same moment.
#[derive(Clone, Copy, Debug)]
pub struct ShareReading {
    /// Its mapped memory.
    pub seen: Charge,
    /// Totals of all processes.
    pub totals: Charge,
    /// Its share of its mapped memory, by `smaps_rollup`.
    pub share: Charge,
    /// Shared memory that it mapped and that was swapped out.
    pub shmem_swap: Bytes,
}

impl ShareReading {
    /// Its share when it maps `now`: memory mapped or freed since the reading counts as its own.
    pub(crate) fn share_of(&self, now: &Charge) -> Charge {
        // A share is at most the whole, should the process have grown between the two reads.
        let moved = |share: Bytes, then: Bytes, now: Bytes| (share.min(then) + now).saturating_sub(then);
        Charge {
            anon: moved(self.share.anon, self.seen.anon, now.anon),
            shmem: moved(self.share.shmem, self.seen.shmem, now.shmem),
            swap: moved(self.share.swap, self.seen.swap, now.swap),
        }
    }
}

/// Readings requested in one sample.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) at: Boottime,
    /// Totals of the previous sample: a process that is new in the batch cannot have unshared anything earlier.
    pub(crate) held: Charge,
    /// When the last answer arrived.
    pub(crate) progress: Boottime,
    /// Time taken by the readings so far.
    pub(crate) took: Duration,
    requested: HashSet<ProcessKey>,
    answers: HashMap<ProcessKey, Option<ShareReading>>,
}

impl Batch {
    pub(crate) fn new(at: Boottime, held: Charge, requested: &[ProcessKey]) -> Self {
        let requested = requested.iter().copied().collect();
        Self { at, held, progress: at, took: Duration::ZERO, requested, answers: HashMap::new() }
    }

    pub(crate) fn is_pending(&self, key: ProcessKey) -> bool {
        self.requested.contains(&key) && !self.answers.contains_key(&key)
    }

    pub(crate) fn answer(
        &mut self,
        at: Boottime,
        key: ProcessKey,
        reading: Option<ShareReading>,
        took: Duration,
    ) {
        if self.requested.contains(&key) {
            self.progress = at;
            self.answers.insert(key, reading);
            self.took += took;
        }
    }

    /// Whether all processes that still live were answered.
    pub(crate) fn is_complete(&self, present: &HashSet<ProcessKey>) -> bool {
        self.requested.iter().all(|key| self.answers.contains_key(key) || !present.contains(key))
    }

    /// Processes without an answer.
    pub(crate) fn unanswered(&self) -> impl Iterator<Item = ProcessKey> {
        self.requested.iter().copied().filter(|key| !self.answers.contains_key(key))
    }

    /// The readings that arrived.
    pub(crate) fn finish(self) -> HashMap<ProcessKey, Option<ShareReading>> {
        self.answers
    }
}
