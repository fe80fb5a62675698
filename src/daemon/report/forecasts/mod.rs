//! Forecasts for the machine, for each agent and for its largest parts, and the alerts that follow from them.
//!
//! One leak is reported once: by the agent if its alert shows it, else by one of its heaps, else by the machine.

mod agent;
mod ceiling;
mod series;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::api::forecast::Forecast;
use crate::api::history::{BreakKind, HistoryInfo, SeriesKind};
use crate::api::status::{StatusInfo, Verdict};
use crate::model::forecast::{Ceiling, ForecastLevel, ForecastSummary};
use crate::model::series::{Series, SeriesSubject};
use crate::model::time::UnixSeconds;
use crate::model::{
    AgentSample, Boottime, Bytes, Event, ProcessKey, Snapshot, SystemMemory, Thresholds, Uid,
};
use agent::AgentForecast;
use series::ForecastSeries;

/// Samples in quicker succession are not recorded: the shortest window of a forecast is 50 s.
const MIN_SAMPLE_SPACING: Duration = Duration::from_millis(900);

/// Agents with a forecast, those that came first. A series takes 10 KB after a day.
const MAX_AGENTS: usize = 100;

/// A drop of the machine's memory use by this share from one sample to the next means that a process has exited or has freed
/// its memory.
const MIN_DROP_PERCENT: u64 = 5;

/// The forecasts of the machine and of all agents, updated with each sample.
#[derive(Debug)]
pub(crate) struct ForecastTracker {
    guest: ForecastSeries,
    series: Arc<Series>,
    agents: HashMap<ProcessKey, AgentForecast>,
    last_sample_at: Option<Boottime>,
}

impl ForecastTracker {
    pub(crate) fn new() -> Self {
        let series = Series { subject: SeriesSubject::Guest, name: "guest".to_owned(), uid: Uid::ROOT };
        Self {
            guest: ForecastSeries::with_grace_period(Ceiling::Guest, Bytes::ZERO),
            series: Arc::new(series),
            agents: HashMap::new(),
            last_sample_at: None,
        }
    }

    /// Observes a sample. Returns the events to report; `None` if the sample was ignored because it follows the last one too
    /// soon. `thresholds` are the configured ones; limited agents have their own.
    pub(crate) fn observe(&mut self, snapshot: &Snapshot, thresholds: Thresholds) -> Option<Vec<Event>> {
        let (at, guest) = (snapshot.at, &snapshot.guest);
        if self.last_sample_at.is_some_and(|last| at.since(last) < MIN_SAMPLE_SPACING) {
            return None;
        }
        self.last_sample_at = Some(at);
        let mut events = Vec::new();
        self.agents.retain(|root, _| snapshot.agents.iter().any(|sample| sample.agent.root == *root));
        for sample in &snapshot.agents {
            let root = sample.agent.root;
            if self.agents.len() >= MAX_AGENTS && !self.agents.contains_key(&root) {
                continue;
            }
            let forecast = self.agents.entry(root).or_insert_with(|| AgentForecast::new(&sample.agent));
            let kill_threshold = sample.thresholds(thresholds).kill;
            if let Some(kind) = forecast.observe(at, sample, guest, kill_threshold) {
                events.push(Event { agent: Some(sample.agent.clone()), charge: sample.charge.total(), kind });
            }
        }
        self.guest.forecaster.set_ceiling(Ceiling::Guest, capacity(guest));
        if self.guest.value.saturating_sub(guest.used()) >= capacity(guest).share(MIN_DROP_PERCENT, 100) {
            self.guest.forecaster.interrupt();
        }
        self.guest.record(at, guest.used());
        let is_reported = self.is_reported_by_agent();
        if let Some(change) = self.guest.alert_change(at, is_reported) {
            let charge = snapshot.agents.iter().map(|a| a.charge.total()).sum();
            events.push(Event { agent: None, charge, kind: change.into() });
        }
        Some(events)
    }

