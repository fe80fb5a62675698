//! The sentence of each event: what happened, why, and what to do next.

use super::{processes, seconds};
use crate::limit::SLICE;
use crate::model::event::{Cause, Danger, Decision, EventKind, Failure, KilledProcess, NoActionReason};
use crate::model::forecast::ForecastAlert;
use crate::model::time::span;
use crate::model::{AgentId, AgentRef, Bytes, Event, Signal, Uid};

/// The sentence of an event.
pub(crate) fn text(event: &Event) -> String {
    match &event.agent {
        Some(agent) => agent_text(event, agent),
        None => guest_text(event),
    }
}

fn guest_text(event: &Event) -> String {
    match &event.kind {
        EventKind::GuestInDanger { danger, why } => {
            format!("{}; {}", danger_text(danger), no_action_text(*why, event.charge))
        }
        EventKind::KernelOom { kills, .. } => format!(
            "the machine ran out of memory: the kernel's OOM killer killed {}, none of a known agent; see `journalctl --dmesg`",
            processes(usize::try_from(*kills).unwrap_or(usize::MAX))
        ),
        EventKind::GuestSafe { left } => format!("memory is no longer short: {left} left"),
        EventKind::ForecastAlert(alert) => {
            format!("the machine is predicted to run out of memory {}", eta_text(alert))
        }
        EventKind::ForecastCleared => "the machine is no longer predicted to run out of memory".to_owned(),
        // No other event concerns the machine as a whole.
        _ => String::new(),
    }
}

/// `510M left, less than the reserve of 640M, shrinking by 200M per second`.
fn danger_text(danger: &Danger) -> String {
    let Danger { left, reserve, rate, thrashing } = danger;
    if *thrashing {
        return format!(
            "thrashing: {left} available, less than the reserve of {reserve}, and all tasks wait for swap"
        );
    }
    let shrinking = match Bytes::new(rate.get()) {
        rate if rate < Bytes::mib(1) => String::new(),
        rate => format!(", shrinking by {rate} per second"),
    };
    format!("{left} of memory left, less than the reserve of {reserve}{shrinking}")
}

/// Why no action is taken, and what to do.
fn no_action_text(why: NoActionReason, agents: Bytes) -> String {
    match why {
        NoActionReason::NoAgents => {
            "no agent is running, nothing to kill; find the largest processes with `ps aux --sort=-rss`".to_owned()
        }
        NoActionReason::Outside => format!(
            "the memory was taken by other programs, not by agents ({agents} in total), nothing to kill; find them with `ps aux --sort=-rss`"
        ),
        NoActionReason::TooSmall { shortfall } => format!(
            "no agent holds the required {shortfall} ({agents} in total), nothing to kill; find the largest processes with `ps aux --sort=-rss`"
        ),
        NoActionReason::Off => {
            "the guard is off (guard.enabled = false), nothing is killed; set guard.enabled = true to change that".to_owned()
        }
        NoActionReason::OutOfReach => {
            "the agents that hold it are protected or survived SIGKILL; stop them by hand".to_owned()
        }
    }
}

fn agent_text(event: &Event, agent: &AgentRef) -> String {
    let (id, charge) = (&agent.id, event.charge);
    match &event.kind {
        EventKind::Found => format!("found {id} (pid {}, uid {}), uses {charge}", agent.root.pid, agent.uid),
        EventKind::Gone => format!("{id} has exited"),
        EventKind::Unknown => {
            format!(
                "{id} no longer matches a rule: it is not supervised as an agent of its own any more, and keeps running"
            )
        }
        EventKind::Warned { threshold } => {
            format!("{id} uses {charge}, over its warn threshold of {threshold}")
        }
        EventKind::Recovered { threshold } => {
            format!("{id} uses {charge}, back below its warn threshold of {threshold}")
        }
        EventKind::Acted(decision) => decision_text(event, agent, decision),
        EventKind::Signalled { signal, delivered, gone, refused, .. } => {
            signal_text(id, signal.name(), *delivered, *gone, *refused)
        }
        EventKind::Killed { remaining, after, .. } => {
            format!(
                "{id}: {} still running after {}, sending SIGKILL",
                processes(*remaining),
                seconds(*after)
            )
        }
        EventKind::Ended { freed, peak, after, back, .. } => format!(
            "{id}: targets exited after {}, {freed} freed, {charge} left (peak {peak}){}",
            seconds(*after),
            if *back {
                ""
            } else {
                "; freed memory is not yet visible as available (used by another process)"
            }
        ),
        EventKind::Failed { why, .. } => failure_text(id, *why),
        EventKind::RestartBackoff { actions, wait } => format!(
            "{id} uses {charge}, over its kill threshold again after {} recent {}: next kill delayed by {}; if something \
             restarts it automatically, stop that first",
            actions,
            if *actions == 1 { "kill" } else { "kills" },
            seconds(*wait)
        ),
        EventKind::Escalated { culprit, whole: false, .. } => format!(
            "{id}: forks faster than it can be killed: terminating the parent {} too (pid {}, {})",
            culprit.name,
            culprit.top.pid,
            processes(culprit.processes)
        ),
        EventKind::Escalated { culprit, whole: true, .. } => format!(
            "{id}: forks faster than it can be killed: terminating the whole agent ({})",
            processes(culprit.processes)
        ),
        EventKind::ForecastAlert(alert) => format!(
            "{id} uses {charge} and is predicted to reach {} of {} {}",
            alert.ceiling.name(),
            alert.limit,
            eta_text(alert)
        ),
        EventKind::ForecastCleared => {
            format!("{id} uses {charge} and is no longer predicted to reach its ceiling")
        }
        EventKind::KernelOom { kills, lost, limit } => oom_text(agent, *kills, lost.as_ref(), *limit),
        EventKind::GuestInDanger { .. } | EventKind::GuestSafe { .. } => guest_text(event),
    }
}

