//! Why a process belongs to an agent, or to none. The sentences name no program or path, because users that may not see those
//! may read them.

use super::reading::Reading;
use crate::api::explanation::Membership;
use crate::daemon::control_loop::active_config::Settings;
use crate::daemon::report::publisher::Published;
use crate::model::match_trace::MatchTrace;
use crate::model::{AgentSample, Member, MembershipReason, Pid, ProcessIdentity, ProcessKey};
use crate::rules::rule::LIMITED_RULE;

/// The agent that `key` belongs to, and its entry there.
pub(crate) fn find(seen: &Published, key: ProcessKey) -> Option<(&AgentSample, &Member)> {
    seen.snapshot.agents.iter().find_map(|agent| agent.member(key).map(|member| (agent, member)))
}

/// The process's membership in its agent.
pub(crate) fn membership(agent: &AgentSample, member: &Member) -> Membership {
    Membership {
        agent: agent.agent.id.to_string(),
        joined: member.joined,
        started_by: member.lineage.first().map(|key| key.pid),
        lineage: member.lineage.iter().map(|key| key.pid).collect(),
        counted: member.charge.total(),
        carries_agent: member.is_ancestor_of_agent,
        unverified: agent.unverified,
    }
}

/// Why the process is a member.
pub(crate) fn why(
    agent: &AgentSample,
    member: &Member,
    reading: &Reading,
    trace: Option<&MatchTrace>,
) -> String {
    let id = &agent.agent.id;
    let rule = trace.and_then(|trace| trace.matched.as_deref());
    match (member.joined, member.lineage.first()) {
        (MembershipReason::Root, _) => {
            let how = match rule {
                _ if agent.agent.rule == LIMITED_RULE => {
                    "it was started under a limit, and no rule matches it"
                }
                Some(rule) if rule == agent.agent.rule => "its rule matches",
                Some(_) => "it was recognised by that rule when it started, and another one matches now",
                // An agent that rewrites its process title remains an agent.
                None => "it was recognised when it started, and has run no other program since",
            };
            let by = agent.parent.as_ref().map(|p| format!("; {} started it", p.id)).unwrap_or_default();
            format!("it is the root of {id}: {how}{by}")
        }
        (MembershipReason::Environment, _) => {
            format!("its environment names {id}: its parent had exited before it was first seen")
        }
        (MembershipReason::Scope, _) => {
            format!("it is in the scope that limits {id}: its parent had exited before it was first seen")
        }
        (MembershipReason::Session, Some(beginner)) => format!(
            "it is in a session that pid {} of {id} began: its parent had exited before it was first seen",
            beginner.pid
        ),
        (MembershipReason::Child, Some(starter)) => {
            let exited = if agent.member(*starter).is_some() { "" } else { " and has exited since" };
            let position = if *starter == agent.agent.root { "the root" } else { "a member" };
            let start = format!("pid {}, {position} of {id}, started it{exited}", starter.pid);
            let moved = if reading.stat.parent == Some(starter.pid) || !exited.is_empty() {
                ""
            } else {
                "; its parent has changed since, which changes nothing"
            };
            match rule {
                Some(_) if is_copy(reading) => {
                    format!(
                        "{start}; a rule matches it, but it is a copy of its parent and runs no program of its own"
                    )
                }
                Some(_) => format!("{start}; a rule matches it too, and does not make another agent of it"),
                None => format!("{start}{moved}"),
            }
        }
        (MembershipReason::Child | MembershipReason::Session, None) => format!("a member of {id} started it"),
    }
}

/// Why the process belongs to no agent.
pub(crate) fn why_none(
    reading: &Reading,
    seen: &Published,
    settings: &Settings,
    trace: Option<&MatchTrace>,
) -> String {
    let Reading { stat, status, ancestors, .. } = reading;
    if stat.is_kernel_thread() {
        return "it is a kernel thread".to_owned();
    }
    if stat.is_dead() {
        return "it has exited and waits for its parent to reap it (zombie)".to_owned();
    }
    if settings.supervisor == Some(stat.key.pid) {
        return "it is the supervisor itself".to_owned();
    }
    let below = |agent: &&AgentSample| reading.agents_below.contains(&agent.agent.root);
    if let Some(AgentSample { agent, .. }) = seen.snapshot.agents.iter().find(below) {
        return format!(
            "{} descends from it, and processes above the root of an agent never belong to it",
            agent.id
        );
    }
    if let Some((agent, above)) = ancestors.iter().find_map(|above| find(seen, above.key)) {
        return format!(
            "it has just started below pid {}, a member of {}: it becomes a member with the next sample",
            above.key.pid, agent.agent.id
        );
    }
    match trace.map(|trace| trace.matched.as_deref()) {
        None => "its command line could not be read in time, so no rule could be tried".to_owned(),
        Some(Some(_)) if settings.only.is_some_and(|uid| uid != status.uid) => {
            "a rule matches it, but without root only the agents of the daemon's own user are supervised"
                .to_owned()
        }
        Some(Some(_)) if is_copy(reading) => {
            "a rule matches it, but it is a copy of its parent and runs no program of its own".to_owned()
        }
        Some(Some(rule)) => {
            format!(
                "the rule {rule} matches it: it has just started, and becomes an agent with the next sample"
            )
        }
        Some(None) => match ancestors.as_slice() {
            [] => "no rule matches it, and it has no parent".to_owned(),
            [one] => format!("no rule matches it, and its parent, pid {}, belongs to no agent", one.key.pid),
            many => format!(
                "no rule matches it, and none of its ancestors ({}) belongs to an agent",
                pids(many.iter().map(|above| above.key.pid))
            ),
        },
    }
}

fn is_copy(reading: &Reading) -> bool {
    let parent = reading.ancestors.first();
    parent.is_some_and(|parent| ProcessIdentity::is_copy(reading.stat.start_stack, parent.start_stack))
}

/// The first few pids as text.
fn pids(all: impl ExactSizeIterator<Item = Pid>) -> String {
    const MAX_SHOWN_PIDS: usize = 6;
    let more = all.len().saturating_sub(MAX_SHOWN_PIDS);
    let shown: Vec<_> = all.take(MAX_SHOWN_PIDS).map(|pid| pid.to_string()).collect();
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("pid {}{rest}", shown.join(", "))
}
