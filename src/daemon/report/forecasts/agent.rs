//! One agent: its charge, its larger parts, and processes whose runtime has a limit of its own.

use std::collections::HashMap;
use std::sync::Arc;

use super::ceiling;
use super::series::{ForecastSeries, Turn};
use crate::api::forecast::Forecast;
use crate::api::history::PointInfo;
use crate::api::status::AgentInfo;
use crate::model::event::EventKind;
use crate::model::forecast::{Ceiling, ForecastLevel};
use crate::model::series::{Series, SeriesSubject};
use crate::model::time::UnixSeconds;
use crate::model::{AgentRef, AgentSample, Boottime, Bytes, Pid, ProcessKey, SystemMemory};
use crate::policy::victim::{Subtree, largest, subtrees};

/// So many parts of an agent are foretold: as many as are shown.
const PARTS: usize = 3;

/// A smaller part is nobody's culprit yet.
const SMALLEST_PART: Bytes = Bytes::mib(64);

/// A heap is worth a forecast once it has so much of its limit.
const HEAP_PERCENT: u64 = 25;

/// So many heaps of an agent are foretold, those that were worth it first.
const HEAPS: usize = 8;

/// What is further above the heap's limit is not in the heap: buffers and native memory do not count there.
const BEYOND_HEAP_PERCENT: u64 = 110;

/// An agent and what is foretold of it.
#[derive(Debug)]
pub(crate) struct AgentSight {
    series: Arc<Series>,
    own: ForecastSeries,
    ceiling: (Ceiling, Bytes),
    parts: HashMap<ProcessKey, Part>,
    heaps: HashMap<ProcessKey, Heap>,
    /// Heaps that were told of and have ended, which is still to be told.
    ended: u32,
    /// Its processes at the last look, and what each held.
    members: HashMap<ProcessKey, Bytes>,
}

/// A process whose runtime limits its heap.
#[derive(Debug)]
struct Heap {
    sight: ForecastSeries,
    /// It holds more than the heap may, so that is not in the heap, whose limit says nothing then.
    is_beyond: bool,
}

/// A part of an agent.
#[derive(Debug)]
struct Part {
    series: Arc<Series>,
    sight: ForecastSeries,
}

impl Part {
    fn new(sample: &AgentSample, subtree: &Subtree<'_>) -> Self {
        let series = Series {
            subject: SeriesSubject::Part { agent: sample.agent.root, top: subtree.top.key },
            name: subtree.top.name.clone(),
            uid: sample.agent.uid,
        };
        Self { series: Arc::new(series), sight: ForecastSeries::new(Ceiling::Heap, Bytes::ZERO) }
    }
}

impl AgentSight {
    pub(crate) fn new(agent: &AgentRef) -> Self {
        let subject = SeriesSubject::Agent(agent.root);
        let none = (Ceiling::KillThreshold, Bytes::ZERO);
        Self {
            series: Arc::new(Series { subject, name: agent.id.to_string(), uid: agent.uid }),
            own: ForecastSeries::new(none.0, none.1),
            ceiling: none,
            parts: HashMap::new(),
            heaps: HashMap::new(),
            ended: 0,
            members: HashMap::new(),
        }
    }

    /// Takes in what a look saw of it; what is to be told.
    pub(crate) fn take(
        &mut self,
        at: Boottime,
        sample: &AgentSample,
        guest: &SystemMemory,
        kill_threshold: Bytes,
    ) -> Option<EventKind> {
        let charge = sample.charge.total();
        self.ceiling = ceiling::of(sample, guest, kill_threshold);
        self.own.forecaster.aim(self.ceiling.0, self.ceiling.1);
        if self.has_lost(sample) {
            self.own.forecaster.interrupt();
        }
        self.own.take(at, charge);
        self.take_parts(at, sample);
        self.take_heaps(at, sample);
        // One leak is told of once: by the agent where it shows there, else by the heap that ends first. One thing a look:
        // what is not told now is told at the next.
        if let Some(own) = self.own.turn(at, false) {
            return Some(own.told());
        }
        if let Some(others) = self.ended.checked_sub(1) {
            self.ended = others;
            return Some(Turn::Over.told());
        }
        let known = self.own.told >= ForecastLevel::Warn;
        let mut heaps = self.heaps.values_mut().filter(|heap| !heap.is_beyond);
        heaps.find_map(|heap| heap.sight.turn(at, known)).map(Turn::told)
    }

    /// Goes on from what was recorded of it, as long as its root has been there.
    pub(crate) fn recall(
        &mut self,
        at: Boottime,
        points: &[PointInfo],
        then: impl Fn(UnixSeconds) -> Boottime,
        sample: &AgentSample,
        guest: &SystemMemory,
        kill_threshold: Bytes,
    ) {
        self.ceiling = ceiling::of(sample, guest, kill_threshold);
        self.own.forecaster.aim(self.ceiling.0, self.ceiling.1);
        // What is older is of another process that had this pid.
        let start = Boottime::from_ticks(sample.agent.root.start_ticks);
        let first = points.partition_point(|point| then(point.time) < start);
        self.own.recall(&points[first..], then, at);
    }