/// `claude-7: the kernel's OOM killer killed node (pid 9, 1.9G when last sampled): the agent reached its limit of 2G`.
fn oom_text(agent: &AgentRef, kills: u64, lost: Option<&KilledProcess>, limit: Option<Bytes>) -> String {
    let count = usize::try_from(kills).unwrap_or(usize::MAX);
    let victim = match lost {
        Some(KilledProcess { key, name, charge }) => {
            format!("{name} (pid {}, {charge} when last sampled)", key.pid)
        }
        None => processes(count),
    };
    let others = if kills > 1 && lost.is_some() { format!(" and {} more", count - 1) } else { String::new() };
    let why = match limit {
        Some(limit) => format!("the agent reached its limit of {limit}"),
        None => "the machine ran out of memory".to_owned(),
    };
    format!("{}: the kernel's OOM killer killed {victim}{others}: {why}", agent.id)
}

/// `in about 42 min (between 30 min and 1 h 10 min) if growth continues`.
fn eta_text(alert: &ForecastAlert) -> String {
    let (low, high) = alert.between;
    format!("in about {} (between {} and {}) if growth continues", span(alert.eta), span(low), span(high))
}

fn decision_text(event: &Event, agent: &AgentRef, decision: &Decision) -> String {
    let verb = if decision.dry_run { "dry run: would terminate" } else { "terminating" };
    let signals = match decision.signal {
        Signal::Kill => "SIGKILL at once, memory fills too fast for a grace period".to_owned(),
        Signal::Term | Signal::Stop => format!("SIGTERM, SIGKILL after {}", seconds(decision.grace)),
    };
    format!("{}: {verb} {}; {signals}", reason_text(event, agent, decision), target_text(agent, decision))
}

fn reason_text(event: &Event, agent: &AgentRef, decision: &Decision) -> String {
    let (id, charge) = (&agent.id, event.charge);
    match &decision.cause {
        Cause::Threshold => format!("{id} uses {charge}, over its kill threshold of {}", decision.threshold),
        Cause::Guard(danger) if decision.grown > Bytes::ZERO => {
            format!(
                "{}; {id} uses {charge}, {} more than before the shortage",
                danger_text(danger),
                decision.grown
            )
        }
        Cause::Guard(danger) => format!("{}; {id} uses {charge}", danger_text(danger)),
        Cause::Slice { danger, cap } => format!(
            "{} left below the cap of {cap} for all limited agents ({SLICE}); {id} uses {charge}, {} more than recently",
            danger.left, decision.grown
        ),
        Cause::Request { by: Uid::ROOT } => format!("{id} uses {charge}, stop requested by root"),
        Cause::Request { by } => format!("{id} uses {charge}, stop requested by user {by}"),
    }
}

fn target_text(agent: &AgentRef, decision: &Decision) -> String {
    let culprit = &decision.culprit;
    if decision.whole {
        let resume = agent
            .resume
            .as_ref()
            .map(|command| format!("; resume with `{command}` in its directory"))
            .unwrap_or_default();
        let why = match (&decision.cause, decision.agents) {
            (Cause::Request { .. }, 0 | 1) => String::new(),
            (Cause::Request { .. }, 2) => " and the agent that it started".to_owned(),
            (Cause::Request { .. }, agents) => format!(" and the {} agents below it", agents - 1),
            _ => format!(", no single child frees the required {}", decision.shortfall),
        };
        return format!("the whole agent ({}){why}{resume}", processes(decision.processes));
    }
    let rest = match decision.agents {
        0 | 1 => "; the agent keeps running".to_owned(),
        agents => format!(", part of {agents} agents"),
    };
    format!(
        "{} (pid {}, {} in {}){rest}",
        culprit.name,
        culprit.top.pid,
        culprit.charge,
        processes(culprit.processes),
    )
}

fn signal_text(agent: &AgentId, signal: &str, delivered: usize, gone: usize, refused: usize) -> String {
    let mut text = format!("{agent}: sent SIG{signal} to {}", processes(delivered));
    if gone > 0 {
        text += &format!(", {gone} had already exited");
    }
    if refused > 0 {
        text +=
            &format!(", {refused} not permitted: run the daemon as root to signal other users' processes");
    }
    text
}

fn failure_text(agent: &AgentId, why: Failure) -> String {
    match why {
        Failure::Protected => format!(
            "{agent}: not stopped, all of it is protected (a terminal multiplexer, a login or the desktop); stop it by hand"
        ),
        Failure::Survivors(count) => format!(
            "{agent}: {} survived SIGKILL, blocked in the kernel or not permitted; retrying later",
            processes(count)
        ),
    }
}
