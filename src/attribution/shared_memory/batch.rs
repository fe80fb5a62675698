//! Looks at several processes that belong together.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::model::{Boottime, Bytes, Charge, ProcessKey};

/// What a look at one process found, all at the same moment.
#[derive(Clone, Copy, Debug)]
pub struct ShareReading {
    /// What it mapped.
    pub seen: Charge,
    /// What the guest held.
    pub totals: Charge,
    /// Its share of what it mapped, by `smaps_rollup`.
    pub share: Charge,
    /// Shared memory that it mapped and that was swapped out.
    pub shmem_swap: Bytes,
}

impl ShareReading {
    /// Its share now, when it seems to cost `now`: what has come since is its own, what has gone was.
    pub(crate) fn share_of(&self, now: &Charge) -> Charge {
        // No share is more than the whole, should the process have grown between the two reads.
        let moved = |share: Bytes, then: Bytes, now: Bytes| (share.min(then) + now).saturating_sub(then);
        Charge {
            anon: moved(self.share.anon, self.seen.anon, now.anon),
            shmem: moved(self.share.shmem, self.seen.shmem, now.shmem),
            swap: moved(self.share.swap, self.seen.swap, now.swap),
        }
    }
}

/// Looks that were asked for in one tick.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) at: Boottime,
    /// What the guest held in the tick before: whoever is new in the batch cannot have taken anything earlier.
    pub(crate) held: Charge,
    /// When the last answer came.
    pub(crate) progress: Boottime,
    /// How long they took so far.
    pub(crate) took: Duration,
    asked: HashSet<ProcessKey>,
    answers: HashMap<ProcessKey, Option<ShareReading>>,
}

impl Batch {
    pub(crate) fn new(at: Boottime, held: Charge, asked: &[ProcessKey]) -> Self {
        let asked = asked.iter().copied().collect();
        Self { at, held, progress: at, took: Duration::ZERO, asked, answers: HashMap::new() }
    }

    pub(crate) fn is_pending(&self, key: ProcessKey) -> bool {
        self.asked.contains(&key) && !self.answers.contains_key(&key)
    }

    pub(crate) fn answer(
        &mut self,
        at: Boottime,
        key: ProcessKey,
        reading: Option<ShareReading>,
        took: Duration,
    ) {
        if self.asked.contains(&key) {
            self.progress = at;
            self.answers.insert(key, reading);
            self.took += took;
        }
    }

    /// Whether nobody who is still there is waited for.
    pub(crate) fn is_whole(&self, present: &HashSet<ProcessKey>) -> bool {
        self.asked.iter().all(|key| self.answers.contains_key(key) || !present.contains(key))
    }

    /// Those that were not answered.
    pub(crate) fn late(&self) -> impl Iterator<Item = ProcessKey> {
        self.asked.iter().copied().filter(|key| !self.answers.contains_key(key))
    }

    /// The looks that came.
    pub(crate) fn finish(self) -> HashMap<ProcessKey, Option<ShareReading>> {
        self.answers
    }
}
