//! All limited agents together: their slice is treated as a machine with the memory of its limit and without swap.

use std::path::PathBuf;

use crate::model::event::Danger;
use crate::model::{AgentSample, BytesPerSecond, Snapshot, SystemMemory};
use crate::policy::guard::Guard;
use crate::policy::poll_interval::Headroom;

/// Watches the remaining memory of a slice with a limit.
#[derive(Debug, Default)]
pub(super) struct SliceGuard {
    pub(super) guard: Guard,
    path: PathBuf,
    /// The slice as of the last snapshot, as if it were a machine.
    guest: Option<SystemMemory>,
    pub(super) danger: Option<Danger>,
    /// The action in progress protects this slice.
    pub(super) is_acting: bool,
}

impl SliceGuard {
    /// Observes a snapshot. Returns the slice and its agents, as if it were a machine.
    pub(super) fn observe(&mut self, snapshot: &Snapshot) -> Option<Snapshot> {
        let Some(slice) = &snapshot.slice else {
            *self = Self { is_acting: self.is_acting, ..Self::default() };
            return None;
        };
        if self.path != slice.path {
            *self = Self { is_acting: self.is_acting, path: slice.path.clone(), ..Self::default() };
        }
        let guest = SystemMemory {
            mem_total: slice.max,
            mem_available: slice.max.saturating_sub(slice.used),
            ..SystemMemory::default()
        };
        let own = Snapshot {
            at: snapshot.at,
            guest,
            agents: self.agents_inside(&snapshot.agents),
            ..Snapshot::default()
        };
        self.guard.fill.record(own.at, guest.used());
        self.danger = self.guard.assess(&own);
        // A reason for no action is reported again at the next danger.
        _ = self.guard.end_danger(&guest);
        self.guest = Some(guest);
        Some(own)
    }

    /// The given agents that are in the slice.
    pub(super) fn agents_inside(&self, agents: &[AgentSample]) -> Vec<AgentSample> {
        let inside = |a: &&AgentSample| {
            a.cgroup.as_ref().map(|c| &c.path).or(a.scope.as_ref()).is_some_and(|p| p.starts_with(&self.path))
        };
        agents.iter().filter(inside).cloned().collect()
    }

    /// The distance from danger; `None` without a limit, or if no process can be killed.
    pub(super) fn headroom(&self) -> Option<Headroom> {
        let guest = self.guest.filter(|_| !self.guard.has_unresolved_danger())?;
        let left = guest.remaining().saturating_sub(self.guard.reserve(&guest));
        let half = guest.mem_total.share(1, 2);
        Some(Headroom {
            to_kill: left,
            to_next: left,
            is_small: left >= half,
            rate: self.guard.fill.current(),
        })
    }

    /// The memory by which an action is measured: the slice if it protects that, else the machine.
    pub(super) fn measure(
        &self,
        guest: &SystemMemory,
        fill_rate: BytesPerSecond,
    ) -> (SystemMemory, BytesPerSecond) {
        match self.guest {
            Some(own) if self.is_acting => (own, self.guard.fill.current()),
            _ => (*guest, fill_rate),
        }
    }
}
