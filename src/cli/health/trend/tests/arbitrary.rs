//! Any history at all, likely or not.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::api::history::{BreakInfo, BreakKind, HistoryInfo, PointInfo, SeriesInfo, SeriesKind};
use crate::cli::health::tests::arbitrary::{bytes, pid, text, uid};
use crate::model::time::UnixSeconds;

/// Of series with any names and of those called by `names`.
pub(super) fn history(names: Vec<String>) -> impl Strategy<Value = HistoryInfo> {
    let series = vec(series(names), 0..5);
    (time(), time(), series, vec(broken(), 0..8)).prop_map(|(now, since, series, breaks)| HistoryInfo {
        now,
        since,
        series,
        breaks,
        left_out: 0,
    })
}

/// Anywhere, and near one another.
fn time() -> impl Strategy<Value = UnixSeconds> {
    prop_oneof![any::<i64>(), 1_795_600_000..1_795_620_000_i64, Just(i64::MIN), Just(i64::MAX)]
        .prop_map(UnixSeconds)
}

fn series(names: Vec<String>) -> impl Strategy<Value = SeriesInfo> {
    let kind = prop::sample::select(vec![SeriesKind::Guest, SeriesKind::Agent, SeriesKind::Part]);
    let known = if names.is_empty() { text().boxed() } else { prop::sample::select(names).boxed() };
    let id = prop_oneof![text(), known];
    (kind, id, option::of(text()), option::of(pid()), uid(), any::<bool>(), vec(point(), 0..60)).prop_map(
        |(kind, id, name, pid, uid, this_boot, points)| SeriesInfo {
            kind,
            id,
            name,
            pid,
            uid,
            this_boot,
            points,
        },
    )
}

fn point() -> impl Strategy<Value = PointInfo> {
    let seconds = prop_oneof![0..4000_u32, any::<u32>()];
    (time(), seconds, bytes(), bytes(), bytes()).prop_map(|(time, seconds, min, mean, max)| PointInfo {
        time,
        seconds,
        min,
        mean,
        max,
    })
}

fn broken() -> impl Strategy<Value = BreakInfo> {
    let kind = prop::sample::select(vec![BreakKind::Boot, BreakKind::Gap, BreakKind::Clock]);
    (time(), kind, option::of(any::<u64>())).prop_map(|(time, kind, seconds)| BreakInfo {
        time,
        kind,
        seconds,
    })
}
