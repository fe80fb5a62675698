//! What the supervisor has recorded, made into what is replayed.

use std::time::Duration;

use super::{Sample, Terms};
use crate::api::history::{PointInfo, SeriesInfo, SeriesKind};
use crate::api::status::StatusInfo;
use crate::config::{Config, EffectiveThresholds};
use crate::model::forecast::Ceiling;
use crate::model::time::UnixSeconds;
use crate::model::{Boottime, Bytes, Thresholds};

/// Lines and limit that were said; the rest is as it is in the guest.
#[derive(Clone, Copy, Debug, Default)]
pub struct Said {
    /// What is foretold of an agent.
    pub limit: Option<Bytes>,
    /// The warn threshold.
    pub warn: Option<Bytes>,
    /// The kill threshold.
    pub kill: Option<Bytes>,
}

impl Said {
    /// The kill threshold, and the warn threshold with it: in the proportion of the built-in ones, where another kill threshold was said.
    pub(super) fn thresholds(self, else_lines: Thresholds) -> Thresholds {
        let said = self.kill.or(self.limit).filter(|kill| *kill != else_lines.kill);
        let kill = said.unwrap_or(else_lines.kill);
        let warn = self.warn.unwrap_or_else(|| said.map_or(else_lines.warn, |kill| kill.share(55, 85)));
        Thresholds { warn, kill }
    }
}

/// A point as two samples: its lowest at its beginning, its highest at its end. The order of both within it is not known.
#[must_use]
pub fn samples(points: &[PointInfo]) -> Vec<Sample> {
    let mut points: Vec<_> = points.iter().collect();
    points.sort_by_key(|point| point.time);
    let Some(first) = points.first().map(|point| point.time.0) else { return Vec::new() };
    let mut last = first;
    let mut sample = |time: i64, bytes| {
        // Spans that overlap are nobody's reason to go back in time.
        last = last.max(time);
        let since = u64::try_from(last.saturating_sub(first)).unwrap_or(0);
        #[allow(clippy::cast_precision_loss, reason = "seconds since 1970 have 53 bits at the most")]
        let seconds = last as f64;
        Sample { seconds, at: Boottime::new(Duration::from_secs(since)), bytes }
    };
    let pair = |point: &PointInfo| {
        let end = point.time.0.saturating_add(i64::from(point.seconds));
        [sample(point.time.0, point.min), sample(end, point.max)]
    };
    points.into_iter().flat_map(pair).collect()
}

/// When a sample of a record was.
pub(super) fn time(seconds: f64) -> UnixSeconds {
    #[allow(clippy::cast_possible_truncation, reason = "saturates")]
    UnixSeconds(seconds as i64)
}

/// What a series is replayed against: an agent's own thresholds, where it still runs, else the built-in ones of this guest; the
/// guest against all that it has.
#[must_use]
pub fn terms(series: &SeriesInfo, status: &StatusInfo, said: Said) -> Terms {
    let guest = &status.guest;
    let built_in = EffectiveThresholds::resolve(&Config::default(), guest.mem_total).thresholds;
    if series.kind == SeriesKind::Guest {
        return Terms {
            ceiling: Ceiling::Guest,
            limit: guest.mem_total + guest.swap_total,
            thresholds: built_in,
        };
    }
    let runs = status.agents.iter().find(|agent| series.this_boot && agent.id == series.id);
    let own = runs.map(|agent| Thresholds { warn: agent.warn_threshold, kill: agent.kill_threshold });
    let thresholds = said.thresholds(own.unwrap_or(built_in));
    Terms { ceiling: Ceiling::KillThreshold, limit: said.limit.unwrap_or(thresholds.kill), thresholds }
}
