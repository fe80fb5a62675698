//! The sentences.

use super::{processes, seconds};
use crate::limit::SLICE;
use crate::model::event::{Cause, Danger, Decision, EventKind, Failure, KilledProcess, NoActionReason};
use crate::model::forecast::ForecastAlert;
use crate::model::time::span;
use crate::model::{AgentId, AgentRef, Bytes, Event, Signal, Uid};

pub(crate) fn text(event: &Event) -> String {
    match &event.agent {
        Some(agent) => of_agent(event, agent),
        None => of_guest(event),
    }
}

fn of_guest(event: &Event) -> String {
    match &event.kind {
        EventKind::GuestInDanger { danger, why } => {
            format!("{}; {}", standing(danger), spared(*why, event.charge))
        }
        EventKind::KernelOom { kills, .. } => format!(
            "the kernel ran out of memory and ended {}, no agent's as far as is known: see `journalctl --dmesg`",
            processes(usize::try_from(*kills).unwrap_or(usize::MAX))
        ),
        EventKind::GuestSafe { left } => format!("the guest is out of danger again: {left} left"),
        EventKind::ForecastAlert(told) => format!("the guest runs out of memory {}", when(told)),
        EventKind::ForecastCleared => "the guest is no longer foretold to run out of memory".to_owned(),
        // Nothing else is told of a guest.
        _ => String::new(),
    }
}

/// How the guest stands: `the guest has 510M left, less than its reserve of 640M, and loses 200M a second`.
fn standing(danger: &Danger) -> String {
    let Danger { left, reserve, rate, thrashing } = danger;
    if *thrashing {
        return format!(
            "the guest thrashes: {left} available, less than its reserve of {reserve}, and all wait for swap"
        );
    }
    let losing = match Bytes::new(rate.get()) {
        rate if rate < Bytes::mib(1) => String::new(),
        rate => format!(", and loses {rate} a second"),
    };
    format!("the guest has {left} left, less than its reserve of {reserve}{losing}")
}

/// Why nobody is acted on, and what to do.
fn spared(why: NoActionReason, agents: Bytes) -> String {
    match why {
        NoActionReason::NoAgents => "there is no agent, and nothing else is ours to end".to_owned(),
        NoActionReason::Outside => format!(
            "not the agents (together {agents}) but other programs took it: nobody is ended; look for them with `ps --sort=-rss`"
        ),
        NoActionReason::TooSmall { shortfall } => {
            format!("no agent holds the {shortfall} that would help (together {agents}): nobody is ended")
        }
        NoActionReason::Off => {
            "the guard is switched off (guard.enabled = false), so nobody is ended".to_owned()
        }
        NoActionReason::OutOfReach => {
            "the agents that hold it are protected, or outlived KILL: end them by hand".to_owned()
        }
    }
}

fn of_agent(event: &Event, agent: &AgentRef) -> String {
    let (id, charge) = (&agent.id, event.charge);
    match &event.kind {
        EventKind::Found => {
            format!("found {id} (pid {}, uid {}), at {charge}", agent.root.pid, agent.uid)
        }
        EventKind::Gone => format!("{id} has ended"),
        EventKind::Unknown => format!("{id} is an agent by no rule any more: it runs on and is not watched"),
        EventKind::Warned { threshold } => {
            format!("{id} is at {charge}, over its warn threshold of {threshold}")
        }
        EventKind::Recovered { threshold } => {
            format!("{id} is at {charge}, back under its warn threshold of {threshold}")
        }
        EventKind::Acted(decision) => decided(event, agent, decision),
        EventKind::Signalled { signal, delivered, gone, refused, .. } => {
            signalled(id, signal.name(), *delivered, *gone, *refused)
        }
        EventKind::Killed { remaining, after, .. } => {
            format!(
                "{id}: {} still there {} after the decision, killing",
                processes(*remaining),
                seconds(*after)
            )
        }
        EventKind::Ended { freed, peak, after, back, .. } => format!(
            "{id}: {freed} freed {} after the decision, {charge} left; it had reached {peak}{}",
            seconds(*after),
            if *back { "" } else { "; the guest does not show the memory yet, something else took it" }
        ),
        EventKind::Failed { why, .. } => failed(id, *why),
        EventKind::RestartBackoff { actions, wait } => format!(
            "{id} is at {charge}, over its kill threshold, like the {} before it that {} ended of late: left alone for {} \
             unless the guest is in danger; whatever starts it again should be stopped",
            if *actions == 1 { "one".to_owned() } else { actions.to_string() },
            if *actions == 1 { "was" } else { "were" },
            seconds(*wait)
        ),
        EventKind::Escalated { culprit, whole: false, .. } => format!(
            "{id}: it forks faster than it ends, so what started it ends too: {} (pid {}, {})",
            culprit.name,
            culprit.top.pid,
            processes(culprit.processes)
        ),
        EventKind::Escalated { culprit, whole: true, .. } => {
            format!(
                "{id}: it forks faster than it ends, so the agent ends whole ({})",
                processes(culprit.processes)
            )
        }
        EventKind::ForecastAlert(told) => {
            format!(
                "{id} is at {charge} and reaches {} of {} {}",
                told.ceiling.name(),
                told.limit,
                when(told)
            )
        }
        EventKind::ForecastCleared => {
            format!("{id} is at {charge}, and no longer foretold to reach its ceiling")
        }
        EventKind::KernelOom { kills, lost, limit } => taken(agent, *kills, lost.as_ref(), *limit),
        EventKind::GuestInDanger { .. } | EventKind::GuestSafe { .. } => of_guest(event),
    }
}

