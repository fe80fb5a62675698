//! The recorded series, and their points gathered into the columns of a chart.

use crate::api::history::{BreakInfo, HistoryInfo, PointInfo, SeriesInfo, SeriesKind};
use crate::api::status::{AgentInfo, StatusInfo};
use crate::model::Bytes;
use crate::model::time::UnixSeconds;

/// The trend without a forecast.
pub(super) const NO_TREND: &str = "insufficient_data";

/// The running agents with their series, the largest first.
pub(super) fn running<'a>(
    status: &'a StatusInfo,
    history: &'a HistoryInfo,
) -> Vec<(&'a AgentInfo, Option<&'a SeriesInfo>)> {
    let mut agents: Vec<_> = status.agents.iter().map(|agent| (agent, series_of(agent, history))).collect();
    agents.sort_by_key(|(agent, _)| std::cmp::Reverse(agent.charge));
    agents
}

fn series_of<'a>(agent: &AgentInfo, history: &'a HistoryInfo) -> Option<&'a SeriesInfo> {
    history
        .series
        .iter()
        .rfind(|series| series.kind == SeriesKind::Agent && series.this_boot && series.id == agent.id)
}

/// The series of agents that are not running any more.
pub(super) fn exited<'a>(
    status: &'a StatusInfo,
    history: &'a HistoryInfo,
) -> impl Iterator<Item = &'a SeriesInfo> {
    history.series.iter().filter(|series| {
        series.kind == SeriesKind::Agent
            && !series.points.is_empty()
            && !(series.this_boot && status.agents.iter().any(|agent| agent.id == series.id))
    })
}

/// The points of the machine's series.
pub(super) fn guest_points(history: &HistoryInfo) -> &[PointInfo] {
    let guest = history.series.iter().find(|series| series.kind == SeriesKind::Guest);
    guest.map_or(&[], |series| &series.points)
}

/// Minimum span of a chart in seconds: in a shorter one, each sample would be a column of its own.
const MIN_SPAN_SECONDS: i64 = 15 * 60;

/// The time span of the charts of a page, and its columns.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimeWindow {
    pub(super) start: UnixSeconds,
    end: UnixSeconds,
    pub(super) columns: usize,
    /// The history is shorter than the requested span.
    pub(super) is_young: bool,
}

impl TimeWindow {
    /// The requested span, or that of the history if it is shorter. The same for all charts of a page.
    pub(super) fn new(history: &HistoryInfo, columns: usize) -> Self {
        let end = history.now;
        let requested = history.since.0.min(end.0.saturating_sub(60));
        let points = history.series.iter().flat_map(|series| &series.points);
        let first = points.map(|point| point.time.0).filter(|time| *time < end.0).min();
        let young = first.unwrap_or(requested).min(end.0.saturating_sub(MIN_SPAN_SECONDS));
        let whole = Self { start: UnixSeconds(requested), end, columns: columns.max(1), is_young: false };
        let is_young = first.is_some_and(|first| whole.unclamped_column(first) > 0);
        Self { start: UnixSeconds(requested.max(young)), is_young, ..whole }
    }

    fn span(&self) -> i128 {
        (i128::from(self.end.0) - i128::from(self.start.0)).max(1)
    }

    /// The column of a time: negative before the first column, too large after the last.
    fn unclamped_column(&self, time: i64) -> i128 {
        let since = i128::from(time) - i128::from(self.start.0);
        (since * self.width()).div_euclid(self.span())
    }

    /// The column of a time; now is in the last one.
    pub(super) fn column(&self, time: UnixSeconds) -> Option<usize> {
        let place = if time == self.end { self.width() - 1 } else { self.unclamped_column(time.0) };
        usize::try_from(place).ok().filter(|column| *column < self.columns)
    }

    /// The columns that a point covers.
    pub(super) fn covered(&self, point: &PointInfo) -> std::ops::Range<usize> {
        let first = self.unclamped_column(point.time.0).min(if point.time == self.end {
            self.width() - 1
        } else {
            i128::MAX
        });
        let last = self.unclamped_column(end_of(point).0.saturating_sub(1)).max(first);
        let within = |place: i128| usize::try_from(place.clamp(0, self.width())).unwrap_or(0);
        if last < 0 { 0..0 } else { within(first)..within(last + 1) }
    }

