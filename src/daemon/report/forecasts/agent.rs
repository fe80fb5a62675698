//! The forecasts of one agent: for its charge, for its largest parts, and for processes with a heap limit.

use std::collections::HashMap;
use std::sync::Arc;

use super::ceiling;
use super::series::{AlertChange, ForecastSeries};
use crate::api::forecast::Forecast;
use crate::api::history::PointInfo;
use crate::api::status::AgentInfo;
use crate::model::event::EventKind;
use crate::model::forecast::{Ceiling, ForecastLevel};
use crate::model::series::{Series, SeriesSubject};
use crate::model::time::UnixSeconds;
use crate::model::{AgentRef, AgentSample, Boottime, Bytes, Pid, ProcessKey, SystemMemory};
use crate::policy::victim::{Subtree, largest, subtrees};

/// Largest parts of an agent with a forecast: as many as the status shows.
const MAX_PARTS: usize = 3;

/// Smaller parts get no forecast: none of them is a culprit yet.
const MIN_PART_CHARGE: Bytes = Bytes::mib(64);

/// Share of the agent's ceiling that exited processes must have held to interrupt its trend.
const MIN_LOST_PERCENT: u64 = 5;

/// Share of its limit from which a heap gets a forecast.
const MIN_HEAP_PERCENT: u64 = 25;

/// Heaps of an agent with a forecast, those that qualified first.
const MAX_HEAPS: usize = 8;

/// Memory above this share of a heap's limit is not in the heap: buffers and native memory do not count there.
const MAX_HEAP_PERCENT: u64 = 110;

/// The forecasts of one agent.
#[derive(Debug)]
pub(crate) struct AgentForecast {
    series: Arc<Series>,
    own: ForecastSeries,
    ceiling: (Ceiling, Bytes),
    parts: HashMap<ProcessKey, PartForecast>,
    heaps: HashMap<ProcessKey, HeapForecast>,
    /// Exited heaps with a reported alert that is not yet reported as cleared.
    exited_heaps: u32,
    /// Its processes in the latest sample, each with its charge.
    members: HashMap<ProcessKey, Bytes>,
}

/// The forecast of a process with a heap limit set by its runtime.
#[derive(Debug)]
struct HeapForecast {
    forecast: ForecastSeries,
    /// The process uses more than fits into its heap, so most of it is elsewhere and the heap's limit does not apply.
    exceeds_limit: bool,
}

/// The forecast of a subtree of an agent.
#[derive(Debug)]
struct PartForecast {
    series: Arc<Series>,
    forecast: ForecastSeries,
}

impl PartForecast {
    fn new(sample: &AgentSample, subtree: &Subtree<'_>) -> Self {
        let series = Series {
            subject: SeriesSubject::Part { agent: sample.agent.root, top: subtree.top.key },
            name: subtree.top.name.clone(),
            uid: sample.agent.uid,
        };
        Self { series: Arc::new(series), forecast: ForecastSeries::new(Ceiling::Heap, Bytes::ZERO) }
    }
}

impl AgentForecast {
    pub(crate) fn new(agent: &AgentRef) -> Self {
        let subject = SeriesSubject::Agent(agent.root);
        let none = (Ceiling::KillThreshold, Bytes::ZERO);
        Self {
            series: Arc::new(Series { subject, name: agent.id.to_string(), uid: agent.uid }),
            own: ForecastSeries::new(none.0, none.1),
            ceiling: none,
            parts: HashMap::new(),
            heaps: HashMap::new(),
            exited_heaps: 0,
            members: HashMap::new(),
        }
    }

    /// Observes a sample. Returns the change to report.
    pub(crate) fn observe(
        &mut self,
        at: Boottime,
        sample: &AgentSample,
        guest: &SystemMemory,
        kill_threshold: Bytes,
    ) -> Option<EventKind> {
        let charge = sample.charge.total();
        self.ceiling = ceiling::of_agent(sample, guest, kill_threshold);
        self.own.forecaster.set_ceiling(self.ceiling.0, self.ceiling.1);
        if self.detect_loss(sample) {
            self.own.forecaster.interrupt();
        }
        self.own.record(at, charge);
        self.observe_parts(at, sample);
        self.observe_heaps(at, sample);
        self.alert_change(at).map(EventKind::from)
    }

