//! How soon to look again.

use std::time::Duration;

use crate::model::{Bytes, BytesPerSecond, Lines, Snapshot};

/// Fill rate to be ready for. earlyoom saw 6000 MiB/s with `stress -m 4`.
const WORST_FILL_RATE: BytesPerSecond = BytesPerSecond::mebi(6 * 1024);

/// Quicker than this costs more than it finds: earlyoom's lower bound, too.
pub(super) const QUICKEST: Duration = Duration::from_millis(100);

/// Slower than this a person notices.
const SLOWEST: Duration = Duration::from_secs(1);

/// How long nothing can go wrong even at the worst rate: until the first agent reaches its kill line or the guest
/// is out of room. `settled` agents are over their line and nothing more will be done about it.
pub(super) fn interval<'a>(
    snapshot: &'a Snapshot,
    lines: Lines,
    settled: impl Fn(&'a crate::model::AgentSample) -> bool,
) -> Duration {
    let nearest = snapshot
        .agents
        .iter()
        .filter(|a| !settled(a))
        .map(|a| lines.kill.saturating_sub(a.charge.total()))
        .chain([snapshot.guest.room()])
        .min()
        .unwrap_or(Bytes::ZERO);
    // With no agent there is nobody to act on, however full the guest is.
    if snapshot.agents.is_empty() {
        return SLOWEST;
    }
    WORST_FILL_RATE.time_to_fill(nearest).unwrap_or(SLOWEST).clamp(QUICKEST, SLOWEST)
}
