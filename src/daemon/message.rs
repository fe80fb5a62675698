//! An event as the journal has it: a sentence, a stable id, and fields to search by.

use std::time::Duration;

use tracing::Level;

use crate::model::event::{Decision, Failure, What};
use crate::model::{AgentId, AgentRef, Event, Signal};

/// One entry of the journal. Field names are upper-cased there; those that are `None` are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) level: Level,
    /// Stable through all versions (`journalctl MESSAGE_ID=…`); listed in `docs/journal.md`.
    pub(super) id: &'static str,
    pub(super) action: &'static str,
    pub(super) text: String,
    pub(super) line: Option<u64>,
    pub(super) culprit_pid: Option<i32>,
    pub(super) culprit_charge: Option<u64>,
    pub(super) signal: Option<&'static str>,
    pub(super) dry_run: Option<bool>,
    pub(super) action_id: Option<u64>,
}

impl Message {
    /// Says what happened.
    pub(super) fn of(event: &Event) -> Self {
        let (level, id, action) = kind(&event.what);
        let plain = Self {
            level,
            id,
            action,
            text: text(event),
            line: None,
            culprit_pid: None,
            culprit_charge: None,
            signal: None,
            dry_run: None,
            action_id: None,
        };
        match &event.what {
            What::Found
            | What::Gone
            | What::HeldBack { .. }
            | What::GuestInDanger { .. }
            | What::GuestSafe { .. } => plain,
            What::Warned { line } | What::Recovered { line } => Self { line: Some(line.get()), ..plain },
            What::Acted(decision) => Self {
                line: Some(decision.line.get()),
                culprit_pid: Some(decision.culprit.top.pid.get()),
                culprit_charge: Some(decision.culprit.charge.get()),
                signal: (!decision.dry_run).then(|| Signal::Term.name()),
                dry_run: Some(decision.dry_run),
                action_id: Some(decision.action),
                ..plain
            },
            What::Signalled { action, signal, .. } => {
                Self { signal: Some(signal.name()), action_id: Some(*action), ..plain }
            }
            What::Killed { action, .. } | What::Ended { action, .. } | What::Failed { action, .. } => {
                Self { action_id: Some(*action), ..plain }
            }
        }
    }
}

fn kind(what: &What) -> (Level, &'static str, &'static str) {
    match what {
        What::Found => (Level::INFO, "8bb38f3dab22462fb54ef0d5b18bd5e2", "found"),
        What::Gone => (Level::INFO, "a2a951cad12d40768354ace4cd38c6d7", "gone"),
        What::Warned { .. } => (Level::WARN, "372f45dc95714e6eb15277480a4f0e2f", "warn"),
        What::Recovered { .. } => (Level::INFO, "8b9fc8f14b944deaa8a3294ec029a5d6", "recovered"),
        What::Acted(_) => (Level::WARN, "19c62cb129aa40019a7afa752ad4d7e3", "act"),
        What::Signalled { refused: 0, .. } => (Level::INFO, "417aa8b793654922a1c0491312fb45ef", "signal"),
        What::Signalled { .. } => (Level::ERROR, "417aa8b793654922a1c0491312fb45ef", "signal"),
        What::Killed { .. } => (Level::WARN, "8a849a86ed664e15a00b3c8f372fbfa7", "kill"),
        What::Ended { .. } => (Level::WARN, "ffb634b6587d43c691d55e341dfb1df7", "acted"),
        What::Failed { .. } => (Level::ERROR, "c9cf556beb994c8e90caa02e8c3fc55a", "failed"),
        What::HeldBack { .. } => (Level::WARN, "3f0a3c0d9c9e4b0f8a8b1d2a6c1e5f70", "held-back"),
        What::GuestInDanger { .. } => (Level::ERROR, "5d1b9a7e0c8f4a37b5a6e2f4d3c09b18", "danger"),
        What::GuestSafe { .. } => (Level::INFO, "9e2c4f6a1b3d4c5e8f7a0b9c8d6e5f41", "safe"),
    }
}

fn text(event: &Event) -> String {
    match &event.agent {
        Some(agent) => of_agent(event, agent),
        None => of_guest(event),
    }
}

fn of_guest(event: &Event) -> String {
    match &event.what {
        What::GuestInDanger { danger, why } => format!("{danger:?} {why:?}"),
        What::GuestSafe { left } => format!("the guest is out of danger again: {left} are left"),
        other => format!("{other:?}"),
    }
}

fn of_agent(event: &Event, agent: &AgentRef) -> String {
    let (id, charge) = (&agent.id, event.charge);
    match &event.what {
        What::Found => {
            format!("found {id} (pid {}, uid {}), at {charge}", agent.root.pid, agent.uid)
        }
        What::Gone => format!("{id} has ended"),
        What::Warned { line } => format!("{id} is at {charge}, over its warn line of {line}"),
        What::Recovered { line } => format!("{id} is at {charge}, back under its warn line of {line}"),
        What::Acted(decision) => decided(event, agent, decision),
        What::Signalled { signal, delivered, gone, refused, .. } => {
            signalled(id, signal.name(), *delivered, *gone, *refused)
        }
        What::Killed { remaining, after, .. } => {
            format!("{id}: {} still there {} after TERM, killing", processes(*remaining), seconds(*after))
        }
        What::Ended { freed, peak, after, back, .. } => format!(
            "{id}: {freed} freed {} after the decision, {charge} left; it had reached {peak}{}",
            seconds(*after),
            if *back { "" } else { "; the guest does not show the memory yet, something else took it" }
        ),
        What::Failed { why, .. } => failed(id, *why),
        What::HeldBack { actions, wait } => {
            format!("{id} is over its kill line again after {actions} actions: waiting {}", seconds(*wait))
        }
        What::GuestInDanger { .. } | What::GuestSafe { .. } => of_guest(event),
    }
}

fn decided(event: &Event, agent: &AgentRef, decision: &Decision) -> String {
    let end = if decision.dry_run { "dry run: would end" } else { "ending" };
    let culprit = &decision.culprit;
    let whom = if decision.whole {
        let resume = agent
            .resume
            .as_ref()
            .map(|command| format!("; take up its work with `{command}` in its directory"))
            .unwrap_or_default();
        let shortfall = decision.shortfall;
        format!("it whole ({}), no part of it alone frees {shortfall}{resume}", processes(decision.processes))
    } else {
        format!(
            "{} (pid {}, {} in {}); the agent goes on",
            culprit.name,
            culprit.top.pid,
            culprit.charge,
            processes(culprit.processes)
        )
    };
    format!(
        "{} is at {}, over its kill line of {}: {end} {whom}; grace {}",
        agent.id,
        event.charge,
        decision.line,
        seconds(decision.grace)
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
            "{agent} is over its kill line, but all of it is protected (a terminal multiplexer, a login or the desktop): \
             nothing was done; end it by hand"
        ),
        Failure::Survivors(count) => {
            format!(
                "{agent}: {} outlived KILL, stuck in the kernel or beyond our rights; left alone for a while",
                processes(count)
            )
        }
    }
}

/// `1 process`, `3 processes`.
pub(super) fn processes(count: usize) -> String {
    if count == 1 { "1 process".to_owned() } else { format!("{count} processes") }
}

/// `0.4s`, `12s`.
pub(super) fn seconds(time: Duration) -> String {
    if time < Duration::from_secs(10) {
        format!("{:.1}s", time.as_secs_f64())
    } else {
        format!("{}s", time.as_secs())
    }
}

#[cfg(test)]
mod tests;
