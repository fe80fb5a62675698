//! What is remembered of one agent from tick to tick.

use std::time::Duration;

use super::fill_rate::MIN_RATE_INTERVAL;
use super::kill_target::KillTarget;
use super::unkillable::RETRY_DELAY;
use crate::model::{
    AgentRef, AgentSample, Boottime, Bytes, BytesPerSecond, ProcessKey, SystemMemory, Thresholds,
};

/// Below this share of the warn threshold an agent counts as fallen back. A garbage collector swings by a few percent
/// (220 MB of 4.4 GB seen), and each swing through the line would be a warning.
const CLEARLY_BELOW_PERCENT: u64 = 90;

/// After this long the figures are taken as they are, though the guest does not show the memory again:
/// something else has taken it.
const COOLDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// Less than this is lost in what the rest of a guest takes and gives back from one look to the next; an agent that was
/// ended on request at 520 KB waited out its 10 s for it (seen).
const MIN_EXPECTED_RELEASE: Bytes = Bytes::mib(32);

/// A charge that may count something twice is not acted on before a closer look, for so long at most: half a second until
/// the look begins, and 1.6 s for the looks at 40 forks of 6 GB.
const VERIFY_TIMEOUT: Duration = Duration::from_secs(3);

/// One agent's past, as far as decisions need it.
#[derive(Debug)]
pub(super) struct AgentState {
    pub(super) agent: AgentRef,
    charge: Bytes,
    /// What its rate was last told from.
    last: (Boottime, Bytes),
    /// How fast it grows; a burst is remembered for a few ticks.
    pub(super) rate: BytesPerSecond,
    /// Told of, and not yet clearly back.
    pub(super) warned: bool,
    /// A dry run has said what it would do about this crossing.
    pub(super) dry_run_reported: bool,
    /// The targets of its action are gone; their memory should come back before it is acted on again.
    pub(super) cooldown: Option<Cooldown>,
    /// When it was found that nothing which may be signalled brings it below its line; until something does.
    reported_unkillable_at: Option<Boottime>,
    /// Since when it is over a line only if all of its charge is its own.
    pending_verification_since: Option<Boottime>,
    /// Its charge may be acted on.
    pub(super) is_verified: bool,
    /// How often it was told that its next action waits.
    pub(super) reported_restarts: u32,
}

/// What was expected of an action.
#[derive(Clone, Debug)]
pub(super) struct Cooldown {
    pub(super) action: u64,
    pub(super) decided: Boottime,
    pub(super) gone: Boottime,
    /// The agent's highest charge since the decision.
    pub(super) peak: Bytes,
    /// Lowest room of the guest seen while the targets lived.
    pub(super) least_room: Bytes,
    pub(super) target: KillTarget,
}

/// Where a charge went, seen from the warn threshold.
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

    /// What it cost when it was looked at last.
    pub(super) fn charge(&self) -> Bytes {
        self.charge
    }

    /// Takes in how sure the new charge is. A node of 7 GB that forks looks like 14 GB until its pages are looked at.
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
        // With little room left there is no time for proof.
        self.is_verified = at.since(since) >= VERIFY_TIMEOUT || guest.allocatable() < guest.floor();
    }

    /// Takes in a new charge.
    pub(super) fn update(&mut self, at: Boottime, charge: Bytes, thresholds: Thresholds) {
        let (before, last) = self.last;
        self.charge = charge;
        // Two looks at once tell no rate.
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

    /// Its action has come to an end, and the memory is not back yet.
    pub(super) fn is_cooling_down(&self) -> bool {
        self.cooldown.is_some()
    }

    /// The same, where that action was about the agent with this root as well.
    pub(super) fn is_cooling_down_for(&self, root: ProcessKey) -> bool {
        self.cooldown.as_ref().is_some_and(|freed| freed.target.names(root))
    }

    /// Nothing of it can be acted on; whether that is to be told, which it is now and then only.
    pub(super) fn should_report_unkillable(&mut self, at: Boottime) -> bool {
        let is_news = self.reported_unkillable_at.is_none_or(|told| at.since(told) >= RETRY_DELAY);
        if is_news {
            self.reported_unkillable_at = Some(at);
        }
        is_news
    }

    /// Something of it is acted on.
    pub(super) fn clear_unkillable(&mut self) {
        self.reported_unkillable_at = None;
    }

    /// Nothing of it could be acted on when it was over its line last.
    pub(super) fn is_unkillable(&self) -> bool {
        self.reported_unkillable_at.is_some()
    }

    /// Ends a cooldown that has come to its end. `Some` with what was freed and whether the guest shows it.
    /// `charge` is what is left of what the action was about.
    pub(super) fn poll_cooldown(
        &mut self,
        at: Boottime,
        guest: &SystemMemory,
        charge: Bytes,
    ) -> Option<(Cooldown, bool)> {
        let freed = self.cooldown.take()?;
        let expected = freed.peak.saturating_sub(charge);
        // Half of it: other processes go on allocating meanwhile.
        let back =
            expected < MIN_EXPECTED_RELEASE || guest.allocatable() >= freed.least_room + expected.share(1, 2);
        if back || at.since(freed.gone) >= COOLDOWN_TIMEOUT {
            return Some((freed, back));
        }
        self.cooldown = Some(freed);
        None
    }
}