    /// Whether a part of it has ended that held some of what the agent may hold: a child of a build, a leak that was ended.
    fn has_lost(&mut self, sample: &AgentSample) -> bool {
        let now: HashMap<ProcessKey, Bytes> =
            sample.members.iter().map(|member| (member.key, member.charge.total())).collect();
        let gone = self.members.iter().filter(|(key, _)| !now.contains_key(key));
        let lost: Bytes = gone.map(|(_, charge)| *charge).sum();
        self.members = now;
        lost >= SMALLEST_PART.max(self.ceiling.1.share(5, 100)) && sample.charge.total() < self.own.value
    }

    fn take_parts(&mut self, at: Boottime, sample: &AgentSample) {
        self.parts.retain(|top, _| self.members.contains_key(top));
        if sample.charge.total() < SMALLEST_PART && self.parts.is_empty() {
            return;
        }
        let newest = largest(sample, PARTS).into_iter().filter(|part| part.charge >= SMALLEST_PART);
        let newest: Vec<_> = newest.collect();
        for subtree in &newest {
            if self.parts.contains_key(&subtree.top.key) {
                continue;
            }
            if self.parts.len() >= 2 * PARTS {
                // Whoever is not among the largest any more makes room, the smallest first.
                let is_large = |key: &ProcessKey| newest.iter().any(|subtree| subtree.top.key == *key);
                let others = self.parts.iter().filter(|(key, _)| !is_large(key));
                let least = others.min_by_key(|(_, part)| part.sight.value).map(|(key, _)| *key);
                let Some(least) = least else { continue };
                self.parts.remove(&least);
            }
            self.parts.insert(subtree.top.key, Part::new(sample, subtree));
        }
        for subtree in subtrees(sample) {
            let Some(part) = self.parts.get_mut(&subtree.top.key) else { continue };
            let others = sample.charge.total().saturating_sub(subtree.charge);
            let (kind, limit) = ceiling::of_part(self.ceiling, others);
            part.sight.forecaster.aim(kind, limit);
            part.sight.take(at, subtree.charge);
        }
    }

    /// The end of one that was told of.
    fn take_heaps(&mut self, at: Boottime, sample: &AgentSample) {
        self.heaps.retain(|key, heap| {
            let lives = self.members.contains_key(key);
            self.ended += u32::from(!lives && heap.sight.was_told());
            lives
        });
        for member in &sample.members {
            let (Some(limit), charge) = (member.heap_limit, member.charge.total()) else { continue };
            let is_followed = self.heaps.contains_key(&member.key);
            let is_worth_it = charge >= limit.share(HEAP_PERCENT, 100) && charge >= SMALLEST_PART;
            if !is_followed && (!is_worth_it || self.heaps.len() >= HEAPS) {
                continue;
            }
            let heap = self.heaps.entry(member.key).or_insert_with(|| Heap {
                sight: ForecastSeries::patient(Ceiling::Heap, limit),
                is_beyond: false,
            });
            heap.is_beyond = charge > limit.share(BEYOND_HEAP_PERCENT, 100);
            if !heap.is_beyond {
                heap.sight.forecaster.aim(Ceiling::Heap, limit);
                heap.sight.take(at, charge);
            }
        }
    }

    /// The most pressing level of it and its heaps.
    pub(crate) fn level(&self) -> ForecastLevel {
        self.sights().map(|sight| sight.forecaster.level()).fold(ForecastLevel::None, ForecastLevel::max)
    }

    /// The level that somebody was told.
    pub(crate) fn told(&self) -> ForecastLevel {
        self.sights().map(|sight| sight.told).fold(ForecastLevel::None, ForecastLevel::max)
    }

    fn sights(&self) -> impl Iterator<Item = &ForecastSeries> {
        std::iter::once(&self.own).chain(self.near_heaps())
    }

    fn near_heaps(&self) -> impl Iterator<Item = &ForecastSeries> {
        self.heaps.values().filter(|heap| !heap.is_beyond).map(|heap| &heap.sight)
    }

    /// Each series of it, and where it stood at the last look.
    pub(crate) fn figures(&self) -> impl Iterator<Item = (Arc<Series>, Bytes)> {
        let own = (Arc::clone(&self.series), self.own.value);
        let parts = self.parts.values().map(|part| (Arc::clone(&part.series), part.sight.value));
        std::iter::once(own).chain(parts)
    }

    /// Puts what is foretold of it into its status: whatever comes first, and its parts.
    pub(crate) fn tell(&self, info: &mut AgentInfo) {
        let heaps = self.near_heaps().map(ForecastSeries::forecast);
        info.forecast = Some(heaps.fold(self.own.forecast(), sooner));
        for culprit in &mut info.culprits {
            culprit.forecast = self.part(culprit.pid).map(|part| part.sight.forecast());
        }
    }

    #[cfg(test)]
    pub(crate) fn heaps(&self) -> usize {
        self.heaps.len()
    }

    #[cfg(test)]
    pub(crate) fn tell_heaps(&mut self) {
        self.heaps.values_mut().for_each(|heap| heap.sight.told = ForecastLevel::Warn);
    }

    #[cfg(test)]
    pub(crate) fn own_forecast(&self) -> Forecast {
        self.own.forecaster.forecast()
    }

    fn part(&self, top: Pid) -> Option<&Part> {
        self.parts.iter().find(|(key, _)| key.pid == top).map(|(_, part)| part)
    }
}

fn sooner(one: Forecast, other: Forecast) -> Forecast {
    let when = |forecast: &Forecast| forecast.eta_seconds.unwrap_or(f64::INFINITY);
    let comes_first = other.level > one.level || (other.level == one.level && when(&other) < when(&one));
    if comes_first { other } else { one }
}
