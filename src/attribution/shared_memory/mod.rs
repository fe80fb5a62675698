//! Counts memory shared among the members of an agent once.
//!
//! `status` counts a page for each process that maps it: a 7 GB node that forks appears as 14 GB, two processes with one
//! segment as two segments. `smaps_rollup` divides such pages among all that map them, but takes 50 ms at 8 GiB. So it
//! is read only for members that can share, at intervals. Between two readings the growth of the machine's memory use
//! bounds the part that a member can have unshared.

mod batch;
mod group;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::model::{Boottime, Bytes, Charge, ProcessKey, SystemMemory};
use batch::Batch;
pub use batch::ShareReading;
use group::{Group, PageKind};

/// Less shared memory than this is not worth a reading.
const MIN_SHARED_MEMORY: Bytes = Bytes::mib(4);

/// Readings may take 1/50 of the time while the charge is certain.
const CALM_TIME_SHARE: u32 = 50;

/// Readings may take 1/10 of the time while a member is new or the charge is uncertain.
const URGENT_TIME_SHARE: u32 = 10;

/// The shortest interval between two batches of readings.
const MIN_READ_INTERVAL: Duration = Duration::from_millis(100);

/// The shortest interval between two batches while the charge is certain.
const CALM_READ_INTERVAL: Duration = Duration::from_secs(1);

/// The longest interval while a charge is uncertain: the policy waits 3 s for verification.
const MAX_READ_INTERVAL_IN_DOUBT: Duration = Duration::from_millis(500);

/// A batch without any answer for this long is abandoned.
const BATCH_TIMEOUT: Duration = Duration::from_secs(1);

/// After this many unanswered batches in a row a process is charged in full.
const MAX_ATTEMPTS: u32 = 3;

/// Memory of one member by its `stat` and `status`.
#[derive(Clone, Copy, Debug)]
pub struct MemberMemory {
    /// Its key.
    pub key: ProcessKey,
    /// Identifies its program: equal for a process and its forks until exec. 0: unknown.
    pub exec_id: u64,
    /// All mapped memory, shared or not.
    pub charge: Charge,
}

/// Charge of all members of an agent.
#[derive(Clone, Debug, Default)]
pub struct ChargeEstimate {
    /// The share of each member, in the order of the members.
    pub charges: Vec<Charge>,
    /// The charge of the agent; never less than the sum of the shares.
    pub total: Charge,
    /// The part of the total that the next reading may remove.
    pub unverified: Bytes,
    /// Processes to read, as one batch.
    pub to_read: Vec<ProcessKey>,
}

/// Keeps the readings of one agent's members.
#[derive(Debug, Default)]
pub struct Sharing {
    /// `None`: it could not be read, and is charged in full.
    readings: HashMap<ProcessKey, Option<ShareReading>>,
    batch: Option<Batch>,
    /// When the last batch was requested, and how long its readings took.
    last: Option<(Boottime, Duration)>,
    /// Totals of the previous sample.
    previous_totals: Option<Charge>,
    /// A process with a reading has exited: its shared pages now belong to the others.
    member_left: bool,
    /// Unanswered batches in a row, for each process.
    unanswered: HashMap<ProcessKey, u32>,
    /// Processes that have mapped shared memory worth a reading.
    mapped: HashSet<ProcessKey>,
}

impl Sharing {
    /// Whether a reading of that process was requested and has not arrived.
    #[must_use]
    pub fn is_pending(&self, key: ProcessKey) -> bool {
        self.batch.as_ref().is_some_and(|b| b.is_pending(key))
    }

    /// Records the answer to a request of [`ChargeEstimate::to_read`]; `None`: it could not be read.
    pub fn record(&mut self, at: Boottime, key: ProcessKey, reading: Option<ShareReading>, took: Duration) {
        if let Some(batch) = &mut self.batch {
            batch.answer(at, key, reading, took);
        }
    }

