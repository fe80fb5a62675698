//! Builds replies from rows and samples.

use std::collections::BTreeMap;

use super::cell::Cell;
use super::recent::{RecentSamples, RecentSeries};
use super::store::{CellsBySeries, Store, StoreError};
use super::stored::StoredSeries;
use super::tier::{MAX_SAMPLE_REPLY_SECONDS, TIERS, Tier};
use crate::api::history::{BreakInfo, HistoryInfo, PointInfo, SeriesInfo};
use crate::model::Bytes;
use crate::model::time::UnixSeconds;

/// Points and series in one reply, 2 MB; of the rest only the number is reported.
const MAX_REPLY_POINTS: usize = 20_000;
const MAX_REPLY_SERIES: usize = 500;

/// A series of a reply.
struct ReplySeries {
    stored: StoredSeries,
    info: SeriesInfo,
}

/// The history from `since` until `now`, including the disk if there is one.
pub(super) fn read(
    store: Option<&Store>,
    recent: &RecentSamples,
    breaks: &[BreakInfo],
    boot: &str,
    since: i64,
    now: i64,
) -> Result<HistoryInfo, StoreError> {
    let tier = Tier::index_for(now - since);
    let mut rows = match store {
        Some(store) => store.read(tier, since, now + 1)?,
        None => CellsBySeries::new(),
    };
    let mut reply = Vec::new();
    for followed in recent.series() {
        let number = store.and_then(|store| store.number(&followed.series.subject));
        let rows = number.and_then(|number| rows.remove(&number)).unwrap_or_default();
        let agent = recent.agent_of(followed);
        let stored = StoredSeries::new(&followed.series, agent, boot);
        let points = points(rows, Some(followed), tier, since, now);
        reply.push(ReplySeries { info: SeriesInfo { points, ..stored.info(boot) }, stored });
    }
    for (number, rows) in rows {
        let Some(stored) = store.map(|store| store.series(number)).transpose()?.flatten() else { continue };
        let points = points(rows, None, tier, since, now);
        reply.push(ReplySeries { info: SeriesInfo { points, ..stored.info(boot) }, stored });
    }
    reply.retain(|reply_series| !reply_series.info.points.is_empty());
    let left_out = limit_size(&mut reply);
    reply.sort_by_key(|reply_series| reply_series.stored.rank());
    let mut all: Vec<BreakInfo> = store.map(|store| store.breaks(since)).transpose()?.unwrap_or_default();
    all.extend(breaks.iter().filter(|info| info.time.0 >= since).copied());
    all.sort_by_key(|info| info.time);
    all.dedup();
    Ok(HistoryInfo {
        now: UnixSeconds(now),
        since: UnixSeconds(since),
        series: reply.into_iter().map(|reply_series| reply_series.info).collect(),
        breaks: all,
        left_out,
    })
}

/// The points of a series, oldest first, without overlap: spans, then the samples of the last minutes.
fn points(
    rows: Vec<(i64, Cell)>,
    followed: Option<&RecentSeries>,
    tier: usize,
    since: i64,
    now: i64,
) -> Vec<PointInfo> {
    let width = TIERS[tier].width;
    let mut spans: BTreeMap<i64, Cell> = rows.into_iter().collect();
    for (minute, cell) in followed.into_iter().flat_map(|followed| &followed.pending) {
        let start = TIERS[tier].start(*minute);
        if start >= TIERS[tier].start(since) {
            spans.entry(start).and_modify(|known| *known = known.merge(*cell)).or_insert(*cell);
        }
    }
    let samples =
        || followed.into_iter().flat_map(|followed| &followed.samples).filter(|(time, _)| *time >= since);
    let is_fine = tier == 0 && now - since <= MAX_SAMPLE_REPLY_SECONDS;
    // The minute in which the samples begin has earlier samples, too.
    let whole =
        samples().next().filter(|_| is_fine).map(|(first, _)| TIERS[0].start(first + i64::from(width) - 1));
    let fine = samples().filter(|(time, _)| whole.is_some_and(|whole| *time >= whole));
    let fine =
        fine.map(|(time, value): &(i64, Bytes)| Cell::from_value(*value).point(*time, 0)).collect::<Vec<_>>();
    let spans = spans.into_iter().filter(|(start, _)| whole.is_none_or(|whole| *start < whole));
    spans.map(|(start, cell)| cell.point(start, width)).chain(fine).collect()
}

/// Keeps the machine, then agents, then their parts, the most recent first, up to the limit.
fn limit_size(reply: &mut Vec<ReplySeries>) -> usize {
    let all = reply.len();
    reply.sort_by_key(|reply_series| {
        let last = reply_series.info.points.last().map(|point| point.time);
        (reply_series.info.kind, std::cmp::Reverse(last), std::cmp::Reverse(reply_series.info.points.len()))
    });
    reply.truncate(MAX_REPLY_SERIES);
    let mut points = 0;
    reply.retain(|reply_series| {
        let fits = points + reply_series.info.points.len() <= MAX_REPLY_POINTS;
        points += if fits { reply_series.info.points.len() } else { 0 };
        fits
    });
    all - reply.len()
}