    /// The start of a column; of the one after the last, the end.
    pub(super) fn start_of(&self, column: usize) -> UnixSeconds {
        let column = i128::try_from(column).unwrap_or(0);
        // Rounded up: the first second that is in it.
        let since = (self.span() * column + self.width() - 1).div_euclid(self.width());
        UnixSeconds(i64::try_from(i128::from(self.start.0) + since).unwrap_or(i64::MAX))
    }

    /// The span in seconds.
    pub(super) fn seconds(&self) -> i64 {
        i64::try_from(self.span()).unwrap_or(i64::MAX)
    }

    fn width(&self) -> i128 {
        i128::try_from(self.columns).unwrap_or(1)
    }
}

/// The end of a point.
pub(super) fn end_of(point: &PointInfo) -> UnixSeconds {
    UnixSeconds(point.time.0.saturating_add(i64::from(point.seconds)))
}

/// Maximum seconds between two samples; a longer gap is a break of the history.
const MAX_SAMPLE_GAP_SECONDS: i64 = 600;

/// The figures of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ChartColumn {
    pub(super) min: Bytes,
    pub(super) mean: Bytes,
    pub(super) max: Bytes,
}

/// The columns of a chart; `None`: no sample, or a break of the history.
pub(super) fn gather(
    points: &[PointInfo],
    breaks: &[BreakInfo],
    window: &TimeWindow,
) -> Vec<Option<ChartColumn>> {
    let mut points: Vec<&PointInfo> = points.iter().collect();
    points.sort_by_key(|point| point.time);
    let breaks = break_columns(breaks, window);
    let mut sums = vec![ColumnSum::default(); window.columns];
    for point in &points {
        for column in window.covered(point) {
            let column = visible_column(column, point.time, &breaks);
            if let Some(sum) = column.and_then(|column| sums.get_mut(column)) {
                sum.add(point);
            }
        }
    }
    let mut columns: Vec<_> = sums.into_iter().map(ColumnSum::column).collect();
    for pair in points.windows(2) {
        if let [before, after] = pair {
            fill_between(&mut columns, before, after, &breaks, window);
        }
    }
    columns
}

/// The columns left blank for a break, each with the end of the break. Never the last column, which is now.
fn break_columns(breaks: &[BreakInfo], window: &TimeWindow) -> Vec<Option<UnixSeconds>> {
    let mut columns = vec![None; window.columns];
    for broken in breaks {
        let column = window.column(broken.time).map(|column| column.min(window.columns.saturating_sub(2)));
        if let Some(place) = column.filter(|column| *column > 0).and_then(|column| columns.get_mut(column)) {
            *place = (*place).max(Some(broken.time));
        }
    }
    columns
}

/// A point in a blank column is shown in the adjacent one, so that a peak before a break is visible.
fn visible_column(column: usize, time: UnixSeconds, breaks: &[Option<UnixSeconds>]) -> Option<usize> {
    let blank = |column: &usize| breaks.get(*column).copied().flatten();
    let Some(resumed) = blank(&column) else { return Some(column) };
    let adjacent = if time < resumed { column.checked_sub(1) } else { Some(column + 1) };
    adjacent.filter(|column| blank(column).is_none())
}

/// Fills columns without a sample between two points: they are narrower than the sample interval.
fn fill_between(
    columns: &mut [Option<ChartColumn>],
    before: &PointInfo,
    after: &PointInfo,
    breaks: &[Option<UnixSeconds>],
    window: &TimeWindow,
) {
    let (end, next) = (end_of(before), after.time);
    if next.0.saturating_sub(end.0) > MAX_SAMPLE_GAP_SECONDS {
        return;
    }
    let mut sum = ColumnSum::default();
    sum.add(before);
    let flat =
        sum.column().map(|column| ChartColumn { min: column.mean, mean: column.mean, max: column.mean });
    for place in window.covered(before).end..window.covered(after).start {
        if breaks.get(place).is_some_and(Option::is_none)
            && let Some(column) = columns.get_mut(place).filter(|column| column.is_none())
        {
            *column = flat;
        }
    }
}