    /// The change to report, one for each sample; others follow with the next samples. One leak is reported once: by the agent
    /// if its alert shows it, else by the heap that fills first.
    fn alert_change(&mut self, at: Boottime) -> Option<AlertChange> {
        if let Some(own) = self.own.alert_change(at, false) {
            return Some(own);
        }
        if let Some(remaining) = self.exited_heaps.checked_sub(1) {
            self.exited_heaps = remaining;
            return Some(AlertChange::Cleared);
        }
        let is_reported = self.own.reported >= ForecastLevel::Warn;
        let mut heaps = self.heaps.values_mut().filter(|heap| !heap.exceeds_limit);
        heaps.find_map(|heap| heap.forecast.alert_change(at, is_reported))
    }

    /// Replays its recorded history, from the start of its root on.
    pub(crate) fn seed(
        &mut self,
        at: Boottime,
        points: &[PointInfo],
        to_boottime: impl Fn(UnixSeconds) -> Boottime,
        sample: &AgentSample,
        guest: &SystemMemory,
        kill_threshold: Bytes,
    ) {
        self.ceiling = ceiling::of_agent(sample, guest, kill_threshold);
        self.own.forecaster.set_ceiling(self.ceiling.0, self.ceiling.1);
        // Older points are of another process that had this pid.
        let start = Boottime::from_ticks(sample.agent.root.start_ticks);
        let first = points.partition_point(|point| to_boottime(point.time) < start);
        self.own.seed(&points[first..], to_boottime, at);
    }

    /// Updates the members. Returns whether processes with a significant charge have exited, and the agent's charge has
    /// dropped: a child of a build, or a leak that was killed.
    fn detect_loss(&mut self, sample: &AgentSample) -> bool {
        let now: HashMap<ProcessKey, Bytes> =
            sample.members.iter().map(|member| (member.key, member.charge.total())).collect();
        let exited = self.members.iter().filter(|(key, _)| !now.contains_key(key));
        let lost: Bytes = exited.map(|(_, charge)| *charge).sum();
        self.members = now;
        lost >= MIN_PART_CHARGE.max(self.ceiling.1.share(MIN_LOST_PERCENT, 100))
            && sample.charge.total() < self.own.value
    }

    fn observe_parts(&mut self, at: Boottime, sample: &AgentSample) {
        self.parts.retain(|top, _| self.members.contains_key(top));
        if sample.charge.total() < MIN_PART_CHARGE && self.parts.is_empty() {
            return;
        }
        let newest = largest(sample, MAX_PARTS).into_iter().filter(|part| part.charge >= MIN_PART_CHARGE);
        let newest: Vec<_> = newest.collect();
        for subtree in &newest {
            if self.parts.contains_key(&subtree.top.key) {
                continue;
            }
            if self.parts.len() >= 2 * MAX_PARTS {
                // Replace a part that is no longer among the largest, the smallest first.
                let is_large = |key: &ProcessKey| newest.iter().any(|subtree| subtree.top.key == *key);
                let others = self.parts.iter().filter(|(key, _)| !is_large(key));
                let smallest = others.min_by_key(|(_, part)| part.forecast.value).map(|(key, _)| *key);
                let Some(smallest) = smallest else { continue };
                self.parts.remove(&smallest);
            }
            self.parts.insert(subtree.top.key, PartForecast::new(sample, subtree));
        }
        for subtree in subtrees(sample) {
            let Some(part) = self.parts.get_mut(&subtree.top.key) else { continue };
            let others = sample.charge.total().saturating_sub(subtree.charge);
            let (kind, limit) = ceiling::of_part(self.ceiling, others);
            part.forecast.forecaster.set_ceiling(kind, limit);
            part.forecast.record(at, subtree.charge);
        }
    }

