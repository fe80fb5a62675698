//! Whether the guest stands still for its swap, though there is some left.

use std::time::Duration;

use crate::model::{Boottime, Bytes, Snapshot};

/// Every task waits for memory for this share of the time, while what was swapped out is wanted back.
const STALLED: f32 = 20.0;

/// For so long it may be a program that starts.
const THRASHING: Duration = Duration::from_secs(10);

/// Nothing is read back for so long and it is no thrashing: one busy disk was seen to give nothing for 1.3 s.
const READING: Duration = Duration::from_secs(3);

/// Every task waits for this share of the time while the disk only takes: seen for 25 s, at 50 to 70 %, on a disk that
/// writes 16 MiB a second, before the first page was read back.
const STANDING: f32 = 40.0;

/// As long again as with thrashing: what is swapped out once and left there gives peace afterwards.
const STANDSTILL: Duration = Duration::from_secs(20);

/// How often swap-in is compared: in a few milliseconds there may be none.
const COMPARED: Duration = Duration::from_millis(500);

/// Watches how long everybody waits.
#[derive(Debug, Default)]
pub(super) struct Thrashing {
    swapped_in: Option<(Boottime, Bytes)>,
    read: Option<Boottime>,
    stalled: Option<Boottime>,
    standing: Option<Boottime>,
}

impl Thrashing {
    /// Takes in a snapshot of a guest that is `low` on memory or not: whether all have stood still for long enough.
    pub(super) fn take(&mut self, snapshot: &Snapshot, low: bool) -> bool {
        let at = snapshot.at;
        let Some(now) = snapshot.swapped_in else {
            *self = Self::default();
            return false;
        };
        let Some((compared, before)) = self.swapped_in else {
            self.swapped_in = Some((at, now));
            return false;
        };
        if at.since(compared) >= COMPARED {
            self.swapped_in = Some((at, now));
            let full = snapshot.pressure.map_or(0.0, |p| p.full.avg10);
            if now > before {
                self.read = Some(at);
            }
            let reading = self.read.is_some_and(|read| at.since(read) < READING);
            lasts(&mut self.stalled, low && reading && full >= STALLED, at);
            lasts(&mut self.standing, low && full >= STANDING, at);
        }
        let long = |since: Option<Boottime>, least| since.is_some_and(|since| at.since(since) >= least);
        long(self.stalled, THRASHING) || long(self.standing, STANDSTILL)
    }

    /// Whether it may be so, and only has to last.
    pub(super) fn is_suspected(&self) -> bool {
        self.stalled.or(self.standing).is_some()
    }
}

/// Since when something holds that holds now or does not.
fn lasts(since: &mut Option<Boottime>, holds: bool, at: Boottime) {
    *since = holds.then(|| since.unwrap_or(at));
}
