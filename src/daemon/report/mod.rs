//! Reports the results of a tick: status, events, forecasts, history, journal, service manager.

pub(crate) mod action_log;
pub(crate) mod forecasts;
pub(crate) mod history;
pub(crate) mod journal;
pub(crate) mod log;
pub(crate) mod messages;
pub(crate) mod publisher;
mod state_dir;
pub(crate) mod status;

use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Instant;

use tracing::Level;

use crate::api::history::HistoryInfo;
use crate::api::status::SupervisorInfo;
use crate::model::{Event, Snapshot, Thresholds};
use crate::policy::Engine;
use crate::systemd::notify::Notifier;
use forecasts::ForecastTracker;
use history::HistoryRecorder;
use journal::{Report, Reporter};
use messages::event_info;
use publisher::Publisher;
use status::StatusSource;

/// Everything that the control loop reports to. Nothing here blocks the loop: the journal and the history have threads of
/// their own, clients read the published values.
#[derive(Debug)]
pub(crate) struct Outputs {
    pub(crate) publisher: Publisher,
    pub(crate) notifier: Notifier,
    /// Counters of the loop itself, shown in the status.
    pub(crate) counters: SupervisorInfo,
    forecasts: ForecastTracker,
    history: HistoryRecorder,
    /// Receives the history from before this process started; `None` once consumed or timed out.
    past: Option<Receiver<HistoryInfo>>,
    reporter: Reporter,
    started: Instant,
}

impl Outputs {
    pub(crate) fn new(
        publisher: Publisher,
        notifier: Notifier,
        history: HistoryRecorder,
        reporter: Reporter,
    ) -> Self {
        Self {
            publisher,
            notifier,
            counters: SupervisorInfo::default(),
            forecasts: ForecastTracker::new(),
            past: history.read_past(),
            history,
            reporter,
            started: Instant::now(),
        }
    }

    /// Notifies the service manager that supervision has begun.
    pub(crate) fn ready(&mut self) {
        self.notifier.status(&self.publisher.status_line(), true);
        self.notifier.ready();
    }

    /// Logs a line.
    pub(crate) fn log(&self, level: Level, text: String) {
        self.reporter.report(Report::Log(level, text));
    }

    /// Logs warnings.
    pub(crate) fn log_warnings(&self, warnings: impl IntoIterator<Item = String>) {
        for warning in warnings {
            self.log(Level::WARN, warning);
        }
    }

    /// Feeds the forecasters, and the engine with their summary for its next step. Returns new alerts.
    pub(crate) fn forecast(
        &mut self,
        snapshot: &Snapshot,
        thresholds: Thresholds,
        engine: &mut Engine,
    ) -> Vec<Event> {
        if !self.seed_forecasts(snapshot, thresholds) {
            return Vec::new();
        }
        let Some(events) = self.forecasts.observe(snapshot, thresholds) else { return Vec::new() };
        engine.set_forecast(self.forecasts.summary());
        self.history.record(snapshot.at, &self.forecasts);
        events
    }

    /// Seeds the forecasters from recorded history. Returns `true` once the history was applied or its wait timed out.
    fn seed_forecasts(&mut self, snapshot: &Snapshot, thresholds: Thresholds) -> bool {
        let Some(past) = &self.past else { return true };
        match past.try_recv() {
            Ok(history) => self.forecasts.seed(&history, snapshot, thresholds),
            Err(TryRecvError::Empty) if self.started.elapsed() < history::SEED_TIMEOUT => return false,
            Err(_) => {}
        }
        self.past = None;
        true
    }

    /// Publishes the status of a sample that began at `started`, if a reader wants it, something happened or it is due; then the
    /// events. Returns the events.
    pub(crate) fn publish(
        &mut self,
        started: Instant,
        snapshot: Snapshot,
        events: Vec<Event>,
        source: StatusSource<'_>,
        is_wanted: bool,
    ) -> Vec<Event> {
        self.counters.samples += 1;
        for event in &events {
            self.publisher.record(event, source.sampler);
        }
        let is_wanted = is_wanted || self.publisher.is_followed() || self.reporter.has_screen();
        if is_wanted || !events.is_empty() || self.publisher.is_due() {
            let line = self.publisher.publish(started, snapshot, source, &self.forecasts, self.counters);
            self.notifier.status(&line, !events.is_empty());
            self.reporter.show(line);
        }
        let infos: Vec<_> = events.iter().map(event_info).collect();
        self.publisher.announce(&infos);
        for info in infos {
            self.reporter.report(Report::Event(Box::new(info)));
        }
        events
    }

    /// Writes pending data, and notifies the service manager of the shutdown.
    pub(crate) fn close(&mut self) {
        self.notifier.stopping();
        self.history.close();
        self.log(Level::INFO, "stopping".to_owned());
    }
}