    /// Replays the recorded history of the agents in `snapshot`, before the first sample is observed. Alerts that last until
    /// its end were reported by the daemon that recorded it.
    pub(crate) fn seed(&mut self, history: &HistoryInfo, snapshot: &Snapshot, thresholds: Thresholds) {
        let to_boottime =
            |time: UnixSeconds| boottime_before(snapshot.at, history.now.0.saturating_sub(time.0));
        let from = usable_since(history, snapshot.at);
        for series in history.series.iter().filter(|series| series.this_boot) {
            let first = series.points.partition_point(|point| point.time.0 < from);
            let points = &series.points[first..];
            match series.kind {
                SeriesKind::Guest => {
                    self.guest.forecaster.set_ceiling(Ceiling::Guest, capacity(&snapshot.guest));
                    self.guest.seed(points, to_boottime, snapshot.at);
                }
                SeriesKind::Agent => {
                    let is_subject = |sample: &&AgentSample| Some(sample.agent.root.pid) == series.pid;
                    let Some(sample) = snapshot.agents.iter().find(is_subject) else { continue };
                    let root = sample.agent.root;
                    let forecast =
                        self.agents.entry(root).or_insert_with(|| AgentForecast::new(&sample.agent));
                    forecast.seed(
                        snapshot.at,
                        points,
                        to_boottime,
                        sample,
                        &snapshot.guest,
                        sample.thresholds(thresholds).kill,
                    );
                }
                SeriesKind::Part => {}
            }
        }
        if self.is_reported_by_agent() {
            self.guest.mark_covered();
        }
    }

    /// Whether the alert of an agent covers that of the machine.
    fn is_reported_by_agent(&self) -> bool {
        self.agents.values().any(|agent| agent.reported_level() >= ForecastLevel::Warn)
    }

    /// The policy's view of the forecasts.
    pub(crate) fn summary(&self) -> ForecastSummary {
        let agents = self.agents.values().map(AgentForecast::level);
        ForecastSummary {
            level: agents.fold(self.guest.forecaster.level(), ForecastLevel::max),
            climb: self.guest.forecaster.runaway_rate().unwrap_or_default(),
        }
    }

    /// Each series with its latest value, for the history.
    pub(crate) fn latest_values(&self) -> Vec<(Arc<Series>, Bytes)> {
        let guest = (Arc::clone(&self.series), self.guest.value);
        std::iter::once(guest).chain(self.agents.values().flat_map(AgentForecast::latest_values)).collect()
    }

    /// Adds the forecasts to a status. An `Ok` verdict becomes a warning if one of them is pressing.
    pub(crate) fn fill_in(&self, status: &mut StatusInfo) {
        status.guest.forecast = Some(self.guest.forecast());
        for info in &mut status.agents {
            let forecast = self.agents.iter().find(|(root, _)| root.pid == info.pid);
            if let Some((_, forecast)) = forecast {
                forecast.fill_in(info);
            }
        }
        let agents = status.agents.iter().map(|agent| &agent.forecast);
        let mut all = std::iter::once(&status.guest.forecast).chain(agents).flatten();
        if status.verdict == Verdict::Ok && all.any(Forecast::is_pressing) {
            status.verdict = Verdict::Warning;
        }
    }
}

/// Start of the usable history: older points are of another boot, or have times of another clock.
fn usable_since(history: &HistoryInfo, at: Boottime) -> i64 {
    let uptime = i64::try_from(at.since_boot().as_secs()).unwrap_or(i64::MAX);
    let jumps = history.breaks.iter().filter(|info| info.kind == BreakKind::Clock);
    jumps.map(|info| info.time.0).fold(history.now.0.saturating_sub(uptime), i64::max)
}

/// The time `seconds` before `at`, or the boot if that is later.
fn boottime_before(at: Boottime, seconds: i64) -> Boottime {
    let ago = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    Boottime::new(at.since_boot().saturating_sub(ago))
}

/// Memory use at which nothing more can be allocated: all memory except the floor, with swap unless it is zram. The gain by
/// compression in zram is learnt as it fills.
fn capacity(guest: &SystemMemory) -> Bytes {
    guest.used() + guest.allocatable()
}