/// `claude-7: the kernel's OOM killer ended node (pid 9, 1.9G when last seen); it has a limit of 2G`.
fn taken(agent: &AgentRef, kills: u64, lost: Option<&KilledProcess>, limit: Option<Bytes>) -> String {
    let count = usize::try_from(kills).unwrap_or(usize::MAX);
    let whom = match lost {
        Some(KilledProcess { key, name, charge }) => {
            format!("{name} (pid {}, {charge} when last seen)", key.pid)
        }
        None => processes(count),
    };
    let others = if kills > 1 && lost.is_some() { format!(" and {} more", count - 1) } else { String::new() };
    let why = match limit {
        Some(limit) => format!("it has a limit of {limit}"),
        None => "the guest had run out of memory".to_owned(),
    };
    format!("{}: the kernel's OOM killer ended {whom}{others}; {why}", agent.id)
}

/// `in about 42 min, between 30 min and 1 h 10 min from now`.
fn when(told: &ForecastAlert) -> String {
    let (low, high) = told.between;
    format!(
        "in about {}, between {} and {} from now if it goes on like this",
        span(told.eta),
        span(low),
        span(high)
    )
}

fn decided(event: &Event, agent: &AgentRef, decision: &Decision) -> String {
    let end = if decision.dry_run { "dry run: would end" } else { "ending" };
    let grace = match decision.signal {
        Signal::Kill => "no time for a grace".to_owned(),
        Signal::Term | Signal::Stop => format!("grace {}", seconds(decision.grace)),
    };
    format!("{}: {end} {}; {grace}", reason(event, agent, decision), whom(agent, decision))
}

fn reason(event: &Event, agent: &AgentRef, decision: &Decision) -> String {
    let (id, charge) = (&agent.id, event.charge);
    match &decision.cause {
        Cause::Threshold => format!("{id} is at {charge}, over its kill threshold of {}", decision.threshold),
        Cause::Guard(danger) if decision.grown > Bytes::ZERO => {
            let grown = decision.grown;
            format!("{}; {id} is at {charge}, of which it took {grown} since all was well", standing(danger))
        }
        Cause::Guard(danger) => format!("{}; {id} is at {charge}", standing(danger)),
        Cause::Slice { danger, cap } => format!(
            "all limited agents together have {} left of the {cap} of {SLICE}; {id} is at {charge}, of which it took {} lately",
            danger.left, decision.grown
        ),
        Cause::Request { by: Uid::ROOT } => format!("{id} is at {charge}; root asked for its end"),
        Cause::Request { by } => format!("{id} is at {charge}; user {by} asked for its end"),
    }
}

fn whom(agent: &AgentRef, decision: &Decision) -> String {
    let culprit = &decision.culprit;
    if decision.whole {
        let resume = agent
            .resume
            .as_ref()
            .map(|command| format!("; take up its work with `{command}` in its directory"))
            .unwrap_or_default();
        let why = match (&decision.cause, decision.agents) {
            (Cause::Request { .. }, 0 | 1) => String::new(),
            (Cause::Request { .. }, 2) => " with the agent that it started".to_owned(),
            (Cause::Request { .. }, agents) => format!(" with the {} agents below it", agents - 1),
            _ => format!(", no part of it alone frees {}", decision.shortfall),
        };
        return format!("it whole ({}){why}{resume}", processes(decision.processes));
    }
    let with = match decision.agents {
        0 | 1 => "; the agent goes on".to_owned(),
        agents => format!(", part of {agents} agents"),
    };
    format!(
        "{} (pid {}, {} in {}){with}",
        culprit.name,
        culprit.top.pid,
        culprit.charge,
        processes(culprit.processes),
    )
}

fn signalled(agent: &AgentId, signal: &str, delivered: usize, gone: usize, refused: usize) -> String {
    let mut text = format!("{agent}: sent {signal} to {}", processes(delivered));
    if gone > 0 {
        text += &format!(", {gone} had ended before");
    }
    if refused > 0 {
        text +=
            &format!(", {refused} not permitted: run the supervisor as root to reach other users' processes");
    }
    text
}

fn failed(agent: &AgentId, why: Failure) -> String {
    match why {
        Failure::Protected => format!(
            "{agent} is to end, but all of it is protected (a terminal multiplexer, a login or the desktop): nothing was \
             done; end it by hand"
        ),
        Failure::Survivors(count) => {
            format!(
                "{agent}: {} outlived KILL, stuck in the kernel or beyond our rights; left alone for a while",
                processes(count)
            )
        }
    }
}
