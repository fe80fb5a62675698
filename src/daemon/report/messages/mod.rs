//! An event as the journal has it: a sentence, a stable id, and fields to search by.

mod text;

use std::time::Duration;

use tracing::Level;

use crate::model::event::{Cause, Danger, EventKind};
use crate::model::{Bytes, Event};
use text::text;

/// One entry of the journal. Field names are upper-cased there; those that are `None` are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) level: Level,
    /// Stable through all versions (`journalctl MESSAGE_ID=…`); listed in `docs/journal.md`.
    pub(crate) id: &'static str,
    pub(crate) action: &'static str,
    pub(crate) text: String,
    pub(crate) threshold: Option<u64>,
    pub(crate) culprit_pid: Option<i32>,
    pub(crate) culprit_charge: Option<u64>,
    pub(crate) signal: Option<&'static str>,
    /// `threshold`, `guard` or `request`.
    pub(crate) cause: Option<&'static str>,
    /// Who asked for it.
    pub(crate) by: Option<u32>,
    /// What the guest has left, and what it should have.
    pub(crate) left: Option<u64>,
    pub(crate) reserve: Option<u64>,
    /// When something is foretold, in seconds: the beginning of the interval, the estimate, the end.
    pub(crate) eta: Option<[u64; 3]>,
    pub(crate) dry_run: Option<bool>,
    pub(crate) action_id: Option<u64>,
}

impl Message {
    /// Says what happened.
    pub(crate) fn of(event: &Event) -> Self {
        let (level, id, action) = kind(&event.kind);
        let plain = Self {
            level,
            id,
            action,
            text: text(event),
            threshold: None,
            culprit_pid: None,
            culprit_charge: None,
            signal: None,
            cause: None,
            by: None,
            left: None,
            reserve: None,
            eta: None,
            dry_run: None,
            action_id: None,
        };
        match &event.kind {
            EventKind::Found
            | EventKind::Gone
            | EventKind::Unknown
            | EventKind::RestartBackoff { .. }
            | EventKind::ForecastCleared => plain,
            EventKind::ForecastAlert(told) => Self {
                threshold: Some(told.limit.get()),
                eta: Some([told.between.0, told.eta, told.between.1].map(|time| time.as_secs())),
                ..plain
            },
            EventKind::GuestInDanger { danger, .. } => plain.in_danger(danger),
            EventKind::KernelOom { lost, limit, .. } => Self {
                threshold: limit.map(Bytes::get),
                culprit_pid: lost.as_ref().map(|lost| lost.key.pid.get()),
                culprit_charge: lost.as_ref().map(|lost| lost.charge.get()),
                ..plain
            },
            EventKind::GuestSafe { left } => Self { left: Some(left.get()), ..plain },
            EventKind::Escalated { action, culprit, .. } => Self {
                culprit_pid: Some(culprit.top.pid.get()),
                culprit_charge: Some(culprit.charge.get()),
                action_id: Some(*action),
                ..plain
            },
            EventKind::Warned { threshold } | EventKind::Recovered { threshold } => {
                Self { threshold: Some(threshold.get()), ..plain }
            }
            EventKind::Acted(decision) => {
                let told = Self {
                    threshold: Some(decision.threshold.get()),
                    culprit_pid: Some(decision.culprit.top.pid.get()),
                    culprit_charge: Some(decision.culprit.charge.get()),
                    signal: (!decision.dry_run).then(|| decision.signal.name()),
                    cause: Some(decision.cause.name()),
                    dry_run: Some(decision.dry_run),
                    action_id: Some(decision.action),
                    ..plain
                };
                match &decision.cause {
                    Cause::Threshold => told,
                    Cause::Guard(danger) | Cause::Slice { danger, .. } => told.in_danger(danger),
                    Cause::Request { by } => Self { by: Some(by.get()), ..told },
                }
            }
            EventKind::Signalled { action, signal, .. } => {
                Self { signal: Some(signal.name()), action_id: Some(*action), ..plain }
            }
            EventKind::Killed { action, .. }
            | EventKind::Ended { action, .. }
            | EventKind::Failed { action, .. } => Self { action_id: Some(*action), ..plain },
        }
    }

    fn in_danger(self, danger: &Danger) -> Self {
        Self { left: Some(danger.left.get()), reserve: Some(danger.reserve.get()), ..self }
    }
}

fn kind(kind: &EventKind) -> (Level, &'static str, &'static str) {
    match kind {
        EventKind::Found => (Level::INFO, "8bb38f3dab22462fb54ef0d5b18bd5e2", "found"),
        EventKind::Gone => (Level::INFO, "a2a951cad12d40768354ace4cd38c6d7", "gone"),
        EventKind::Unknown => (Level::INFO, "e0a7c5d2916b4f38a4d1b90c7f6e2a53", "unknown"),
        EventKind::Warned { .. } => (Level::WARN, "372f45dc95714e6eb15277480a4f0e2f", "warn"),
        EventKind::Recovered { .. } => (Level::INFO, "8b9fc8f14b944deaa8a3294ec029a5d6", "recovered"),
        EventKind::Acted(_) => (Level::WARN, "19c62cb129aa40019a7afa752ad4d7e3", "act"),
        EventKind::Signalled { refused: 0, .. } => {
            (Level::INFO, "417aa8b793654922a1c0491312fb45ef", "signal")
        }
        EventKind::Signalled { .. } => (Level::ERROR, "417aa8b793654922a1c0491312fb45ef", "signal"),
        EventKind::Killed { .. } => (Level::WARN, "8a849a86ed664e15a00b3c8f372fbfa7", "kill"),
        EventKind::Escalated { .. } => (Level::WARN, "b2f8a4c15d7e4e0a9c36d18e5f70a942", "widened"),
        EventKind::Ended { .. } => (Level::WARN, "ffb634b6587d43c691d55e341dfb1df7", "acted"),
        EventKind::Failed { .. } => (Level::ERROR, "c9cf556beb994c8e90caa02e8c3fc55a", "failed"),
        EventKind::RestartBackoff { .. } => (Level::WARN, "3f0a3c0d9c9e4b0f8a8b1d2a6c1e5f70", "held-back"),
        EventKind::ForecastAlert(_) => (Level::WARN, "c7d1f0b24e6a4a5c9b83e15f6d20a794", "forecast"),
        EventKind::ForecastCleared => (Level::INFO, "1f6e8c93ab5d47d2a0e4b7c58d31f962", "forecast_cleared"),
        EventKind::GuestInDanger { .. } => (Level::ERROR, "5d1b9a7e0c8f4a37b5a6e2f4d3c09b18", "danger"),
        EventKind::KernelOom { .. } => (Level::ERROR, "b7a1e3c05d924f6e8c2f41d09a6b7e35", "kernel_oom"),
        EventKind::GuestSafe { .. } => (Level::INFO, "9e2c4f6a1b3d4c5e8f7a0b9c8d6e5f41", "safe"),
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

pub(crate) mod event_info;
#[cfg(test)]
mod tests;
