//! Samples of the last ten minutes, and spans that are not on disk yet.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::cell::Cell;
use super::tier::{SAMPLE_RETENTION_SECONDS, TIERS};
use crate::api::history::BreakKind;
use crate::model::series::{Series, SeriesSample, SeriesSubject};
use crate::model::{Boottime, Bytes};

/// Maximum number of samples of one series: one a second.
const MAX_SAMPLES_PER_SERIES: usize = 600;

/// Maximum number of series followed at once; more would be agents that come and go within minutes.
const MAX_RECENT_SERIES: usize = 1000;

/// A longer silence is a gap, as for the forecaster.
const MIN_SAMPLE_GAP_SECONDS: u64 = 600;

/// Tolerated drift of the wall clock against the time since boot between two samples; `ntpd` slews by 2 s an hour.
const MAX_CLOCK_DRIFT_SECONDS: i64 = 60;

/// Samples as they arrive.
#[derive(Debug, Default)]
pub(super) struct RecentSamples {
    series: HashMap<SeriesSubject, RecentSeries>,
    last: Option<(Boottime, i64)>,
}

/// A series with a sample in the last ten minutes.
#[derive(Debug)]
pub(super) struct RecentSeries {
    pub(super) series: Arc<Series>,
    /// Oldest first.
    pub(super) samples: VecDeque<(i64, Bytes)>,
    /// By minute: spans that are not on disk yet.
    pub(super) pending: Vec<(i64, Cell)>,
}

/// The difference to the previous sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DetectedBreak {
    pub(super) kind: BreakKind,
    pub(super) time: i64,
    pub(super) seconds: Option<u64>,
    /// The clock was set back: later rows lie in the future.
    pub(super) back: bool,
}

impl RecentSamples {
    /// Records a sample. Returns whether the history has a break there.
    pub(super) fn record(&mut self, sample: &SeriesSample) -> Option<DetectedBreak> {
        let (at, time) = (sample.at, sample.time.0);
        let broken = self.last.and_then(|last| broken(last, (at, time)));
        if broken.is_some_and(|broken| broken.kind == BreakKind::Clock) {
            // Values by the previous clock are on another time axis.
            let now = TIERS[0].start(time);
            for followed in self.series.values_mut() {
                followed.samples.clear();
                followed.pending.retain(|(minute, _)| *minute < now);
            }
        }
        self.last = Some((at, time));
        for (series, value) in &sample.figures {
            if self.series.len() >= MAX_RECENT_SERIES && !self.series.contains_key(&series.subject) {
                continue;
            }
            let followed = self.series.entry(series.subject).or_insert_with(|| RecentSeries {
                series: Arc::clone(series),
                samples: VecDeque::new(),
                pending: Vec::new(),
            });
            followed.record(time, *value);
        }
        self.series.retain(|_, followed| !followed.is_expired(time));
        broken
    }

    pub(super) fn series(&self) -> impl Iterator<Item = &RecentSeries> {
        self.series.values()
    }

    /// The name of the agent that a part belongs to.
    pub(super) fn agent_of(&self, part: &RecentSeries) -> Option<&str> {
        let SeriesSubject::Part { agent, .. } = part.series.subject else { return None };
        self.series.get(&SeriesSubject::Agent(agent)).map(|followed| followed.series.name.as_str())
    }

    /// Marks all spans as written.
    pub(super) fn mark_written(&mut self) {
        self.series.values_mut().for_each(|followed| followed.pending.clear());
    }
}

impl RecentSeries {
    fn record(&mut self, time: i64, value: Bytes) {
        self.samples.push_back((time, value));
        while self.samples.len() > MAX_SAMPLES_PER_SERIES
            || self.samples.front().is_some_and(|(then, _)| time - then > SAMPLE_RETENTION_SECONDS)
        {
            self.samples.pop_front();
        }
        let (minute, cell) = (TIERS[0].start(time), Cell::from_value(value));
        match self.pending.iter_mut().rfind(|(start, _)| *start == minute) {
            Some((_, pending)) => *pending = pending.merge(cell),
            None => self.pending.push((minute, cell)),
        }
        // Without a disk for this long, drop the oldest.
        if self.pending.len() > MAX_PENDING_SPANS {
            self.pending.remove(0);
        }
    }

    /// Without a sample for ten minutes, and completely written.
    fn is_expired(&self, time: i64) -> bool {
        let silent = self.samples.back().is_none_or(|(last, _)| time - last > SAMPLE_RETENTION_SECONDS);
        silent
            && (self.pending.is_empty()
                || self.pending.last().is_some_and(|(last, _)| time - last > 2 * SAMPLE_RETENTION_SECONDS))
    }
}

/// A clock set back by more than this was wrong before: rows recorded by it lie in the future.
pub(super) const MAX_CLOCK_STEP_BACK_SECONDS: i64 = 48 * 3600;

