//! Detects a machine that stalls on swapping although swap remains.

use std::time::Duration;

use crate::model::{Boottime, Bytes, Snapshot};

/// Share of time in which all tasks wait for memory, while pages are read back from swap.
const MIN_STALL_PERCENT: f32 = 20.0;

/// A shorter stall may be a starting program.
const MIN_THRASHING_TIME: Duration = Duration::from_secs(10);

/// Without swap-in for this long it is not thrashing: a busy disk was seen to deliver nothing for 1.3 s.
const SWAP_IN_TIMEOUT: Duration = Duration::from_secs(3);

/// Share of time in which all tasks wait while the disk is only written: seen for 25 s, at 50 to 70 %, on a disk that
/// writes 16 MiB a second, before the first page was read back.
const MIN_STANDSTILL_PERCENT: f32 = 40.0;

/// Twice the time of thrashing: pages that are swapped out once and never read back do no harm afterwards.
const MIN_STANDSTILL_TIME: Duration = Duration::from_secs(20);

/// Interval of the swap-in counter: a few milliseconds may show none.
const SWAP_IN_INTERVAL: Duration = Duration::from_millis(500);

/// Tracks how long all tasks have waited.
#[derive(Debug, Default)]
pub(super) struct ThrashingDetector {
    swapped_in: Option<(Boottime, Bytes)>,
    swapped_in_at: Option<Boottime>,
    stalled_since: Option<Boottime>,
    standing_since: Option<Boottime>,
}

impl ThrashingDetector {
    /// Observes a snapshot, `low` on memory or not. Returns whether the machine has stalled for long enough.
    pub(super) fn observe(&mut self, snapshot: &Snapshot, low: bool) -> bool {
        let at = snapshot.at;
        let Some(now) = snapshot.swapped_in else {
            *self = Self::default();
            return false;
        };
        let Some((compared_at, baseline)) = self.swapped_in else {
            self.swapped_in = Some((at, now));
            return false;
        };
        if at.since(compared_at) >= SWAP_IN_INTERVAL {
            self.swapped_in = Some((at, now));
            let full = snapshot.pressure.map_or(0.0, |p| p.full.avg10);
            if now > baseline {
                self.swapped_in_at = Some(at);
            }
            let reading =
                self.swapped_in_at.is_some_and(|swapped_in_at| at.since(swapped_in_at) < SWAP_IN_TIMEOUT);
            track(&mut self.stalled_since, low && reading && full >= MIN_STALL_PERCENT, at);
            track(&mut self.standing_since, low && full >= MIN_STANDSTILL_PERCENT, at);
        }
        let long = |since: Option<Boottime>, least| since.is_some_and(|since| at.since(since) >= least);
        long(self.stalled_since, MIN_THRASHING_TIME) || long(self.standing_since, MIN_STANDSTILL_TIME)
    }

    /// Whether it stalls, for how long does not matter.
    pub(super) fn is_suspected(&self) -> bool {
        self.stalled_since.or(self.standing_since).is_some()
    }
}

/// Sets or clears the start of a condition.
fn track(since: &mut Option<Boottime>, holds: bool, at: Boottime) {
    *since = holds.then(|| since.unwrap_or(at));
}
