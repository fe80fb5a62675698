//! Looks at several processes that belong together.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::model::{Boottime, Bytes, Charge, ProcessKey};

/// What a look at one process found.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// What it seemed to cost when it was asked for.
    pub(super) seen: Charge,
    /// What the guest held in the tick before.
    pub(super) held: Charge,
    /// Its share of what it maps; `None`: that could not be had.
    pub(super) share: Option<Charge>,
    /// Shared memory that it maps and that is swapped out.
    pub(super) shmem_swap: Bytes,
}

impl Look {
    /// Its share now, when it seems to cost `now`: what has come since is its own, what has gone was.
    pub(super) fn share_of(&self, now: &Charge) -> Charge {
        let Some(share) = self.share else { return *now };
        // No share is more than the whole, should the process have grown between the two reads.
        let moved = |share: Bytes, then: Bytes, now: Bytes| (share.min(then) + now).saturating_sub(then);
        Charge {
            anon: moved(share.anon, self.seen.anon, now.anon),
            shmem: moved(share.shmem, self.seen.shmem, now.shmem),
            swap: moved(share.swap, self.seen.swap, now.swap),
        }
    }
}

/// Looks that were asked for in one tick.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) at: Boottime,
    pub(super) held: Charge,
    /// How long they took so far.
    pub(super) took: Duration,
    asked: HashMap<ProcessKey, Charge>,
    answers: HashMap<ProcessKey, Look>,
}

impl Batch {
    pub(super) fn new(at: Boottime, held: Charge, asked: impl Iterator<Item = (ProcessKey, Charge)>) -> Self {
        Self { at, held, took: Duration::ZERO, asked: asked.collect(), answers: HashMap::new() }
    }

    pub(super) fn waits_for(&self, key: ProcessKey) -> bool {
        self.asked.contains_key(&key) && !self.answers.contains_key(&key)
    }

    pub(super) fn answer(&mut self, key: ProcessKey, share: Option<(Charge, Bytes)>, took: Duration) {
        let Some(&seen) = self.asked.get(&key) else { return };
        let shmem_swap = share.map(|(_, swap)| swap).unwrap_or_default();
        self.answers
            .insert(key, Look { seen, held: self.held, share: share.map(|(share, _)| share), shmem_swap });
        self.took += took;
    }

    /// Whether nobody who is still there is waited for.
    pub(super) fn is_whole(&self, present: &HashSet<ProcessKey>) -> bool {
        self.asked.keys().all(|key| self.answers.contains_key(key) || !present.contains(key))
    }

    /// The looks; those that did not come in time are failed ones.
    pub(super) fn finish(mut self) -> HashMap<ProcessKey, Look> {
        for (&key, &seen) in &self.asked {
            let failed = Look { seen, held: self.held, share: None, shmem_swap: Bytes::ZERO };
            self.answers.entry(key).or_insert(failed);
        }
        self.answers
    }
}
