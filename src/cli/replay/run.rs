//! A trace through policy and forecaster, by its own clock.

use crate::api::forecast::Forecast;
use crate::forecast::{Forecaster, Progress};
use crate::model::event::EventKind;
use crate::model::forecast::Ceiling;
use crate::model::{
    ActionSettings, AgentRef, AgentSample, Boottime, Bytes, Charge, GuardSettings, Member, MembershipReason,
    Pid, ProcessKey, Snapshot, SystemMemory, Thresholds, Uid,
};
use crate::policy::Engine;
use serde::Serialize;

use super::trace::Sample;

/// What a trace is replayed against.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// What ends growth.
    pub ceiling: Ceiling,
    /// Where that is.
    pub limit: Bytes,
    /// The thresholds.
    pub thresholds: Thresholds,
}

/// One line of the output.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Record {
    /// What is foretold at a sample.
    Forecast {
        /// When.
        seconds: f64,
        /// The sample.
        bytes: Bytes,
        /// What.
        forecast: Forecast,
    },
    /// Something that would be done or told.
    Action {
        /// When.
        seconds: f64,
        /// `warn`, `recovered` or `kill`.
        action: &'static str,
        /// The sample.
        bytes: Bytes,
    },
}

/// Replays samples, one after the other.
pub struct Replay {
    engine: Engine,
    forecaster: Forecaster,
    root: ProcessKey,
}

impl Replay {
    /// From its beginning. Nobody is ended by it: what would be done is said once a crossing, as in a dry run.
    #[must_use]
    pub fn new(terms: Terms) -> Self {
        let action = ActionSettings { dry_run: true, ..ActionSettings::default() };
        let guard = GuardSettings { enabled: false, ..GuardSettings::default() };
        Self {
            engine: Engine::new(terms.thresholds, action, guard),
            forecaster: Forecaster::new(terms.ceiling, terms.limit),
            // A name; nothing here is a process.
            root: ProcessKey { pid: Pid::INIT, start_ticks: 0 },
        }
    }

    /// Takes in a sample, and passes on what comes of it.
    pub fn take(&mut self, sample: Sample, mut write: impl FnMut(Record)) {
        let Sample { seconds, at, bytes } = sample;
        let step = self.engine.step(&self.snapshot(at, bytes));
        for event in step.events {
            let action = match event.kind {
                EventKind::Warned { .. } => "warn",
                EventKind::Recovered { .. } => "recovered",
                EventKind::Acted(_) => "kill",
                _ => continue,
            };
            write(Record::Action { seconds, action, bytes });
        }
        if self.forecaster.add(at, bytes) != Progress::Quiet {
            write(Record::Forecast { seconds, bytes, forecast: self.forecaster.forecast() });
        }
    }

    /// A guest with all the room there is and one agent, whose charge is the sample.
    fn snapshot(&self, at: Boottime, bytes: Bytes) -> Snapshot {
        let most = Bytes::new(1 << 61);
        let root = Member {
            joined: MembershipReason::Root,
            ..Member::new(self.root, Uid::ROOT, "trace", Charge::anonymous(bytes))
        };
        let agent = AgentSample::new(AgentRef::new("trace", self.root, Uid::ROOT), vec![root]);
        let guest = SystemMemory {
            mem_total: most,
            mem_available: most.saturating_sub(bytes),
            ..SystemMemory::default()
        };
        Snapshot { at, guest, agents: vec![agent], ..Snapshot::default() }
    }
}
