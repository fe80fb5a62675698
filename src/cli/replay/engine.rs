//! Replays samples through the policy and the forecaster of the daemon.

use std::time::Duration;

use super::trace::Sample;
use crate::api::forecast::Forecast;
use crate::api::history::{PointInfo, SeriesInfo, SeriesKind};
use crate::api::status::StatusInfo;
use crate::config::{Config, EffectiveThresholds};
use crate::forecast::{ForecastChange, Forecaster};
use crate::model::event::EventKind;
use crate::model::forecast::Ceiling;
use crate::model::time::UnixSeconds;
use crate::model::{
    ActionSettings, AgentRef, AgentSample, Boottime, Bytes, Charge, GuardSettings, Member, MembershipReason,
    Pid, ProcessKey, Snapshot, SystemMemory, Thresholds, Uid,
};
use crate::policy::Engine;
use serde::Serialize;

/// The thresholds and the ceiling of a replay.
#[derive(Clone, Copy, Debug)]
pub struct ReplaySettings {
    /// The kind of ceiling of the forecast.
    pub ceiling: Ceiling,
    /// The ceiling in bytes.
    pub limit: Bytes,
    /// The thresholds.
    pub thresholds: Thresholds,
}

/// One line of output.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ReplayRecord {
    /// The forecast at a sample.
    Forecast {
        /// The time of the sample.
        seconds: f64,
        /// The sample.
        bytes: Bytes,
        /// The forecast.
        forecast: Forecast,
    },
    /// An action or a warning.
    Action {
        /// The time of the sample.
        seconds: f64,
        /// `warn`, `recovered` or `kill`.
        action: &'static str,
        /// The sample.
        bytes: Bytes,
    },
}

/// Replays samples one by one.
pub struct Replay {
    engine: Engine,
    forecaster: Forecaster,
    root: ProcessKey,
}

impl Replay {
    /// Starts a replay. As in a dry run, each action is reported once per crossing.
    #[must_use]
    pub fn new(settings: ReplaySettings) -> Self {
        let action = ActionSettings { dry_run: true, ..ActionSettings::default() };
        let guard = GuardSettings { enabled: false, ..GuardSettings::default() };
        Self {
            engine: Engine::new(settings.thresholds, action, guard),
            forecaster: Forecaster::new(settings.ceiling, settings.limit),
            // A placeholder: no process is involved.
            root: ProcessKey { pid: Pid::INIT, start_ticks: 0 },
        }
    }

    /// Replays a sample and passes the results to `write`.
    pub fn add(&mut self, sample: Sample, mut write: impl FnMut(ReplayRecord)) {
        let Sample { seconds, at, bytes } = sample;
        let step = self.engine.step(&self.snapshot(at, bytes));
        for event in step.events {
            let action = match event.kind {
                EventKind::Warned { .. } => "warn",
                EventKind::Recovered { .. } => "recovered",
                EventKind::Acted(_) => "kill",
                _ => continue,
            };
            write(ReplayRecord::Action { seconds, action, bytes });
        }
        if self.forecaster.add(at, bytes) != ForecastChange::Quiet {
            write(ReplayRecord::Forecast { seconds, bytes, forecast: self.forecaster.forecast() });
        }
    }

    /// A machine with ample memory and one agent, which uses the sampled amount.
    fn snapshot(&self, at: Boottime, bytes: Bytes) -> Snapshot {
        let total = Bytes::new(1 << 61);
        let root = Member {
            joined: MembershipReason::Root,
            ..Member::new(self.root, Uid::ROOT, "trace", Charge::anonymous(bytes))
        };
        let agent = AgentSample::new(AgentRef::new("trace", self.root, Uid::ROOT), vec![root]);
        let guest = SystemMemory {
            mem_total: total,
            mem_available: total.saturating_sub(bytes),
            ..SystemMemory::default()
        };
        Snapshot { at, guest, agents: vec![agent], ..Snapshot::default() }
    }
}

/// Thresholds and limit from the command line; the others are those of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct GivenThresholds {
    /// The ceiling of an agent's forecast.
    pub limit: Option<Bytes>,
    /// The warn threshold.
    pub warn: Option<Bytes>,
    /// The kill threshold.
    pub kill: Option<Bytes>,
}

impl GivenThresholds {
    /// The kill threshold, and a warn threshold in the proportion of the built-in ones if another kill threshold is given.
    pub(super) fn thresholds(self, default: Thresholds) -> Thresholds {
        let given = self.kill.or(self.limit).filter(|kill| *kill != default.kill);
        let kill = given.unwrap_or(default.kill);
        let warn = self.warn.unwrap_or_else(|| given.map_or(default.warn, |kill| kill.share(55, 85)));
        Thresholds { warn, kill }
    }
}

/// Converts each point to two samples: its minimum at its start, its maximum at its end. Their real order is unknown.
#[must_use]
pub fn samples_of(points: &[PointInfo]) -> Vec<Sample> {
    let mut points: Vec<_> = points.iter().collect();
    points.sort_by_key(|point| point.time);
    let Some(first) = points.first().map(|point| point.time.0) else { return Vec::new() };
    let mut last = first;
    let mut sample = |time: i64, bytes| {
        // Time does not go back for points that overlap.
        last = last.max(time);
        let since = u64::try_from(last.saturating_sub(first)).unwrap_or(0);
        #[allow(clippy::cast_precision_loss, reason = "seconds since 1970 have at most 53 bits")]
        let seconds = last as f64;
        Sample { seconds, at: Boottime::new(Duration::from_secs(since)), bytes }
    };
    let pair = |point: &PointInfo| {
        let end = point.time.0.saturating_add(i64::from(point.seconds));
        [sample(point.time.0, point.min), sample(end, point.max)]
    };
    points.into_iter().flat_map(pair).collect()
}

/// The time of a sample of the history.
pub(super) fn time_of(seconds: f64) -> UnixSeconds {
    #[allow(clippy::cast_possible_truncation, reason = "saturates")]
    UnixSeconds(seconds as i64)
}

/// The settings for a series: an agent's own thresholds if it is running, else the built-in ones of this machine; for the
/// machine, all of its memory.
#[must_use]
pub fn settings(series: &SeriesInfo, status: &StatusInfo, given: GivenThresholds) -> ReplaySettings {
    let guest = &status.guest;
    let built_in = EffectiveThresholds::resolve(&Config::default(), guest.mem_total).thresholds;
    if series.kind == SeriesKind::Guest {
        return ReplaySettings {
            ceiling: Ceiling::Guest,
            limit: guest.mem_total + guest.swap_total,
            thresholds: built_in,
        };
    }
    let runs = status.agents.iter().find(|agent| series.this_boot && agent.id == series.id);
    let own = runs.map(|agent| Thresholds { warn: agent.warn_threshold, kill: agent.kill_threshold });
    let thresholds = given.thresholds(own.unwrap_or(built_in));
    ReplaySettings {
        ceiling: Ceiling::KillThreshold,
        limit: given.limit.unwrap_or(thresholds.kill),
        thresholds,
    }
}
