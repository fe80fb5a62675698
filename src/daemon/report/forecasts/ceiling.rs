//! What ends an agent's growth first.

use crate::model::forecast::Ceiling;
use crate::model::{AgentSample, Bytes, SystemMemory};

/// The nearest of the kill threshold, the agent's own cgroup's limit, and what the guest has room for as it is now.
pub(crate) fn of(sample: &AgentSample, guest: &SystemMemory, kill_threshold: Bytes) -> (Ceiling, Bytes) {
    let cgroup = sample.cgroup.as_ref().and_then(|cgroup| cgroup.max);
    let line = (Ceiling::KillThreshold, kill_threshold);
    let fixed = cgroup.map_or(line, |max| if max <= kill_threshold { (Ceiling::Cgroup, max) } else { line });
    let room = (Ceiling::Guest, sample.charge.total() + guest.allocatable());
    if room.1 < fixed.1 { room } else { fixed }
}

/// What is left to a part of an agent below the agent's ceiling, with what `others` of it hold.
pub(crate) fn of_part(ceiling: (Ceiling, Bytes), others: Bytes) -> (Ceiling, Bytes) {
    (ceiling.0, ceiling.1.saturating_sub(others))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::report::forecasts::tests::{agent, guest_with};
    use crate::model::CgroupMemory;

    const LINE: Bytes = Bytes::gib(8);

    #[test]
    fn the_nearest_counts() {
        let roomy = guest_with(Bytes::gib(12));
        let mut sample = agent(100, Bytes::gib(1));
        let none = (Ceiling::KillThreshold, LINE);
        assert_eq!(of(&sample, &roomy, LINE), none);
        let full = guest_with(Bytes::gib(2));
        let (ceiling, limit) = of(&sample, &full, LINE);
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
        assert_eq!(of(&sample, &roomy, LINE), (Ceiling::Cgroup, Bytes::gib(4)));
        assert_eq!(of(&sample, &full, LINE).0, Ceiling::Guest, "that is nearer still");
    }

    #[test]
    fn what_others_take_moves_it() {
        for mib in (1500..=2600).step_by(100) {
            let guest = guest_with(Bytes::mib(mib));
            assert_eq!(of(&agent(100, Bytes::gib(1)), &guest, LINE).1, Bytes::gib(1) + guest.allocatable());
        }
    }

    #[test]
    fn a_part_has_what_the_others_leave() {
        let ceiling = (Ceiling::KillThreshold, LINE);
        assert_eq!(of_part(ceiling, Bytes::gib(3)), (Ceiling::KillThreshold, Bytes::gib(5)));
        assert_eq!(of_part(ceiling, Bytes::gib(9)).1, Bytes::ZERO);
    }
}
