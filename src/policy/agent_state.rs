//! The state of one agent between snapshots.

use std::time::Duration;

use super::fill_rate::MIN_RATE_INTERVAL;
use super::kill_target::KillTarget;
use super::unkillable::RETRY_DELAY;
use crate::model::{
    AgentRef, AgentSample, Boottime, Bytes, BytesPerSecond, ProcessKey, SystemMemory, Thresholds,
};

/// Below this share of the warn threshold an agent counts as recovered. A garbage collector swings by a few percent
/// (220 MB of 4.4 GB seen), and each swing across the threshold would be a warning.
const CLEARLY_BELOW_PERCENT: u64 = 90;

/// After this time an action counts as finished although the freed memory is not visible as available: other processes
/// took it.
const COOLDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// A smaller release is invisible among the changes of other processes between two samples. Without this minimum a
/// stopped agent of 520 KB waited the full 10 s (seen).
const MIN_EXPECTED_RELEASE: Bytes = Bytes::mib(32);

/// A charge that may count memory twice is acted on after a closer measurement or this time: half a second until that
/// begins, and 1.6 s for 40 forks of 6 GB.
const VERIFY_TIMEOUT: Duration = Duration::from_secs(3);

/// The history of one agent.
#[derive(Debug)]
pub(super) struct AgentState {
    pub(super) agent: AgentRef,
    charge: Bytes,
    /// The sample from which the rate was last computed.
    last: (Boottime, Bytes),
    /// Growth rate; a burst decays over a few ticks.
    pub(super) rate: BytesPerSecond,
    /// The warning was reported, and the charge is not clearly below the threshold.
    pub(super) warned: bool,
    /// A dry run has reported its action for this crossing.
    pub(super) dry_run_reported: bool,
    /// The targets of its action have exited, and their memory should come back before the next action.
    pub(super) cooldown: Option<Cooldown>,
    /// When it was last reported that no killable part brings it below its threshold; `None` once one does.
    reported_unkillable_at: Option<Boottime>,
    /// Since when it is over a threshold only with the unverified part of its charge.
    pending_verification_since: Option<Boottime>,
    /// The charge may be acted on.
    pub(super) is_verified: bool,
    /// Restarts for which a backoff was reported.
    pub(super) reported_restarts: u32,
}

/// The expected outcome of an action.
#[derive(Clone, Debug)]
pub(super) struct Cooldown {
    pub(super) action: u64,
    pub(super) decided: Boottime,
    pub(super) gone: Boottime,
    /// The highest charge of the agent since the decision.
    pub(super) peak: Bytes,
    /// The lowest allocatable memory of the machine while the targets lived.
    pub(super) lowest_allocatable: Bytes,
    pub(super) target: KillTarget,
}

/// A crossing of the warn threshold.
pub(super) enum Crossing {
    Up,
    Down,
}

impl AgentState {
    pub(super) fn new(agent: AgentRef, at: Boottime, charge: Bytes) -> Self {
        Self {
            agent,
            charge,
            last: (at, charge),
            rate: BytesPerSecond::default(),
            warned: false,
            dry_run_reported: false,
            cooldown: None,
            reported_unkillable_at: None,
            pending_verification_since: None,
            is_verified: true,
            reported_restarts: 0,
        }
    }

    /// The charge of the last sample.
    pub(super) fn charge(&self) -> Bytes {
        self.charge
    }

    /// Decides whether the new charge is verified. A forking node of 7 GB appears as 14 GB until its pages are
    /// measured.
    pub(super) fn verify_charge(
        &mut self,
        at: Boottime,
        sample: &AgentSample,
        thresholds: Thresholds,
        guest: &SystemMemory,
    ) {
        let charge = sample.charge.total();
        let proven = charge.saturating_sub(sample.unverified);
        let hangs_on_it = |threshold: Bytes| charge >= threshold && proven < threshold;
        if !hangs_on_it(thresholds.warn) && !hangs_on_it(thresholds.kill) {
            self.pending_verification_since = None;
            self.is_verified = true;
            return;
        }
        let since = *self.pending_verification_since.get_or_insert(at);
        // With little memory remaining there is no time to verify.
        self.is_verified = at.since(since) >= VERIFY_TIMEOUT || guest.allocatable() < guest.floor();
    }

    /// Observes a new charge.
    pub(super) fn update(&mut self, at: Boottime, charge: Bytes, thresholds: Thresholds) {
        let (before, last) = self.last;
        self.charge = charge;
        // Two samples in quick succession give no rate.
        if at.since(before) >= MIN_RATE_INTERVAL {
            let seen = BytesPerSecond::growth(last, charge, at.since(before));
            self.rate = seen.max(self.rate.halved());
            self.last = (at, charge);
        }
        if charge < thresholds.kill.share(CLEARLY_BELOW_PERCENT, 100) {
            self.dry_run_reported = false;
        }
    }

    pub(super) fn crossing(&mut self, thresholds: Thresholds) -> Option<Crossing> {
        let charge = self.charge;
        if !self.warned && self.is_verified && charge >= thresholds.warn {
            self.warned = true;
            return Some(Crossing::Up);
        }
        if self.warned && charge < thresholds.warn.share(CLEARLY_BELOW_PERCENT, 100) {
            self.warned = false;
            return Some(Crossing::Down);
        }
        None
    }

    /// Whether its action has ended and the memory is not back yet.
    pub(super) fn is_cooling_down(&self) -> bool {
        self.cooldown.is_some()
    }

    /// Whether it is cooling down from an action that also targeted the agent with this root.
    pub(super) fn is_cooling_down_for(&self, root: ProcessKey) -> bool {
        self.cooldown.as_ref().is_some_and(|cooldown| cooldown.target.names(root))
    }

    /// Records that no part of it can be killed. Returns whether to report that, which is limited to once per
    /// `RETRY_DELAY`.
    pub(super) fn should_report_unkillable(&mut self, at: Boottime) -> bool {
        let is_due = self.reported_unkillable_at.is_none_or(|last| at.since(last) >= RETRY_DELAY);
        if is_due {
            self.reported_unkillable_at = Some(at);
        }
        is_due
    }

    /// A part of it can be killed again.
    pub(super) fn clear_unkillable(&mut self) {
        self.reported_unkillable_at = None;
    }

    /// Whether no part of it could be killed when it was last over its threshold.
    pub(super) fn is_unkillable(&self) -> bool {
        self.reported_unkillable_at.is_some()
    }

    /// Ends a finished cooldown. Returns the expected outcome and whether the freed memory is available. `charge` is
    /// the remaining charge of the target.
    pub(super) fn poll_cooldown(
        &mut self,
        at: Boottime,
        guest: &SystemMemory,
        charge: Bytes,
    ) -> Option<(Cooldown, bool)> {
        let cooldown = self.cooldown.take()?;
        let expected = cooldown.peak.saturating_sub(charge);
        // Half of it: other processes allocate meanwhile.
        let back = expected < MIN_EXPECTED_RELEASE
            || guest.allocatable() >= cooldown.lowest_allocatable + expected.share(1, 2);
        if back || at.since(cooldown.gone) >= COOLDOWN_TIMEOUT {
            return Some((cooldown, back));
        }
        self.cooldown = Some(cooldown);
        None
    }
}
