//! Publishes the newest status and snapshot, and the events.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::action_log::ActionLog;
use super::forecasts::ForecastTracker;
use super::status::{self, StatusSource};
use crate::api::event_log::{EventInfo, EventLog};
use crate::api::status::{ActionInfo, StatusInfo, SupervisorInfo};
use crate::model::{Event, ProcessKey, Snapshot};
use crate::sampler::Sampler;

/// Republish at least this often even without subscribers, so that `systemctl status` stays current. Socket requests
/// trigger their own sample.
const MAX_STATUS_AGE: Duration = Duration::from_secs(15);

/// The snapshot and status published last.
#[derive(Clone, Debug)]
pub(crate) struct Published {
    /// When the sample began.
    pub(crate) at: Instant,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) status: Arc<StatusInfo>,
}

impl Published {
    /// The roots of all agents.
    pub(crate) fn roots(&self) -> Vec<ProcessKey> {
        self.snapshot.agents.iter().map(|agent| agent.agent.root).collect()
    }
}

/// The values that clients read.
#[derive(Debug)]
pub(crate) struct Publisher {
    updates: watch::Sender<Arc<StatusInfo>>,
    latest: watch::Sender<Published>,
    /// Receivers of `updates` that the socket's handlers keep without a client behind them.
    idle_receivers: usize,
    action_log: ActionLog,
    events: watch::Sender<Arc<EventLog>>,
}

impl Publisher {
    /// Publishes `snapshot` first.
    pub(crate) fn new(snapshot: Snapshot, source: StatusSource<'_>) -> Self {
        let action_log = ActionLog::default();
        let status = status::status(&snapshot, source, &action_log, Some(SupervisorInfo::default()));
        let status = Arc::new(status);
        let latest =
            Published { at: Instant::now(), snapshot: Arc::new(snapshot), status: Arc::clone(&status) };
        Self {
            updates: watch::Sender::new(status),
            latest: watch::Sender::new(latest),
            idle_receivers: 0,
            action_log,
            events: watch::Sender::default(),
        }
    }

    /// The event log, for the socket's handlers.
    pub(crate) fn events(&self) -> watch::Receiver<Arc<EventLog>> {
        self.events.subscribe()
    }

    /// The record of an action.
    pub(crate) fn action(&self, number: u64) -> Option<ActionInfo> {
        self.action_log.action(number)
    }

    /// The statuses, for the socket's handlers, which clone the receiver for each client.
    pub(crate) fn updates(&mut self) -> watch::Receiver<Arc<StatusInfo>> {
        self.idle_receivers += 1;
        self.updates.subscribe()
    }

    /// The newest snapshot and status, for explanations.
    pub(crate) fn latest(&self) -> watch::Receiver<Published> {
        self.latest.subscribe()
    }

    /// Whether a client follows the status.
    pub(crate) fn is_followed(&self) -> bool {
        self.updates.receiver_count() > self.idle_receivers
    }

    /// When the published sample began.
    pub(crate) fn published_at(&self) -> Instant {
        self.latest.borrow().at
    }

    /// Whether the published status is too old.
    pub(crate) fn is_due(&self) -> bool {
        self.published_at().elapsed() >= MAX_STATUS_AGE
    }

    /// Records an event in the action log; the next status shows it.
    pub(crate) fn record(&mut self, event: &Event, sampler: &Sampler) {
        let last = self.updates.borrow();
        let root = event.agent.as_ref().map(|agent| agent.root.pid);
        let cwd = || last.agents.iter().find(|a| Some(a.pid) == root).and_then(|a| a.cwd.clone());
        self.action_log.record(event, |key| sampler.command(key).to_owned(), cwd);
    }

    /// Publishes events. Called after the status that shows their effects: a client that reads one may request the status.
    pub(crate) fn announce(&self, events: &[EventInfo]) {
        if !events.is_empty() {
            // A reader keeps the version that it reads: no reader is waited for.
            self.events.send_modify(|log| {
                let log = Arc::make_mut(log);
                for event in events {
                    log.push(event.clone());
                }
            });
        }
    }

    /// The line for `systemctl status`.
    pub(crate) fn status_line(&self) -> String {
        status::line(&self.updates.borrow())
    }

    /// Publishes `snapshot`. Returns the line for `systemctl status`.
    pub(crate) fn publish(
        &self,
        at: Instant,
        snapshot: Snapshot,
        source: StatusSource<'_>,
        forecasts: &ForecastTracker,
        counters: SupervisorInfo,
    ) -> String {
        let mut status = status::status(&snapshot, source, &self.action_log, Some(counters));
        forecasts.fill_in(&mut status);
        let line = status::line(&status);
        let status = Arc::new(status);
        // First: a reader that waits for `latest` then reads `updates`.
        self.updates.send_replace(Arc::clone(&status));
        self.latest.send_replace(Published { at, snapshot: Arc::new(snapshot), status });
        line
    }
}
