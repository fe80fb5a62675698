//! How soon to look again.

use std::time::Duration;

use crate::model::{AgentSample, BytesPerSecond, Lines, Snapshot};

/// Fill rate to be ready for. earlyoom saw 6000 MiB/s with `stress -m 4`.
const WORST_FILL_RATE: BytesPerSecond = BytesPerSecond::mebi(6 * 1024);

/// Quicker than this costs more than it finds: earlyoom's lower bound, too.
pub(super) const QUICKEST: Duration = Duration::from_millis(100);

/// Slower than this a person notices.
const SLOWEST: Duration = Duration::from_secs(1);

/// How long nothing can go wrong even at the worst rate: until the first agent reaches its kill line. `settled` agents
/// are over it and nothing more will be done about them.
pub(super) fn interval<'a>(
    snapshot: &'a Snapshot,
    lines: Lines,
    settled: impl Fn(&'a AgentSample) -> bool,
) -> Duration {
    let unsettled = snapshot.agents.iter().filter(|a| !settled(a));
    let nearest = unsettled.map(|a| lines.kill.saturating_sub(a.charge.total())).min();
    let time = nearest.and_then(|room| WORST_FILL_RATE.time_to_fill(room));
    time.unwrap_or(SLOWEST).clamp(QUICKEST, SLOWEST)
}
