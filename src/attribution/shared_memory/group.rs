//! Members that can share pages with one another.

use std::collections::HashMap;

use super::{MIN_SHARED_MEMORY, MemberMemory};
use crate::model::{Bytes, Charge};

/// Kinds of pages that processes share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PageKind {
    /// Anonymous pages, resident or swapped out: shared by forks until one of them writes.
    Private,
    /// Pages of segments, memfds and shared anonymous mappings.
    Shared,
}

impl PageKind {
    pub(crate) fn amount(self, charge: &Charge) -> Bytes {
        match self {
            Self::Private => charge.anon + charge.swap,
            Self::Shared => charge.shmem,
        }
    }
}

/// Two or more members that can share a significant amount.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) page_kind: PageKind,
    /// Their indices among the agent's members.
    pub(crate) members: Vec<usize>,
    /// The index of the largest.
    pub(crate) largest: usize,
}

impl Group {
    /// The groups among `members`: forks of one program, and all that map shared memory.
    pub(crate) fn find(members: &[MemberMemory]) -> Vec<Self> {
        let mut exec_ids: HashMap<u64, Vec<usize>> = HashMap::new();
        for (i, member) in members.iter().enumerate().filter(|(_, m)| m.exec_id != 0) {
            exec_ids.entry(member.exec_id).or_default().push(i);
        }
        let shared: Vec<usize> =
            (0..members.len()).filter(|&i| members[i].charge.shmem > Bytes::ZERO).collect();
        let private = exec_ids.into_values().filter_map(|group| Self::new(PageKind::Private, group, members));
        private.chain(Self::new(PageKind::Shared, shared, members)).collect()
    }

    fn new(page_kind: PageKind, indices: Vec<usize>, members: &[MemberMemory]) -> Option<Self> {
        let of = |i: usize| page_kind.amount(&members[i].charge);
        let largest = indices.iter().copied().max_by_key(|&i| of(i))?;
        let others: Bytes = indices.iter().filter(|&&i| i != largest).map(|&i| of(i)).sum();
        (others >= MIN_SHARED_MEMORY).then_some(Self { page_kind, members: indices, largest })
    }

    /// The certain and the likely charge of the group, given the sum `own` of its shares and memory that it may have
    /// unshared since: never less than its largest member maps, never more than all map together.
    pub(crate) fn bound(
        &self,
        own: Charge,
        members: &[MemberMemory],
        unseen_growth: Bytes,
    ) -> (Charge, Charge) {
        let all: Charge = self.members.iter().map(|&i| members[i].charge).sum();
        let one = |field: fn(&Charge) -> Bytes| {
            self.members.iter().map(|&i| field(&members[i].charge)).max().unwrap_or_default()
        };
        let certain = match self.page_kind {
            PageKind::Private => Charge {
                anon: own.anon.max(one(|c| c.anon)).min(all.anon),
                swap: own.swap.max(one(|c| c.swap)),
                shmem: own.shmem,
            },
            PageKind::Shared => Charge { shmem: own.shmem.max(one(|c| c.shmem)).min(all.shmem), ..own },
        };
        let likely = match self.page_kind {
            PageKind::Private => {
                Charge { anon: (certain.anon + unseen_growth).min(all.anon.max(certain.anon)), ..certain }
            }
            PageKind::Shared => {
                Charge { shmem: (certain.shmem + unseen_growth).min(all.shmem.max(certain.shmem)), ..certain }
            }
        };
        (certain, likely)
    }
}
