//! Whether the guest stands still for its swap, though there is some left.

use std::time::Duration;

use crate::model::{Boottime, Bytes, Snapshot};

/// Every task waits for memory for this share of the time, while what was swapped out is wanted back.
const MIN_STALL_PERCENT: f32 = 20.0;

/// For so long it may be a program that starts.
const MIN_THRASHING_TIME: Duration = Duration::from_secs(10);

/// Nothing is read back for so long and it is no thrashing: one busy disk was seen to give nothing for 1.3 s.
const SWAP_IN_TIMEOUT: Duration = Duration::from_secs(3);

/// Every task waits for this share of the time while the disk only takes: seen for 25 s, at 50 to 70 %, on a disk that
/// writes 16 MiB a second, before the first page was read back.
const MIN_STANDSTILL_PERCENT: f32 = 40.0;

/// As long again as with thrashing: what is swapped out once and left there gives peace afterwards.
const MIN_STANDSTILL_TIME: Duration = Duration::from_secs(20);

/// How often swap-in is compared: in a few milliseconds there may be none.
const SWAP_IN_INTERVAL: Duration = Duration::from_millis(500);

/// Watches how long everybody waits.
#[derive(Debug, Default)]
pub(super) struct ThrashingDetector {
    swapped_in: Option<(Boottime, Bytes)>,
    swapped_in_at: Option<Boottime>,
    stalled_since: Option<Boottime>,
    standing_since: Option<Boottime>,
}

impl ThrashingDetector {
    /// Takes in a snapshot of a guest that is `low` on memory or not: whether all have stood still for long enough.
    pub(super) fn take(&mut self, snapshot: &Snapshot, low: bool) -> bool {
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

    /// Whether it may be so, and only has to last.
    pub(super) fn is_suspected(&self) -> bool {
        self.stalled_since.or(self.standing_since).is_some()
    }
}

/// Since when something holds that holds now or does not.
fn track(since: &mut Option<Boottime>, holds: bool, at: Boottime) {
    *since = holds.then(|| since.unwrap_or(at));
}
