//! What is foretold of the guest, of each agent and of its larger parts, and when that is told.

mod agent;
mod ceiling;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::api::forecast::Forecast;
use crate::api::history::{BreakKind, HistoryInfo, SeriesKind};
use crate::api::status::{StatusInfo, Verdict};
use crate::model::event::EventKind;
use crate::model::forecast::{Ceiling, ForecastLevel, ForecastSummary};
use crate::model::series::{Series, SeriesSubject};
use crate::model::time::UnixSeconds;
use crate::model::{
    AgentSample, Boottime, Bytes, Event, ProcessKey, Snapshot, SystemMemory, Thresholds, Uid,
};
use agent::AgentSight;
use series::{ForecastSeries, Turn};

/// Looks that follow one another faster add nothing: the shortest window of a forecast is 50 s.
const APART: Duration = Duration::from_millis(900);

/// So many agents are foretold, those that were there first: 10 KB a series after a day.
const AGENTS: usize = 100;

/// So much of the guest given back from one look to the next is the end of a process, or of what it did.
const ENDED_PERCENT: u64 = 5;

/// Forecasters of everything, fed by each look.
#[derive(Debug)]
pub(crate) struct ForecastTracker {
    guest: ForecastSeries,
    series: Arc<Series>,
    agents: HashMap<ProcessKey, AgentSight>,
    taken: Option<Boottime>,
}

impl ForecastTracker {
    pub(crate) fn new() -> Self {
        let series = Series { subject: SeriesSubject::Guest, name: "guest".to_owned(), uid: Uid::ROOT };
        Self {
            guest: ForecastSeries::patient(Ceiling::Guest, Bytes::ZERO),
            series: Arc::new(series),
            agents: HashMap::new(),
            taken: None,
        }
    }

    /// Takes in a look; what is to be told of it. `None`: it follows the last one at once, and is left out. Each agent stands
    /// at its own lines.
    pub(crate) fn observe(&mut self, snapshot: &Snapshot, thresholds: Thresholds) -> Option<Vec<Event>> {
        let (at, guest) = (snapshot.at, &snapshot.guest);
        if self.taken.is_some_and(|taken| at.since(taken) < APART) {
            return None;
        }
        self.taken = Some(at);
        let mut events = Vec::new();
        self.agents.retain(|root, _| snapshot.agents.iter().any(|sample| sample.agent.root == *root));
        for sample in &snapshot.agents {
            let root = sample.agent.root;
            if self.agents.len() >= AGENTS && !self.agents.contains_key(&root) {
                continue;
            }
            let sight = self.agents.entry(root).or_insert_with(|| AgentSight::new(&sample.agent));
            if let Some(kind) = sight.take(at, sample, guest, sample.thresholds(thresholds).kill) {
                events.push(Event { agent: Some(sample.agent.clone()), charge: sample.charge.total(), kind });
            }
        }
        self.guest.forecaster.aim(Ceiling::Guest, capacity(guest));
        // Whatever it was that filled it has ended.
        if self.guest.value.saturating_sub(guest.used()) >= capacity(guest).share(ENDED_PERCENT, 100) {
            self.guest.forecaster.interrupt();
        }
        self.guest.take(at, guest.used());
        // Where one agent is behind it, that was told already.
        let known = self.agents.values().any(|agent| agent.told() >= ForecastLevel::Warn);
        if let Some(kind) = self.guest.turn(at, known).map(Turn::told) {
            let charge = snapshot.agents.iter().map(|a| a.charge.total()).sum();
            events.push(Event { agent: None, charge, kind });
        }
        Some(events)
    }

