//! The ceiling that an agent reaches first.

use crate::model::forecast::Ceiling;
use crate::model::{AgentSample, Bytes, SystemMemory};

/// The nearest ceiling of an agent: its kill threshold, the limit of its own cgroup, or the memory that the machine can still
/// allocate.
pub(crate) fn of_agent(
    sample: &AgentSample,
    guest: &SystemMemory,
    kill_threshold: Bytes,
) -> (Ceiling, Bytes) {
    let cgroup = sample.cgroup.as_ref().and_then(|cgroup| cgroup.max);
    let threshold = (Ceiling::KillThreshold, kill_threshold);
    let is_nearer = |max: &Bytes| *max <= kill_threshold;
    let fixed = cgroup.filter(is_nearer).map_or(threshold, |max| (Ceiling::Cgroup, max));
    let room = (Ceiling::Guest, sample.charge.total() + guest.allocatable());
    if room.1 < fixed.1 { room } else { fixed }
}

/// The ceiling of a part of an agent: the agent's ceiling less the charge of its `others` parts.
pub(crate) fn of_part(ceiling: (Ceiling, Bytes), others: Bytes) -> (Ceiling, Bytes) {
    (ceiling.0, ceiling.1.saturating_sub(others))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::report::forecasts::tests::{agent, guest_with};
    use crate::model::CgroupMemory;

    const KILL_THRESHOLD: Bytes = Bytes::gib(8);

    #[test]
    fn the_nearest_ceiling_applies() {
        let roomy = guest_with(Bytes::gib(12));
        let mut sample = agent(100, Bytes::gib(1));
        let none = (Ceiling::KillThreshold, KILL_THRESHOLD);
        assert_eq!(of_agent(&sample, &roomy, KILL_THRESHOLD), none);
        let full = guest_with(Bytes::gib(2));
        let (ceiling, limit) = of_agent(&sample, &full, KILL_THRESHOLD);
        assert_eq!((ceiling, limit), (Ceiling::Guest, Bytes::gib(1) + full.allocatable()));
        sample.cgroup = Some(CgroupMemory {
            alone: true,
            path: "/agents.slice/a.scope".into(),
            charge: sample.charge,
            current: Bytes::ZERO,
            cache: Bytes::ZERO,
            max: Some(Bytes::gib(4)),
            high: None,
            high_events: 0,
            killed: 0,
        });
        assert_eq!(of_agent(&sample, &roomy, KILL_THRESHOLD), (Ceiling::Cgroup, Bytes::gib(4)));
        assert_eq!(
            of_agent(&sample, &full, KILL_THRESHOLD).0,
            Ceiling::Guest,
            "the machine's is nearer still"
        );
    }

    #[test]
    fn available_memory_moves_the_ceiling() {
        for mib in (1500..=2600).step_by(100) {
            let guest = guest_with(Bytes::mib(mib));
            assert_eq!(
                of_agent(&agent(100, Bytes::gib(1)), &guest, KILL_THRESHOLD).1,
                Bytes::gib(1) + guest.allocatable()
            );
        }
    }

    #[test]
    fn a_part_gets_the_remainder() {
        let ceiling = (Ceiling::KillThreshold, KILL_THRESHOLD);
        assert_eq!(of_part(ceiling, Bytes::gib(3)), (Ceiling::KillThreshold, Bytes::gib(5)));
        assert_eq!(of_part(ceiling, Bytes::gib(9)).1, Bytes::ZERO);
    }
}