    /// Estimates the charge of `members` together.
    pub fn estimate(
        &mut self,
        at: Boottime,
        guest: &SystemMemory,
        members: &[MemberMemory],
    ) -> ChargeEstimate {
        let present: HashSet<ProcessKey> = members.iter().map(|m| m.key).collect();
        self.mapped.extend(members.iter().filter(|m| m.charge.shmem >= MIN_SHARED_MEMORY).map(|m| m.key));
        self.mapped.retain(|key| present.contains(key));
        self.commit(at, &present);
        let groups = Group::find(members);
        let swapping = guest.swap_free < guest.swap_total;
        let sharers: HashSet<ProcessKey> = groups
            .iter()
            .flat_map(|g| g.members.iter().map(|&i| members[i].key))
            .chain(self.mapped.iter().copied().filter(|_| swapping))
            .collect();
        self.member_left |= self.readings.keys().any(|key| !present.contains(key));
        self.readings.retain(|key, _| sharers.contains(key));
        let mut estimate = self.sum(guest, members, &groups);
        if self.is_due(at, &sharers, &estimate) {
            estimate.to_read = members.iter().map(|m| m.key).filter(|key| sharers.contains(key)).collect();
            let held = self.previous_totals.unwrap_or(guest.process_totals);
            self.batch = Some(Batch::new(at, held, &estimate.to_read));
            self.member_left = false;
            let took = self.last.map_or(Duration::ZERO, |(_, took)| took);
            self.last = Some((at, took));
        }
        self.previous_totals = Some(guest.process_totals);
        estimate
    }

    /// Applies a batch once it is complete: a page that one reading divides by two and the next by three would count for more
    /// than one.
    fn commit(&mut self, at: Boottime, present: &HashSet<ProcessKey>) {
        let Some(batch) = self.batch.take() else { return };
        if !batch.is_complete(present) && at.since(batch.progress) < BATCH_TIMEOUT {
            self.batch = Some(batch);
            return;
        }
        self.last = Some((batch.at, batch.took));
        let unanswered: Vec<ProcessKey> = batch.unanswered().filter(|key| present.contains(key)).collect();
        self.unanswered.retain(|key, _| unanswered.contains(key));
        let before = std::mem::replace(&mut self.readings, batch.finish());
        for key in unanswered {
            let tries = self.unanswered.entry(key).or_default();
            *tries += 1;
            // An older reading is better than none; no reading is better than a guess, until it is clear that none will come.
            if let Some(reading) = before.get(&key).copied().or((*tries >= MAX_ATTEMPTS).then_some(None)) {
                self.readings.insert(key, reading);
            }
        }
    }

    fn is_due(&self, at: Boottime, sharers: &HashSet<ProcessKey>, estimate: &ChargeEstimate) -> bool {
        let Some((last, took)) = self.last else { return !sharers.is_empty() };
        let idle = self.batch.is_none() && !sharers.is_empty();
        let doubt = estimate.unverified > estimate.total.total().share(1, 16);
        let pressing =
            doubt || self.member_left || sharers.iter().any(|key| !self.readings.contains_key(key));
        let apart = match (doubt, pressing) {
            (true, _) => (took * URGENT_TIME_SHARE).clamp(MIN_READ_INTERVAL, MAX_READ_INTERVAL_IN_DOUBT),
            (false, true) => MIN_READ_INTERVAL.max(took * URGENT_TIME_SHARE),
            (false, false) => CALM_READ_INTERVAL.max(took * CALM_TIME_SHARE),
        };
        idle && at.since(last) >= apart
    }

