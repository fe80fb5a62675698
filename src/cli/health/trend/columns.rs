//! Points gathered into the columns of a chart.

use super::window::{Window, end_of};
use crate::api::history::{BreakInfo, PointInfo};
use crate::model::Bytes;
use crate::model::time::UnixSeconds;

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

/// Of the points of a column.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::history::{BreakKind, HistoryInfo};

    /// Twenty columns of a minute each, from 0 s.
    fn window() -> Window {
        let (now, since) = (UnixSeconds(1200), UnixSeconds(0));
        Window::of(&HistoryInfo { now, since, ..HistoryInfo::default() }, 20)
    }

    fn point(time: i64, seconds: u32, bytes: [u64; 3]) -> PointInfo {
        let [min, mean, max] = bytes.map(Bytes::new);
        PointInfo { time: UnixSeconds(time), seconds, min, mean, max }
    }

    fn look(time: i64, bytes: u64) -> PointInfo {
        point(time, 0, [bytes; 3])
    }

    /// Lowest to highest of each column.
    fn escape_for_terminal(points: &[PointInfo], breaks: &[BreakInfo]) -> String {
        let columns = gather(points, breaks, &window());
        let one =
            |column: &Option<Column>| column.map_or(" -".to_owned(), |c| format!(" {}..{}", c.min, c.max));
        columns.iter().map(one).collect()
    }

    #[test]
    fn a_column_holds_the_extremes_and_the_mean_by_time() {
        let points = [point(0, 30, [10, 20, 90]), point(30, 10, [5, 60, 70]), point(60, 120, [1, 2, 3])];
        let columns = gather(&points, &[], &window());
        let [min, mean, max] = [5, 30, 90].map(Bytes::new);
        assert_eq!(columns.first(), Some(&Some(Column { min, mean, max })));
        assert_eq!(columns.iter().flatten().count(), 3, "a point of two minutes is in two columns");
    }

    #[test]
    fn looks_that_are_seldom_leave_no_gap_and_a_silence_does() {
        let points = [look(0, 1), look(150, 7), look(1200, 9)];
        let nothing = " -".repeat(16);
        assert!(
            escape_for_terminal(&[look(60, 5)], &[]).starts_with(" - 5..5 -"),
            "a look as a column begins is in it"
        );
        assert_eq!(escape_for_terminal(&points, &[]), format!(" 1..1 1..1 7..7{nothing} 9..9"));
    }

    #[test]
    fn a_break_is_blank_and_what_it_hides_stands_beside_it() {
        let broken = BreakInfo { time: UnixSeconds(90), kind: BreakKind::Boot, seconds: None };
        let points = [look(10, 2), look(70, 8), look(100, 1), look(150, 3), look(200, 4)];
        let nothing = " -".repeat(16);
        assert_eq!(
            escape_for_terminal(&points, std::slice::from_ref(&broken)),
            format!(" 2..8 - 1..3 4..4{nothing}")
        );
        // One of just now does not hide what stands now.
        let now = BreakInfo { time: UnixSeconds(1190), ..broken };
        assert!(escape_for_terminal(&[look(1100, 2), look(1195, 5)], &[now]).ends_with(" 2..2 - 5..5"));
    }
}