/// Spans kept for a disk that is full: three hours.
const MAX_PENDING_SPANS: usize = 180;

fn broken((last, then): (Boottime, i64), (at, time): (Boottime, i64)) -> Option<DetectedBreak> {
    let passed = at.since(last).as_secs();
    let jump = time.saturating_sub(then).saturating_sub(i64::try_from(passed).unwrap_or(i64::MAX));
    if jump.saturating_abs() > MAX_CLOCK_DRIFT_SECONDS {
        let back = (1..=MAX_CLOCK_STEP_BACK_SECONDS).contains(&then.saturating_sub(time));
        return Some(DetectedBreak { kind: BreakKind::Clock, time, seconds: None, back });
    }
    (passed > MIN_SAMPLE_GAP_SECONDS).then_some(DetectedBreak {
        kind: BreakKind::Gap,
        time,
        seconds: Some(passed),
        back: false,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::Uid;
    use crate::model::time::UnixSeconds;

    const EPOCH: i64 = 1_790_000_000;

    fn sample(boot: u64, wall: i64, value: u64) -> SeriesSample {
        let series = Series { subject: SeriesSubject::Guest, name: "guest".into(), uid: Uid::ROOT };
        SeriesSample {
            at: Boottime::new(Duration::from_secs(boot)),
            time: UnixSeconds(EPOCH + wall),
            figures: vec![(Arc::new(series), Bytes::new(value))],
        }
    }

    fn guest(recent: &RecentSamples) -> &RecentSeries {
        recent.series().next().unwrap()
    }

    #[test]
    fn samples_are_kept_for_ten_minutes_and_merged_by_minute() {
        let mut recent = RecentSamples::default();
        for second in 0..1800 {
            assert_eq!(recent.record(&sample(second, second.cast_signed(), second)), None);
        }
        let samples = &guest(&recent).samples;
        assert_eq!((samples.len(), samples.back().map(|(_, v)| v.get())), (600, Some(1799)));
        let pending = &guest(&recent).pending;
        assert!((30..=31).contains(&pending.len()), "{pending:?}");
        assert_eq!(pending.iter().map(|(_, cell)| cell.samples).sum::<u32>(), 1800);
        recent.mark_written();
        assert!(guest(&recent).pending.is_empty());
    }

    #[test]
    fn gaps_clock_jumps_and_steps_back_are_distinguished() {
        let breaks = |boot, wall| {
            let mut recent = RecentSamples::default();
            recent.record(&sample(1000, 1000, 1));
            recent.record(&sample(boot, wall, 2)).map(|b| (b.kind, b.seconds, b.back))
        };
        assert_eq!(breaks(1010, 1010), None);
        assert_eq!(breaks(1500, 1530), None, "a clock that is slewed");
        assert_eq!(breaks(3000, 3000), Some((BreakKind::Gap, Some(2000), false)));
        assert_eq!(breaks(1010, 9000), Some((BreakKind::Clock, None, false)));
        assert_eq!(breaks(1010, 100), Some((BreakKind::Clock, None, true)));
        // Suspended, and the time since boot includes it: a gap, not a jump.
        assert_eq!(breaks(90_000, 90_010), Some((BreakKind::Gap, Some(89_000), false)));
    }

    #[test]
    fn a_clock_jump_discards_earlier_samples() {
        let mut recent = RecentSamples::default();
        for n in 0..10 {
            recent.record(&sample(n, n.cast_signed(), 1));
        }
        recent.record(&sample(10, 50_000, 2));
        assert_eq!(guest(&recent).samples.len(), 1);
        assert_eq!(guest(&recent).pending.len(), 2, "one minute of each clock");
    }

    #[test]
    fn exited_series_are_removed_and_their_number_is_bounded() {
        let mut recent = RecentSamples::default();
        let agent = |pid: i32| {
            let key = crate::model::ProcessKey { pid: crate::model::Pid::new(pid).unwrap(), start_ticks: 1 };
            Arc::new(Series {
                subject: SeriesSubject::Agent(key),
                name: format!("claude-{pid}"),
                uid: Uid::ROOT,
            })
        };
        for n in 0..5000_u64 {
            let mut sample = sample(n, n.cast_signed(), 1);
            let pid = i32::try_from(n).unwrap() + 1;
            sample.figures.push((agent(pid), Bytes::mib(1)));
            recent.record(&sample);
            if n % 60 == 0 {
                recent.mark_written();
            }
        }
        assert!(recent.series.len() <= 662, "{}: those of ten minutes", recent.series.len());
        let mut sample = sample(5001, 5001, 1);
        sample.figures = (1..=3000).map(|pid| (agent(pid), Bytes::mib(1))).collect();
        recent.record(&sample);
        assert!(
            (MAX_RECENT_SERIES - 10..=MAX_RECENT_SERIES).contains(&recent.series.len()),
            "{}",
            recent.series.len()
        );
    }
}
