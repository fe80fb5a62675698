//! All limited agents together: their slice is a smaller guest, which has as much memory as it may have, and no swap.

use std::path::PathBuf;

use crate::model::event::Danger;
use crate::model::{AgentSample, BytesPerSecond, Snapshot, SystemMemory};
use crate::policy::guard::Guard;
use crate::policy::poll_interval::Headroom;

/// Watches what a slice has left, where one has a cap.
#[derive(Debug, Default)]
pub(super) struct SliceGuard {
    pub(super) guard: Guard,
    path: PathBuf,
    /// As it was seen last.
    guest: Option<SystemMemory>,
    pub(super) danger: Option<Danger>,
    /// The action that is under way is for its sake.
    pub(super) acts: bool,
}

impl SliceGuard {
    /// Takes in a snapshot; what it shows of the slice and those in it, as if that were a guest.
    pub(super) fn take(&mut self, snapshot: &Snapshot) -> Option<Snapshot> {
        let Some(slice) = &snapshot.slice else {
            *self = Self { acts: self.acts, ..Self::default() };
            return None;
        };
        if self.path != slice.path {
            *self = Self { acts: self.acts, path: slice.path.clone(), ..Self::default() };
        }
        let guest = SystemMemory {
            mem_total: slice.max,
            mem_available: slice.max.saturating_sub(slice.used),
            ..SystemMemory::default()
        };
        let own =
            Snapshot { at: snapshot.at, guest, agents: self.of(&snapshot.agents), ..Snapshot::default() };
        self.guard.fill.take(own.at, guest.used());
        self.danger = self.guard.assess(&own);
        // Whoever was spared is looked at anew when it comes to this again.
        _ = self.guard.is_over(&guest);
        self.guest = Some(guest);
        Some(own)
    }

    /// Those of `agents` that are in it.
    pub(super) fn of(&self, agents: &[AgentSample]) -> Vec<AgentSample> {
        let inside = |a: &&AgentSample| {
            a.cgroup.as_ref().map(|c| &c.path).or(a.scope.as_ref()).is_some_and(|p| p.starts_with(&self.path))
        };
        agents.iter().filter(inside).cloned().collect()
    }

    /// How far it is from danger; `None`: there is no cap, or nobody can be acted on.
    pub(super) fn headroom(&self) -> Option<Headroom> {
        let guest = self.guest.filter(|_| !self.guard.is_standing())?;
        let left = guest.remaining().saturating_sub(self.guard.reserve(&guest));
        let half = guest.mem_total.share(1, 2);
        Some(Headroom {
            to_kill: left,
            to_next: left,
            is_small: left >= half,
            rate: self.guard.fill.current(),
        })
    }

    /// What an action is measured by: the slice where it is for its sake, else the guest.
    pub(super) fn measure(
        &self,
        guest: &SystemMemory,
        fill_rate: BytesPerSecond,
    ) -> (SystemMemory, BytesPerSecond) {
        match self.guest {
            Some(own) if self.acts => (own, self.guard.fill.current()),
            _ => (*guest, fill_rate),
        }
    }
}
