//! Why a process belongs to an agent, or to none. No sentence here names a program or a path: those who may not see
//! what runs may read it.

use super::reading::Reading;
use crate::api::explanation::Membership;
use crate::daemon::control_loop::active_config::Settings;
use crate::daemon::report::publisher::Published;
use crate::model::match_trace::MatchTrace;
use crate::model::{AgentSample, Member, MembershipReason, Pid, ProcessIdentity, ProcessKey};
use crate::rules::rule::LIMITED;

/// The agent that `key` belongs to, and what it is there.
pub(crate) fn find(seen: &Published, key: ProcessKey) -> Option<(&AgentSample, &Member)> {
    seen.snapshot.agents.iter().find_map(|agent| agent.member(key).map(|member| (agent, member)))
}

/// What the process is to its agent.
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

/// Why it is a member.
pub(crate) fn why(
    agent: &AgentSample,
    member: &Member,
    reading: &Reading,
    told: Option<&MatchTrace>,
) -> String {
    let id = &agent.agent.id;
    let rule = told.and_then(|told| told.matched.as_deref());
    match (member.joined, member.lineage.first()) {
        (MembershipReason::Root, _) => {
            let how = match rule {
                _ if agent.agent.rule == LIMITED => "it was started under a limit, and no rule knows it",
                Some(rule) if rule == agent.agent.rule => "its rule matches",
                Some(_) => "it was recognised by that rule when it started, and another one matches now",
                // An agent that rewrites its title stays one.
                None => "it was recognised when it started, and has run no other program since",
            };
            let by = agent.parent.as_ref().map(|p| format!("; {} started it", p.id)).unwrap_or_default();
            format!("it is the root of {id}: {how}{by}")
        }
        (MembershipReason::Environment, _) => {
            format!("its environment names {id}: what started it had ended before it was seen")
        }
        (MembershipReason::Scope, _) => {
            format!("it is in the scope that limits {id}: what started it had ended before it was seen")
        }
        (MembershipReason::Session, Some(beginner)) => format!(
            "it is in a session that pid {} of {id} began: what started it had ended before it was seen",
            beginner.pid
        ),
        (MembershipReason::Child, Some(starter)) => {
            let ended = if agent.member(*starter).is_some() { "" } else { " and has ended since" };
            let what = if *starter == agent.agent.root { "the root" } else { "a member" };
            let who = format!("pid {}, {what} of {id}, started it{ended}", starter.pid);
            let moved = if reading.stat.parent == Some(starter.pid) || !ended.is_empty() {
                ""
            } else {
                "; that its parent is another one now changes nothing"
            };
            match rule {
                Some(_) if is_copy(reading) => {
                    format!(
                        "{who}; a rule matches it, but it is a copy of its parent and runs no program of its own"
                    )
                }
                Some(_) => format!("{who}; a rule matches it too, and does not make another agent of it"),
                None => format!("{who}{moved}"),
            }
        }
        (MembershipReason::Child | MembershipReason::Session, None) => format!("a member of {id} started it"),
    }
}

/// Why it is no member of any agent.
pub(crate) fn why_none(
    reading: &Reading,
    seen: &Published,
    settings: &Settings,
    told: Option<&MatchTrace>,
) -> String {
    let Reading { stat, status, ancestors, .. } = reading;
    if stat.is_kernel_thread() {
        return "it is a part of the kernel".to_owned();
    }
    if stat.is_dead() {
        return "it has ended and waits for its parent to take note of it".to_owned();
    }
    if settings.supervisor == Some(stat.key.pid) {
        return "it is the supervisor itself".to_owned();
    }
    let below = |agent: &&AgentSample| reading.carries.contains(&agent.agent.root);
    if let Some(AgentSample { agent, .. }) = seen.snapshot.agents.iter().find(below) {
        return format!(
            "{} descends from it, and what is above the root of an agent never belongs to it",
            agent.id
        );
    }
    if let Some((agent, above)) = ancestors.iter().find_map(|above| find(seen, above.key)) {
        return format!(
            "it has just started below pid {}, a member of {}: with the next look it belongs to it",
            above.key.pid, agent.agent.id
        );
    }
    match told.map(|told| told.matched.as_deref()) {
        None => "its command line could not be read in time, so no rule could be tried".to_owned(),
        Some(Some(_)) if settings.only.is_some_and(|uid| uid != status.uid) => {
            "a rule matches it, but without root only the caller's own agents are looked after".to_owned()
        }
        Some(Some(_)) if is_copy(reading) => {
            "a rule matches it, but it is a copy of its parent and runs no program of its own".to_owned()
        }
        Some(Some(rule)) => {
            format!("the rule {rule} matches it: it has just started, and with the next look it is an agent")
        }
        Some(None) => match ancestors.as_slice() {
            [] => "no rule matches it, and it descends from nobody".to_owned(),
            [one] => format!("no rule matches it, and its parent, pid {}, belongs to no agent", one.key.pid),
            many => format!(
                "no rule matches it, and none of those that it descends from ({}) belongs to an agent",
                pids(many.iter().map(|above| above.key.pid))
            ),
        },
    }
}

fn is_copy(reading: &Reading) -> bool {
    let parent = reading.ancestors.first();
    parent.is_some_and(|parent| ProcessIdentity::is_copy(reading.stat.start_stack, parent.start_stack))
}

/// The first few of them.
fn pids(all: impl ExactSizeIterator<Item = Pid>) -> String {
    const SHOWN: usize = 6;
    let more = all.len().saturating_sub(SHOWN);
    let shown: Vec<_> = all.take(SHOWN).map(|pid| pid.to_string()).collect();
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("pid {}{rest}", shown.join(", "))
}
