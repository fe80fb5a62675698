//! Points gathered into the columns of a chart.

use super::window::{Window, end_of};
use crate::model::Bytes;
use crate::model::history::{BreakInfo, PointInfo, UnixSeconds};

/// Between two looks that are closer than this nothing is missing; a longer silence is a break of the record.
const LONGEST_SILENCE: i64 = 600;

/// What a column shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) min: Bytes,
    pub(super) mean: Bytes,
    pub(super) max: Bytes,
}

/// The columns of a chart; `None`: nothing was recorded, or the record is broken there.
pub(super) fn gather(points: &[PointInfo], breaks: &[BreakInfo], window: &Window) -> Vec<Option<Column>> {
    let mut points: Vec<&PointInfo> = points.iter().collect();
    points.sort_by_key(|point| point.time);
    let broken = broken(breaks, window);
    let mut sums = vec![Sum::default(); window.columns];
    for point in &points {
        for column in window.covered(point) {
            let column = beside(column, point.time, &broken);
            if let Some(sum) = column.and_then(|column| sums.get_mut(column)) {
                sum.add(point);
            }
        }
    }
    let mut columns: Vec<_> = sums.into_iter().map(Sum::column).collect();
    for pair in points.windows(2) {
        if let [before, after] = pair {
            bridge(&mut columns, before, after, &broken, window);
        }
    }
    columns
}

/// Columns that stay blank for a break, each with when it ended: not the last one, which is what stands now.
fn broken(breaks: &[BreakInfo], window: &Window) -> Vec<Option<UnixSeconds>> {
    let mut columns = vec![None; window.columns];
    for broken in breaks {
        let column = window.column(broken.time).map(|column| column.min(window.columns.saturating_sub(2)));
        if let Some(place) = column.filter(|column| *column > 0).and_then(|column| columns.get_mut(column)) {
            *place = (*place).max(Some(broken.time));
        }
    }
    columns
}

/// What falls into a blank column is shown in the one beside it: a peak before the end is what people look for.
fn beside(column: usize, time: UnixSeconds, broken: &[Option<UnixSeconds>]) -> Option<usize> {
    let blank = |column: &usize| broken.get(*column).copied().flatten();
    let Some(went_on) = blank(&column) else { return Some(column) };
    let beside = if time < went_on { column.checked_sub(1) } else { Some(column + 1) };
    beside.filter(|column| blank(column).is_none())
}

/// Columns narrower than the pace of looks: the one before still stands.
fn bridge(
    columns: &mut [Option<Column>],
    before: &PointInfo,
    after: &PointInfo,
    broken: &[Option<UnixSeconds>],
    window: &Window,
) {
    let (end, next) = (end_of(before), after.time);
    if next.0.saturating_sub(end.0) > LONGEST_SILENCE {
        return;
    }
    let mut sum = Sum::default();
    sum.add(before);
    let stood = sum.column().map(|column| Column { min: column.mean, mean: column.mean, max: column.mean });
    for place in window.covered(before).end..window.covered(after).start {
        if broken.get(place).is_some_and(Option::is_none)
            && let Some(column) = columns.get_mut(place).filter(|column| column.is_none())
        {
            *column = stood;
        }
    }
}

#[derive(Clone, Copy, Default)]
struct Sum {
    min: Option<Bytes>,
    max: Bytes,
    /// Of the means, each as often as its point has seconds.
    weighted: u128,
    seconds: u128,
}

impl Sum {
    fn add(&mut self, point: &PointInfo) {
        let lowest = point.min.min(point.mean).min(point.max);
        self.min = Some(self.min.map_or(lowest, |min| min.min(lowest)));
        self.max = self.max.max(point.max).max(point.mean).max(point.min);
        let seconds = u128::from(point.seconds.max(1));
        self.weighted += u128::from(point.mean.get()) * seconds;
        self.seconds += seconds;
    }

    fn column(self) -> Option<Column> {
        let mean = u64::try_from(self.weighted.checked_div(self.seconds)?).unwrap_or(u64::MAX);
        self.min.map(|min| Column { min, mean: Bytes::new(mean), max: self.max })
    }
}
