//! The memory history: series of points.

use serde::{Deserialize, Serialize};

use crate::model::time::UnixSeconds;
use crate::model::{Bytes, Pid, Uid};

/// The memory history: the reply of `History`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HistoryInfo {
    /// Time of the request.
    pub now: UnixSeconds,
    /// Start of the requested period.
    pub since: UnixSeconds,
    /// The guest, agents in order of their start, parts after their agent.
    pub series: Vec<SeriesInfo>,
    /// Breaks in the recording, oldest first.
    pub breaks: Vec<BreakInfo>,
    /// Number of series omitted because there are too many, finished ones first.
    #[serde(default)]
    pub left_out: usize,
}

/// One series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeriesInfo {
    /// Its subject.
    pub kind: SeriesKind,
    /// `guest`, or the agent's name, like `claude-1234`.
    pub id: String,
    /// Of a part: base name of its program.
    pub name: Option<String>,
    /// The process at its top; null for the guest.
    pub pid: Option<Pid>,
    /// The agent's owner; root for the guest.
    pub uid: Uid,
    /// Whether it is of this boot of this machine, so that it may still go on.
    pub this_boot: bool,
    /// Oldest first.
    pub points: Vec<PointInfo>,
}

/// The subject of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SeriesKind {
    /// The guest.
    Guest,
    /// An agent.
    Agent,
    /// A part of an agent; for its owner and root.
    Part,
}

/// A span of time of a series. The span grows with age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointInfo {
    /// Its start.
    pub time: UnixSeconds,
    /// Its length; 0 is a single sample.
    pub seconds: u32,
    /// The minimum.
    pub min: Bytes,
    /// The mean of the samples.
    pub mean: Bytes,
    /// The maximum.
    pub max: Bytes,
}

/// A break in the recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakInfo {
    /// When recording resumed.
    pub time: UnixSeconds,
    /// Why: `boot`, `gap` (no sample for ten minutes: stopped, suspended, a snapshot), `clock` (the wall clock jumped).
    pub kind: BreakKind,
    /// Duration without samples, if known.
    pub seconds: Option<u64>,
}

/// The reason for a break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BreakKind {
    /// The guest was started.
    Boot,
    /// No samples: the supervisor or the guest was stopped, or a snapshot was reverted.
    Gap,
    /// The wall clock jumped.
    Clock,
}

impl HistoryInfo {
    /// The part that `reader` may see: totals of everything, parts of their own agents; root sees all.
    #[must_use]
    pub fn seen_by(mut self, reader: Uid) -> Self {
        self.series.retain(|series| series.kind != SeriesKind::Part || reader.may_see(series.uid));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_visible_to_their_owner_and_root() {
        let series = |kind| SeriesInfo {
            kind,
            id: "claude-1".into(),
            name: None,
            pid: Pid::new(1),
            uid: Uid::new(1000),
            this_boot: true,
            points: Vec::new(),
        };
        let all = [SeriesKind::Guest, SeriesKind::Agent, SeriesKind::Part].map(series).to_vec();
        let history = HistoryInfo { series: all, ..HistoryInfo::default() };
        let seen = |uid| history.clone().seen_by(Uid::new(uid)).series.len();
        assert_eq!([0, 1000, 1001].map(seen), [3, 3, 2]);
    }
}
