//! The span of time that the charts of a page show, and its columns.

use crate::api::history::{HistoryInfo, PointInfo};
use crate::model::time::UnixSeconds;

/// A chart of a record that has just begun shows no less than this: each look would be a column of its own.
const SHORTEST: i64 = 15 * 60;

/// From when to when, in how many columns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub(super) start: UnixSeconds,
    end: UnixSeconds,
    pub(super) columns: usize,
    /// The record is younger than what was asked for.
    pub(super) is_young: bool,
}

impl Window {
    /// What was asked for; where the record is younger than that, as much as there is. The same for all charts of a page.
    pub(super) fn of(history: &HistoryInfo, columns: usize) -> Self {
        let end = history.now;
        let asked = history.since.0.min(end.0.saturating_sub(60));
        let points = history.series.iter().flat_map(|series| &series.points);
        let first = points.map(|point| point.time.0).filter(|time| *time < end.0).min();
        let young = first.unwrap_or(asked).min(end.0.saturating_sub(SHORTEST));
        let whole = Self { start: UnixSeconds(asked), end, columns: columns.max(1), is_young: false };
        let is_young = first.is_some_and(|first| whole.place(first) > 0);
        Self { start: UnixSeconds(asked.max(young)), is_young, ..whole }
    }

    fn span(&self) -> i128 {
        (i128::from(self.end.0) - i128::from(self.start.0)).max(1)
    }

    /// The column of a time; before the first it is negative, after the last beyond all.
    fn place(&self, time: i64) -> i128 {
        let since = i128::from(time) - i128::from(self.start.0);
        (since * self.wide()).div_euclid(self.span())
    }

    /// The column that a time is in; what is now is in the last one.
    pub(super) fn column(&self, time: UnixSeconds) -> Option<usize> {
        let place = if time == self.end { self.wide() - 1 } else { self.place(time.0) };
        usize::try_from(place).ok().filter(|column| *column < self.columns)
    }

    /// The columns that a point covers.
    pub(super) fn covered(&self, point: &PointInfo) -> std::ops::Range<usize> {
        let first =
            self.place(point.time.0).min(if point.time == self.end { self.wide() - 1 } else { i128::MAX });
        let last = self.place(end_of(point).0.saturating_sub(1)).max(first);
        let within = |place: i128| usize::try_from(place.clamp(0, self.wide())).unwrap_or(0);
        if last < 0 { 0..0 } else { within(first)..within(last + 1) }
    }

    /// When a column begins; that of the one after the last is the end.
    pub(super) fn begins(&self, column: usize) -> UnixSeconds {
        let column = i128::try_from(column).unwrap_or(0);
        // Rounded up: the first second that is in it.
        let since = (self.span() * column + self.wide() - 1).div_euclid(self.wide());
        UnixSeconds(i64::try_from(i128::from(self.start.0) + since).unwrap_or(i64::MAX))
    }

    /// Seconds of all columns.
    pub(super) fn seconds(&self) -> i64 {
        i64::try_from(self.span()).unwrap_or(i64::MAX)
    }

    fn wide(&self) -> i128 {
        i128::try_from(self.columns).unwrap_or(1)
    }
}

/// When a point ends.
pub(super) fn end_of(point: &PointInfo) -> UnixSeconds {
    UnixSeconds(point.time.0.saturating_add(i64::from(point.seconds)))
}