    fn observe_heaps(&mut self, at: Boottime, sample: &AgentSample) {
        self.heaps.retain(|key, heap| {
            let lives = self.members.contains_key(key);
            self.exited_heaps += u32::from(!lives && heap.forecast.has_reported());
            lives
        });
        for member in &sample.members {
            let (Some(limit), charge) = (member.heap_limit, member.charge.total()) else { continue };
            let has_forecast = self.heaps.contains_key(&member.key);
            let qualifies = charge >= limit.share(MIN_HEAP_PERCENT, 100) && charge >= MIN_PART_CHARGE;
            if !has_forecast && (!qualifies || self.heaps.len() >= MAX_HEAPS) {
                continue;
            }
            let heap = self.heaps.entry(member.key).or_insert_with(|| HeapForecast {
                forecast: ForecastSeries::with_grace_period(Ceiling::Heap, limit),
                exceeds_limit: false,
            });
            heap.exceeds_limit = charge > limit.share(MAX_HEAP_PERCENT, 100);
            if !heap.exceeds_limit {
                heap.forecast.forecaster.set_ceiling(Ceiling::Heap, limit);
                heap.forecast.record(at, charge);
            }
        }
    }

    /// The highest level of the agent and its heaps.
    pub(crate) fn level(&self) -> ForecastLevel {
        self.alerting_series()
            .map(|series| series.forecaster.level())
            .fold(ForecastLevel::None, ForecastLevel::max)
    }

    /// The highest level reported for the agent and its heaps.
    pub(crate) fn reported_level(&self) -> ForecastLevel {
        self.alerting_series().map(|series| series.reported).fold(ForecastLevel::None, ForecastLevel::max)
    }

    /// The series that raise alerts. Parts never do.
    fn alerting_series(&self) -> impl Iterator<Item = &ForecastSeries> {
        std::iter::once(&self.own).chain(self.heaps_within_limit())
    }

    fn heaps_within_limit(&self) -> impl Iterator<Item = &ForecastSeries> {
        self.heaps.values().filter(|heap| !heap.exceeds_limit).map(|heap| &heap.forecast)
    }

    /// The series of the agent and its parts, each with its latest value.
    pub(crate) fn latest_values(&self) -> impl Iterator<Item = (Arc<Series>, Bytes)> {
        let own = (Arc::clone(&self.series), self.own.value);
        let parts = self.parts.values().map(|part| (Arc::clone(&part.series), part.forecast.value));
        std::iter::once(own).chain(parts)
    }

    /// Adds the most urgent forecast of the agent and its heaps to its status, and those of its parts.
    pub(crate) fn fill_in(&self, info: &mut AgentInfo) {
        let heaps = self.heaps_within_limit().map(ForecastSeries::forecast);
        info.forecast = Some(heaps.fold(self.own.forecast(), more_urgent));
        for culprit in &mut info.culprits {
            culprit.forecast = self.part(culprit.pid).map(|part| part.forecast.forecast());
        }
    }

    #[cfg(test)]
    pub(crate) fn heap_count(&self) -> usize {
        self.heaps.len()
    }

    #[cfg(test)]
    pub(crate) fn mark_heaps_reported(&mut self) {
        self.heaps.values_mut().for_each(|heap| heap.forecast.reported = ForecastLevel::Warn);
    }

    #[cfg(test)]
    pub(crate) fn own_forecast(&self) -> Forecast {
        self.own.forecaster.forecast()
    }

    fn part(&self, top: Pid) -> Option<&PartForecast> {
        self.parts.iter().find(|(key, _)| key.pid == top).map(|(_, part)| part)
    }
}

fn more_urgent(one: Forecast, other: Forecast) -> Forecast {
    let eta = |forecast: &Forecast| forecast.eta_seconds.unwrap_or(f64::INFINITY);
    let is_more_urgent = other.level > one.level || (other.level == one.level && eta(&other) < eta(&one));
    if is_more_urgent { other } else { one }
}
