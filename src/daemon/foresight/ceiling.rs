//! What ends an agent's growth first.

use crate::model::forecast::Ceiling;
use crate::model::{AgentSample, Bytes, Guest};

/// A ceiling that moves with what others take is moved only by so much of the guest: each move has the forecast made anew.
const STEP_PERCENT: u64 = 5;

/// The nearest of the kill line, the agent's own cgroup's limit, and what the guest has room for. `before` is what it was.
pub(super) fn of(
    sample: &AgentSample,
    guest: &Guest,
    kill_line: Bytes,
    before: (Ceiling, Bytes),
) -> (Ceiling, Bytes) {
    let cgroup = sample.cgroup.as_ref().and_then(|cgroup| cgroup.max);
    let line = (Ceiling::KillLine, kill_line);
    let fixed = cgroup.map_or(line, |max| if max <= kill_line { (Ceiling::Cgroup, max) } else { line });
    let room = (Ceiling::Guest, steadied(sample.charge.total() + guest.room(), guest, before));
    if room.1 < fixed.1 { room } else { fixed }
}

/// What is left to a part of an agent below the agent's ceiling, with what `others` of it hold.
pub(super) fn of_part(
    ceiling: (Ceiling, Bytes),
    others: Bytes,
    guest: &Guest,
    before: (Ceiling, Bytes),
) -> (Ceiling, Bytes) {
    let left = ceiling.1.saturating_sub(others);
    (ceiling.0, if before.0 == ceiling.0 { steady(left, guest, before.1) } else { left })
}

fn steadied(limit: Bytes, guest: &Guest, before: (Ceiling, Bytes)) -> Bytes {
    if before.0 == Ceiling::Guest { steady(limit, guest, before.1) } else { limit }
}

fn steady(limit: Bytes, guest: &Guest, before: Bytes) -> Bytes {
    let step = guest.mem_total.share(STEP_PERCENT, 100);
    let moved = limit.saturating_sub(before).max(before.saturating_sub(limit));
    if moved < step { before } else { limit }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::foresight::tests::{agent, guest_with};
    use crate::model::CgroupMemory;

    const LINE: Bytes = Bytes::gib(8);

    #[test]
    fn the_nearest_counts() {
        let roomy = guest_with(Bytes::gib(12));
        let mut sample = agent(100, Bytes::gib(1));
        let none = (Ceiling::KillLine, LINE);
        assert_eq!(of(&sample, &roomy, LINE, none), none);
        let full = guest_with(Bytes::gib(2));
        let (ceiling, limit) = of(&sample, &full, LINE, none);
        assert_eq!((ceiling, limit), (Ceiling::Guest, Bytes::gib(1) + full.room()));
        sample.cgroup = Some(CgroupMemory {
            alone: true,
            path: "/agents.slice/a.scope".into(),
            charge: sample.charge,
            current: Bytes::ZERO,
            cache: Bytes::ZERO,
            max: Some(Bytes::gib(4)),
            high: None,
            pressed: 0,
        });
        assert_eq!(of(&sample, &roomy, LINE, none), (Ceiling::Cgroup, Bytes::gib(4)));
        assert_eq!(of(&sample, &full, LINE, none).0, Ceiling::Guest, "that is nearer still");
    }

    #[test]
    fn what_others_take_moves_it_in_steps() {
        let mut before = (Ceiling::KillLine, LINE);
        let mut seen = Vec::new();
        for mib in (1500..=2600).step_by(100) {
            before = of(&agent(100, Bytes::gib(1)), &guest_with(Bytes::mib(mib)), LINE, before);
            seen.push(before.1);
        }
        seen.dedup();
        assert_eq!(seen.len(), 2, "{seen:?}: 1.1G in steps of 819M");
    }

    #[test]
    fn a_part_has_what_the_others_leave() {
        let guest = guest_with(Bytes::gib(12));
        let ceiling = (Ceiling::KillLine, LINE);
        let first = of_part(ceiling, Bytes::gib(3), &guest, (Ceiling::Guest, Bytes::ZERO));
        assert_eq!(first, (Ceiling::KillLine, Bytes::gib(5)));
        assert_eq!(of_part(ceiling, Bytes::mib(3200), &guest, first), first, "not each MiB is news");
        assert_eq!(of_part(ceiling, Bytes::gib(5), &guest, first).1, Bytes::gib(3));
        assert_eq!(of_part(ceiling, Bytes::gib(9), &guest, first).1, Bytes::ZERO);
    }
}