    /// Goes on from what was recorded of the agents that `snapshot` shows, before anything else was taken in. Alarms that
    /// stand by the end of it were told by whoever recorded it.
    pub(crate) fn seed(&mut self, history: &HistoryInfo, snapshot: &Snapshot, thresholds: Thresholds) {
        let then = |time: UnixSeconds| past(snapshot.at, history.now.0.saturating_sub(time.0));
        let from = begun(history, snapshot.at);
        for series in history.series.iter().filter(|series| series.this_boot) {
            let first = series.points.partition_point(|point| point.time.0 < from);
            let points = &series.points[first..];
            match series.kind {
                SeriesKind::Guest => {
                    self.guest.forecaster.aim(Ceiling::Guest, capacity(&snapshot.guest));
                    self.guest.recall(points, then, snapshot.at);
                }
                SeriesKind::Agent => {
                    let of = |sample: &&AgentSample| Some(sample.agent.root.pid) == series.pid;
                    let Some(sample) = snapshot.agents.iter().find(of) else { continue };
                    let root = sample.agent.root;
                    let sight = self.agents.entry(root).or_insert_with(|| AgentSight::new(&sample.agent));
                    sight.recall(
                        snapshot.at,
                        points,
                        then,
                        sample,
                        &snapshot.guest,
                        sample.thresholds(thresholds).kill,
                    );
                }
                SeriesKind::Part => {}
            }
        }
        // Where one agent was behind it, that was told of the agent.
        if self.agents.values().any(|agent| agent.told() >= ForecastLevel::Warn) {
            self.guest.others_told();
        }
    }

    /// What the policy should know of it.
    pub(crate) fn summary(&self) -> ForecastSummary {
        let agents = self.agents.values().map(AgentSight::level);
        ForecastSummary {
            level: agents.fold(self.guest.forecaster.level(), ForecastLevel::max),
            climb: self.guest.forecaster.climbs().unwrap_or_default(),
        }
    }

    /// Each series and where it stood at the last look, for the record.
    pub(crate) fn figures(&self) -> Vec<(Arc<Series>, Bytes)> {
        let guest = (Arc::clone(&self.series), self.guest.value);
        std::iter::once(guest).chain(self.agents.values().flat_map(AgentSight::figures)).collect()
    }

    /// Puts what is foretold into a status, and raises its verdict where something is.
    pub(crate) fn fill_in(&self, status: &mut StatusInfo) {
        status.guest.forecast = Some(self.guest.forecast());
        for info in &mut status.agents {
            let sight = self.agents.iter().find(|(root, _)| root.pid == info.pid).map(|(_, sight)| sight);
            if let Some(sight) = sight {
                sight.tell(info);
            }
        }
        let agents = status.agents.iter().map(|agent| &agent.forecast);
        let mut all = std::iter::once(&status.guest.forecast).chain(agents).flatten();
        if status.verdict == Verdict::Ok && all.any(Forecast::is_pressing) {
            status.verdict = Verdict::Warning;
        }
    }
}

/// Since when what was recorded is of this boot and by the clock of now.
fn begun(history: &HistoryInfo, at: Boottime) -> i64 {
    let uptime = i64::try_from(at.since_boot().as_secs()).unwrap_or(i64::MAX);
    let jumps = history.breaks.iter().filter(|info| info.kind == BreakKind::Clock);
    jumps.map(|info| info.time.0).fold(history.now.0.saturating_sub(uptime), i64::max)
}

/// So many seconds before `at`; what was before the boot was at the boot.
fn past(at: Boottime, seconds: i64) -> Boottime {
    let ago = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    Boottime::new(at.since_boot().saturating_sub(ago))
}

/// When so much is used nothing can be had any more: all that there is but the floor, where swap is no zram. What that saves is
/// learnt as it fills.
fn capacity(guest: &SystemMemory) -> Bytes {
    guest.used() + guest.allocatable()
}

impl Turn {
    fn told(self) -> EventKind {
        match self {
            Self::ForecastAlert(foretold) => EventKind::ForecastAlert(foretold),
            Self::Over => EventKind::ForecastCleared,
        }
    }
}

mod series;
#[cfg(test)]
mod tests;
