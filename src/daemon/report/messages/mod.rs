//! An event as the journal and the socket have it: a sentence, a stable id, and fields to search by.

mod text;

use std::time::Duration;

use jiff::Timestamp;

use crate::api::event_log::{EventInfo, EventLevel};
use crate::model::Event;
use crate::model::event::{Cause, Danger, EventKind};
pub(crate) use text::text;

/// Builds the entry of an event that happened just now. The event log numbers it.
pub(crate) fn event_info(event: &Event) -> EventInfo {
    let (level, message_id, kind) = identity(&event.kind);
    let agent = event.agent.as_ref();
    let plain = EventInfo {
        time: Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        kind: kind.to_owned(),
        message_id: message_id.to_owned(),
        level,
        agent: agent.map(|agent| agent.id.to_string()),
        rule: agent.map(|agent| agent.rule.clone()),
        pid: agent.map(|agent| agent.root.pid),
        uid: agent.map(|agent| agent.uid),
        charge: event.charge,
        message: text(event),
        ..EventInfo::default()
    };
    match &event.kind {
        EventKind::Found
        | EventKind::Gone
        | EventKind::Unknown
        | EventKind::RestartBackoff { .. }
        | EventKind::ForecastCleared => plain,
        EventKind::ForecastAlert(alert) => EventInfo {
            threshold: Some(alert.limit),
            eta_seconds: Some(alert.eta.as_secs()),
            eta_low_seconds: Some(alert.between.0.as_secs()),
            eta_high_seconds: Some(alert.between.1.as_secs()),
            ..plain
        },
        EventKind::GuestInDanger { danger, .. } => with_danger(plain, danger),
        EventKind::KernelOom { lost, limit, .. } => EventInfo {
            threshold: *limit,
            culprit_pid: lost.as_ref().map(|lost| lost.key.pid.get()),
            culprit_charge: lost.as_ref().map(|lost| lost.charge),
            ..plain
        },
        EventKind::GuestSafe { left } => EventInfo { left: Some(*left), ..plain },
        EventKind::Escalated { action, culprit, .. } => EventInfo {
            culprit_pid: Some(culprit.top.pid.get()),
            culprit_charge: Some(culprit.charge),
            action: Some(*action),
            ..plain
        },
        EventKind::Warned { threshold } | EventKind::Recovered { threshold } => {
            EventInfo { threshold: Some(*threshold), ..plain }
        }
        EventKind::Acted(decision) => {
            let decided = EventInfo {
                threshold: Some(decision.threshold),
                culprit_pid: Some(decision.culprit.top.pid.get()),
                culprit_charge: Some(decision.culprit.charge),
                signal: (!decision.dry_run).then(|| decision.signal.name().to_owned()),
                cause: Some(decision.cause.name().to_owned()),
                dry_run: Some(decision.dry_run),
                action: Some(decision.action),
                ..plain
            };
            match &decision.cause {
                Cause::Threshold => decided,
                Cause::Guard(danger) | Cause::Slice { danger, .. } => with_danger(decided, danger),
                Cause::Request { by } => EventInfo { by: Some(*by), ..decided },
            }
        }
        EventKind::Signalled { action, signal, .. } => {
            EventInfo { signal: Some(signal.name().to_owned()), action: Some(*action), ..plain }
        }
        EventKind::Killed { action, .. }
        | EventKind::Ended { action, .. }
        | EventKind::Failed { action, .. } => EventInfo { action: Some(*action), ..plain },
    }
}

fn with_danger(info: EventInfo, danger: &Danger) -> EventInfo {
    EventInfo { left: Some(danger.left), reserve: Some(danger.reserve), ..info }
}

/// Level, `MESSAGE_ID` and `ACTION`. Stable across versions and listed in `docs/journal.md`.
fn identity(kind: &EventKind) -> (EventLevel, &'static str, &'static str) {
    use EventLevel::{Error, Info, Warning};
    match kind {
        EventKind::Found => (Info, "8bb38f3dab22462fb54ef0d5b18bd5e2", "found"),
        EventKind::Gone => (Info, "a2a951cad12d40768354ace4cd38c6d7", "gone"),
        EventKind::Unknown => (Info, "e0a7c5d2916b4f38a4d1b90c7f6e2a53", "unknown"),
        EventKind::Warned { .. } => (Warning, "372f45dc95714e6eb15277480a4f0e2f", "warn"),
        EventKind::Recovered { .. } => (Info, "8b9fc8f14b944deaa8a3294ec029a5d6", "recovered"),
        EventKind::Acted(_) => (Warning, "19c62cb129aa40019a7afa752ad4d7e3", "act"),
        EventKind::Signalled { refused: 0, .. } => (Info, "417aa8b793654922a1c0491312fb45ef", "signal"),
        EventKind::Signalled { .. } => (Error, "417aa8b793654922a1c0491312fb45ef", "signal"),
        EventKind::Killed { .. } => (Warning, "8a849a86ed664e15a00b3c8f372fbfa7", "kill"),
        EventKind::Escalated { .. } => (Warning, "b2f8a4c15d7e4e0a9c36d18e5f70a942", "escalated"),
        EventKind::Ended { .. } => (Warning, "ffb634b6587d43c691d55e341dfb1df7", "acted"),
        EventKind::Failed { .. } => (Error, "c9cf556beb994c8e90caa02e8c3fc55a", "failed"),
        EventKind::RestartBackoff { .. } => (Warning, "3f0a3c0d9c9e4b0f8a8b1d2a6c1e5f70", "restart_backoff"),
        EventKind::ForecastAlert(_) => (Warning, "c7d1f0b24e6a4a5c9b83e15f6d20a794", "forecast"),
        EventKind::ForecastCleared => (Info, "1f6e8c93ab5d47d2a0e4b7c58d31f962", "forecast_cleared"),
        EventKind::GuestInDanger { .. } => (Error, "5d1b9a7e0c8f4a37b5a6e2f4d3c09b18", "danger"),
        EventKind::KernelOom { .. } => (Error, "b7a1e3c05d924f6e8c2f41d09a6b7e35", "kernel_oom"),
        EventKind::GuestSafe { .. } => (Info, "9e2c4f6a1b3d4c5e8f7a0b9c8d6e5f41", "safe"),
    }
}

/// `1 process`, `3 processes`.
pub(crate) fn processes(count: usize) -> String {
    if count == 1 { "1 process".to_owned() } else { format!("{count} processes") }
}

/// `0.4s`, `12s`.
pub(crate) fn seconds(time: Duration) -> String {
    if time < Duration::from_secs(10) {
        format!("{:.1}s", time.as_secs_f64())
    } else {
        format!("{}s", time.as_secs())
    }
}

#[cfg(test)]
mod tests;