    fn sum(&self, guest: &SystemMemory, members: &[MemberMemory], groups: &[Group]) -> ChargeEstimate {
        let mut charges: Vec<Charge> = members.iter().map(|m| m.charge).collect();
        for group in groups {
            let measured = group.members.iter().any(|&i| self.readings.contains_key(&members[i].key));
            for &i in &group.members {
                let member = &members[i];
                let part = match self.readings.get(&member.key) {
                    Some(Some(reading)) => reading.share_of(&member.charge),
                    // Until the first reading a member is assumed to share as much as possible.
                    None if measured || i != group.largest => Charge::default(),
                    _ => member.charge,
                };
                group.page_kind.set_share(&mut charges[i], part);
            }
        }
        for (charge, swap) in charges.iter_mut().zip(self.swapped_shmem(guest, members)) {
            charge.swap += swap;
        }
        let parts: Charge = charges.iter().copied().sum();
        let mut total = parts;
        let mut proven = parts;
        for group in groups {
            let own = group.members.iter().map(|&i| charges[i]).sum();
            let (certain, likely) = group.bound(own, members, self.unseen_growth(group, guest, members));
            proven = proven.plus_beyond(certain, own);
            total = total.plus_beyond(likely, own);
        }
        let unverified = total.total().saturating_sub(proven.total());
        ChargeEstimate { charges, total, unverified, to_read: Vec::new() }
    }

    /// Memory that a group may have unshared since its readings: at most the growth of the machine's totals since, less the
    /// growth visible in the group's own figures.
    fn unseen_growth(&self, group: &Group, guest: &SystemMemory, members: &[MemberMemory]) -> Bytes {
        let since = |key| self.readings.get(key)?.map(|reading| reading.totals);
        let pending = self.batch.as_ref().map(|b| b.held).or(self.previous_totals);
        let held = group.members.iter().filter_map(|&i| since(&members[i].key).or(pending));
        let Some(then) = held.map(|held| group.page_kind.amount(&held)).min() else { return Bytes::ZERO };
        let shown = group.members.iter().filter_map(|&i| {
            let reading = self.readings.get(&members[i].key)?.as_ref()?;
            Some(
                group
                    .page_kind
                    .amount(&members[i].charge)
                    .saturating_sub(group.page_kind.amount(&reading.seen)),
            )
        });
        group.page_kind.amount(&guest.process_totals).saturating_sub(then).saturating_sub(shown.sum())
    }

    /// Swapped-out shared memory is in no field of `status`: it is taken from the reading, plus the shared memory that has
    /// left RAM while swap grew.
    fn swapped_shmem(&self, guest: &SystemMemory, members: &[MemberMemory]) -> Vec<Bytes> {
        let swapped = |m: &MemberMemory| {
            let reading = self.readings.get(&m.key).copied().flatten()?;
            let since = reading.seen.shmem.saturating_sub(m.charge.shmem);
            let swap = guest.process_totals.swap.saturating_sub(reading.totals.swap);
            Some((reading, reading.shmem_swap + since.min(swap)))
        };
        let all: Vec<Option<(ShareReading, Bytes)>> = members.iter().map(swapped).collect();
        // A process without resident shared memory does not show how many share it: the largest counts.
        let shows = |reading: &ShareReading| reading.seen.shmem >= Bytes::mib(1);
        let hidden = || all.iter().flatten().filter(|(reading, _)| !shows(reading)).map(|(_, bytes)| *bytes);
        let (largest, sum) = (hidden().max().unwrap_or_default(), hidden().sum::<Bytes>());
        let part = |(reading, bytes): &(ShareReading, Bytes)| match (shows(reading), sum) {
            // Assume that swapped-out pages have as many sharers as resident ones.
            (true, _) => {
                bytes.share(reading.share.shmem.min(reading.seen.shmem).get(), reading.seen.shmem.get())
            }
            (false, Bytes::ZERO) => Bytes::ZERO,
            (false, sum) => bytes.share(largest.get(), sum.get()),
        };
        all.iter().map(|found| found.as_ref().map(part).unwrap_or_default()).collect()
    }
}

impl PageKind {
    fn set_share(self, charge: &mut Charge, part: Charge) {
        match self {
            Self::Private => (charge.anon, charge.swap) = (part.anon, part.swap),
            Self::Shared => charge.shmem = part.shmem,
        }
    }
}

#[cfg(test)]
mod tests;