/// The sum of the points of a column.
#[derive(Clone, Copy, Default)]
struct ColumnSum {
    min: Option<Bytes>,
    max: Bytes,
    /// The means, each weighted by the seconds of its point.
    weighted: u128,
    seconds: u128,
}

impl ColumnSum {
    fn add(&mut self, point: &PointInfo) {
        let lowest = point.min.min(point.mean).min(point.max);
        self.min = Some(self.min.map_or(lowest, |min| min.min(lowest)));
        self.max = self.max.max(point.max).max(point.mean).max(point.min);
        let seconds = u128::from(point.seconds.max(1));
        self.weighted += u128::from(point.mean.get()) * seconds;
        self.seconds += seconds;
    }

    fn column(self) -> Option<ChartColumn> {
        let mean = u64::try_from(self.weighted.checked_div(self.seconds)?).unwrap_or(u64::MAX);
        self.min.map(|min| ChartColumn { min, mean: Bytes::new(mean), max: self.max })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::history::BreakKind;

    /// Twenty columns of a minute each, from 0 s.
    fn window() -> TimeWindow {
        let (now, since) = (UnixSeconds(1200), UnixSeconds(0));
        TimeWindow::new(&HistoryInfo { now, since, ..HistoryInfo::default() }, 20)
    }

    fn point(time: i64, seconds: u32, bytes: [u64; 3]) -> PointInfo {
        let [min, mean, max] = bytes.map(Bytes::new);
        PointInfo { time: UnixSeconds(time), seconds, min, mean, max }
    }

    fn sample(time: i64, bytes: u64) -> PointInfo {
        point(time, 0, [bytes; 3])
    }

    /// The range of each column.
    fn ranges(points: &[PointInfo], breaks: &[BreakInfo]) -> String {
        let columns = gather(points, breaks, &window());
        let one = |column: &Option<ChartColumn>| {
            column.map_or(" -".to_owned(), |c| format!(" {}..{}", c.min, c.max))
        };
        columns.iter().map(one).collect()
    }

    #[test]
    fn a_column_has_extremes_and_time_weighted_mean() {
        let points = [point(0, 30, [10, 20, 90]), point(30, 10, [5, 60, 70]), point(60, 120, [1, 2, 3])];
        let columns = gather(&points, &[], &window());
        let [min, mean, max] = [5, 30, 90].map(Bytes::new);
        assert_eq!(columns.first(), Some(&Some(ChartColumn { min, mean, max })));
        assert_eq!(columns.iter().flatten().count(), 3, "a point of two minutes is in two columns");
    }

    #[test]
    fn rare_samples_leave_no_gap_but_a_break_does() {
        let points = [sample(0, 1), sample(150, 7), sample(1200, 9)];
        let nothing = " -".repeat(16);
        assert!(
            ranges(&[sample(60, 5)], &[]).starts_with(" - 5..5 -"),
            "a sample at the start of a column is in it"
        );
        assert_eq!(ranges(&points, &[]), format!(" 1..1 1..1 7..7{nothing} 9..9"));
    }

    #[test]
    fn a_break_is_blank_and_its_samples_are_adjacent() {
        let broken = BreakInfo { time: UnixSeconds(90), kind: BreakKind::Boot, seconds: None };
        let points = [sample(10, 2), sample(70, 8), sample(100, 1), sample(150, 3), sample(200, 4)];
        let nothing = " -".repeat(16);
        assert_eq!(ranges(&points, std::slice::from_ref(&broken)), format!(" 2..8 - 1..3 4..4{nothing}"));
        // A break just now does not hide the current value.
        let now = BreakInfo { time: UnixSeconds(1190), ..broken };
        assert!(ranges(&[sample(1100, 2), sample(1195, 5)], &[now]).ends_with(" 2..2 - 5..5"));
    }
}
