//! Builders that tests of several rooms share.

use super::{AgentRef, AgentSample, Bytes, Charge, Member, MembershipReason, Pid, ProcessKey, Uid};

/// The owner of every agent that is built here.
pub(crate) const USER: Uid = Uid::new(1000);

/// A process that has run since the boot.
pub(crate) fn key(pid: i32) -> ProcessKey {
    ProcessKey { pid: Pid::new(pid).unwrap(), start_ticks: 1 }
}

/// `claude-PID`.
pub(crate) fn agent(pid: i32) -> AgentRef {
    AgentRef::new("claude", key(pid), USER)
}

/// A process that uses anonymous memory: the root of its agent, or a descendant of `lineage`, nearest first.
pub(crate) fn member(pid: i32, lineage: &[i32], name: &str, charge: Bytes) -> Member {
    Member {
        lineage: lineage.iter().map(|pid| key(*pid)).collect(),
        joined: if lineage.is_empty() { MembershipReason::Root } else { MembershipReason::Child },
        ..Member::new(key(pid), USER, name, Charge::anonymous(charge))
    }
}

/// `claude-PID` with these processes.
pub(crate) fn sample(pid: i32, members: Vec<Member>) -> AgentSample {
    AgentSample::new(agent(pid), members)
}
