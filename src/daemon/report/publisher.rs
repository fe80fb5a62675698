//! What others may know: the newest status for readers, the newest snapshot for explanations, recent actions.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::action_log::ActionLog;
use super::forecasts::ForecastTracker;
use super::messages::event_info::told;
use super::status;
use crate::api::event_log::EventLog;
use crate::api::status::{ActionInfo, StatusInfo, SupervisorInfo};
use crate::model::{Event, ProcessKey, Snapshot, Thresholds};
use crate::policy::Engine;
use crate::sampler::Sampler;

/// Nobody may listen; the line that the service manager shows is still not older than this. Who asks over the socket
/// causes a look.
const EVERY: Duration = Duration::from_secs(15);

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

/// Holds what was made known last.
#[derive(Debug)]
pub(crate) struct Publisher {
    updates: watch::Sender<Arc<StatusInfo>>,
    /// The newest snapshot, for those who ask about single processes.
    seen: watch::Sender<Published>,
    /// Receivers of `updates` that wait in the service for somebody to listen.
    idle: usize,
    ledger: ActionLog,
    events: watch::Sender<Arc<EventLog>>,
    thresholds: Thresholds,
    notes: Vec<String>,
}

impl Publisher {
    /// Begins with `snapshot`.
    pub(crate) fn new(
        snapshot: Snapshot,
        engine: &Engine,
        sampler: &Sampler,
        thresholds: Thresholds,
        notes: Vec<String>,
    ) -> Self {
        let ledger = ActionLog::default();
        let info = SupervisorInfo::default();
        let status =
            Arc::new(status::status(&snapshot, engine, sampler, &ledger, thresholds, &notes, Some(info)));
        let seen =
            Published { at: Instant::now(), snapshot: Arc::new(snapshot), status: Arc::clone(&status) };
        Self {
            updates: watch::Sender::new(status),
            seen: watch::Sender::new(seen),
            idle: 0,
            ledger,
            events: watch::Sender::default(),
            thresholds,
            notes,
        }
    }

    /// Takes up other lines and notes; they are made known with the next snapshot.
    pub(crate) fn reconfigure(&mut self, thresholds: Thresholds, notes: Vec<String>) {
        self.thresholds = thresholds;
        self.notes = notes;
    }

    /// The lines that count.
    pub(crate) fn thresholds(&self) -> Thresholds {
        self.thresholds
    }

    /// For those who want to know what happened.
    pub(crate) fn events(&self) -> watch::Receiver<Arc<EventLog>> {
        self.events.subscribe()
    }

    /// What is known of an action.
    pub(crate) fn action(&self, number: u64) -> Option<ActionInfo> {
        self.ledger.action(number)
    }

    /// For the service: statuses to be handed on to whoever listens.
    pub(crate) fn updates(&mut self) -> watch::Receiver<Arc<StatusInfo>> {
        self.idle += 1;
        self.updates.subscribe()
    }

    /// For those who ask about single processes.
    pub(crate) fn seen(&self) -> watch::Receiver<Published> {
        self.seen.subscribe()
    }

    /// Whether somebody follows the status.
    pub(crate) fn is_followed(&self) -> bool {
        self.updates.receiver_count() > self.idle
    }

    /// When the look began that was made known last.
    pub(crate) fn shown(&self) -> Instant {
        self.seen.borrow().at
    }

    /// Whether what was made known last is old.
    pub(crate) fn is_due(&self) -> bool {
        self.shown().elapsed() >= EVERY
    }

    /// Takes in an event, for the next status.
    pub(crate) fn record(&mut self, event: &Event, sampler: &Sampler) {
        let last = self.updates.borrow();
        let root = event.agent.as_ref().map(|agent| agent.root.pid);
        let cwd = || last.agents.iter().find(|a| Some(a.pid) == root).and_then(|a| a.cwd.clone());
        self.ledger.record(event, |key| sampler.command(key).to_owned(), cwd);
    }

    /// Makes events known, to whoever waits for such. After the status that shows what they did: who hears of one may ask.
    pub(crate) fn announce(&self, events: &[Event]) {
        if !events.is_empty() {
            let events = events.iter().map(told);
            // Whoever reads an older one keeps that: no reader is waited for.
            self.events.send_modify(|log| events.for_each(|event| Arc::make_mut(log).push(event)));
        }
    }

    /// What was made known last, in one line.
    pub(crate) fn line(&self) -> String {
        status::line(&self.updates.borrow())
    }

    /// Makes `snapshot` known. The line that says it all.
    pub(crate) fn publish(
        &self,
        at: Instant,
        snapshot: Snapshot,
        engine: &Engine,
        sampler: &Sampler,
        foresight: &ForecastTracker,
        info: SupervisorInfo,
    ) -> String {
        let Self { ledger, thresholds, notes, .. } = self;
        let mut status = status::status(&snapshot, engine, sampler, ledger, *thresholds, notes, Some(info));
        foresight.tell(&mut status);
        let line = status::line(&status);
        let status = Arc::new(status);
        // Who waits for a look then reads the status.
        self.updates.send_replace(Arc::clone(&status));
        // Handed on, not copied.
        self.seen.send_replace(Published { at, snapshot: Arc::new(snapshot), status });
        line
    }
}
