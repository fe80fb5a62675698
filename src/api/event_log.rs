//! Recent events, for programs.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::model::{Bytes, Pid, Uid};

/// Number of events kept. A day with a dozen agents has fewer; they use at most 100 KB.
pub const EVENT_LOG_CAPACITY: usize = 256;

/// One event. Events of an agent are for its owner and root only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventInfo {
    /// Numbers the events since the supervisor started, from 1.
    pub number: u64,
    /// When, RFC 3339.
    pub time: String,
    /// The kind of event, as in the journal's `ACTION`.
    pub kind: String,
    /// The journal's `MESSAGE_ID`, stable across versions.
    #[serde(default)]
    pub message_id: String,
    /// How serious it is.
    pub level: EventLevel,
    /// The agent, like `claude-1234`; null for events of the guest.
    pub agent: Option<String>,
    /// The agent's rule.
    pub rule: Option<String>,
    /// The agent's root.
    pub pid: Option<Pid>,
    /// The agent's owner.
    pub uid: Option<Uid>,
    /// The agent's charge at that moment, in bytes; the sum of all agents for the guest.
    pub charge: Bytes,
    /// The threshold in question, in bytes.
    pub threshold: Option<Bytes>,
    /// Topmost process of the killed subtree.
    pub culprit_pid: Option<i32>,
    /// Its charge including all descendants, in bytes.
    pub culprit_charge: Option<Bytes>,
    /// The signal that was or is to be sent.
    pub signal: Option<String>,
    /// Reason of an action: `threshold`, `guard`, `slice` or `request`.
    pub cause: Option<String>,
    /// The user that requested the action.
    pub by: Option<Uid>,
    /// Memory and usable swap left, in bytes.
    pub left: Option<Bytes>,
    /// The reserve that should be left, in bytes.
    pub reserve: Option<Bytes>,
    /// Predicted seconds until the ceiling is reached.
    pub eta_seconds: Option<u64>,
    /// Lower end of the 80 % interval of `eta_seconds`.
    pub eta_low_seconds: Option<u64>,
    /// Upper end of the 80 % interval of `eta_seconds`.
    pub eta_high_seconds: Option<u64>,
    /// Numbers the actions since the supervisor started.
    pub action: Option<u64>,
    /// Reported only (dry run); null for events without an action.
    pub dry_run: Option<bool>,
    /// The message for people.
    pub message: String,
}

/// How serious an event is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventLevel {
    /// Something worth knowing.
    #[default]
    Info,
    /// An agent was or will be killed.
    Warning,
    /// Memory is short and nothing can be done, or an action failed.
    Error,
}

impl EventLevel {
    /// The name in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl EventInfo {
    /// Whether `reader` may see it.
    #[must_use]
    pub fn is_for(&self, reader: Uid) -> bool {
        self.uid.is_none_or(|owner| reader.may_see(owner))
    }
}

/// The last [`EVENT_LOG_CAPACITY`] events. A reader that continues where it stopped misses only events dropped since.
#[derive(Clone, Debug)]
pub struct EventLog {
    kept: VecDeque<EventInfo>,
    /// The number of the next one.
    next: u64,
}

/// Unread events of a reader.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unread {
    /// The events, oldest first.
    pub events: Vec<EventInfo>,
    /// Number of events dropped before they were read, including those of other users.
    pub missed: u64,
    /// The number to continue from.
    pub next: u64,
}

impl Default for EventLog {
    fn default() -> Self {
        Self { kept: VecDeque::new(), next: 1 }
    }
}

impl EventLog {
    /// Adds an event under the next number.
    pub fn push(&mut self, event: EventInfo) {
        self.kept.push_back(EventInfo { number: self.next, ..event });
        self.next += 1;
        while self.kept.len() > EVENT_LOG_CAPACITY {
            self.kept.pop_front();
        }
    }

    /// The events from number `from` that `reader` may see; the newest `last` of them if given.
    #[must_use]
    pub fn read(&self, from: u64, last: Option<usize>, reader: Uid) -> Unread {
        let oldest = self.next - self.kept.len() as u64;
        let unread = self.kept.iter().filter(|event| event.number >= from && event.is_for(reader));
        let mut events: Vec<EventInfo> = unread.cloned().collect();
        if let Some(last) = last {
            events.drain(..events.len().saturating_sub(last));
        }
        Unread { events, missed: oldest.saturating_sub(from), next: self.next }
    }

    /// The number of the oldest event kept.
    #[must_use]
    pub fn oldest(&self) -> u64 {
        self.next - self.kept.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(uid: Option<u32>) -> EventInfo {
        EventInfo {
            kind: "found".to_owned(),
            agent: uid.map(|_| "claude-1".to_owned()),
            uid: uid.map(Uid::new),
            ..EventInfo::default()
        }
    }

    fn numbers(unread: &Unread) -> Vec<u64> {
        unread.events.iter().map(|event| event.number).collect()
    }

    #[test]
    fn a_continuing_reader_misses_only_dropped_events() {
        let (mut log, root) = (EventLog::default(), Uid::ROOT);
        assert_eq!(log.read(log.oldest(), None, root), Unread { next: 1, ..Unread::default() });
        (0..3).for_each(|_| log.push(of(None)));
        let first = log.read(log.oldest(), None, root);
        assert_eq!((numbers(&first), first.missed, first.next), (vec![1, 2, 3], 0, 4));
        assert_eq!(numbers(&log.read(first.next, None, root)), [0; 0]);
        (0..=EVENT_LOG_CAPACITY).for_each(|_| log.push(of(None)));
        let late = log.read(first.next, None, root);
        assert_eq!((late.events.len(), late.missed), (EVENT_LOG_CAPACITY, 1));
        assert_eq!(late.events.first().map(|e| e.number), Some(5));
        assert_eq!(log.read(log.oldest(), None, root).missed, 0, "a new reader has missed nothing");
    }

    #[test]
    fn events_of_an_agent_are_for_its_owner_and_root() {
        let mut log = EventLog::default();
        for uid in [Some(1000), Some(1001), None, Some(1000)] {
            log.push(of(uid));
        }
        let seen = |uid, last| numbers(&log.read(1, last, Uid::new(uid)));
        assert_eq!(seen(1000, None), [1, 3, 4]);
        assert_eq!(seen(1001, None), [2, 3]);
        assert_eq!(seen(0, None), [1, 2, 3, 4]);
        assert_eq!(seen(1000, Some(2)), [3, 4], "the last of the visible ones");
        assert_eq!(seen(1000, Some(0)), [0; 0]);
    }
}
