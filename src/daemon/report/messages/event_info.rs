//! An event as programs read it over the socket.

use jiff::Timestamp;
use tracing::Level;

use super::Message;
use crate::api::event_log::EventInfo;
use crate::model::{Bytes, Event};

/// What happened just now. It gets its number where it is kept.
pub(crate) fn told(event: &Event) -> EventInfo {
    let message = Message::of(event);
    let agent = event.agent.as_ref();
    EventInfo {
        number: 0,
        time: Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        kind: message.action.to_owned(),
        level: level(message.level).to_owned(),
        agent: agent.map(|agent| agent.id.to_string()),
        rule: agent.map(|agent| agent.rule.clone()),
        pid: agent.map(|agent| agent.root.pid),
        uid: agent.map(|agent| agent.uid),
        charge: event.charge,
        threshold: message.threshold.map(Bytes::new),
        culprit_pid: message.culprit_pid,
        culprit_charge: message.culprit_charge.map(Bytes::new),
        signal: message.signal.map(str::to_owned),
        cause: message.cause.map(str::to_owned),
        action: message.action_id,
        dry_run: message.dry_run,
        message: message.text,
    }
}

fn level(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warning",
        _ => "info",
    }
}
