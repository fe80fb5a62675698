//! When the limit will be reached, from the trend of the floor over several windows, or why there is no estimate.

use std::time::Duration;

use super::bins::{BIN_WIDTH, Bins};
use super::cycles::Cycles;
use super::floor_trend::{BINS_PER_BLOCK, BLOCKS_PER_WINDOW, FloorTrend};

/// Twelve minutes of growth allow no forecast further ahead than this.
const MAX_SHORT_WINDOW_SECONDS: f64 = 25.0 * 60.0;

/// The 80 % interval as factors of the trend's time, by the ratio of the swing above the floor to the remaining memory
/// (below, centre, low, high): the larger the swing, the later and the less certain a peak of it reaches the limit.
/// Fitted as described in docs/forecast.md.
const INTERVALS: [(f64, f64, f64, f64); 11] = [
    (0.02, 1.0, 0.60, 1.1),
    (0.05, 1.02, 0.82, 1.23),
    (0.1, 1.07, 0.87, 1.45),
    (0.2, 1.12, 0.86, 1.75),
    (0.4, 1.17, 0.82, 1.94),
    (0.8, 1.24, 0.81, 2.3),
    (1.6, 1.23, 0.78, 2.36),
    (4.0, 1.4, 0.73, 2.79),
    (10.0, 1.76, 0.74, 4.03),
    (1000.0, 2.68, 0.75, 8.8),
    (f64::INFINITY, 0.96, 0.27, 5.9),
];

/// Seconds until the limit, and the evidence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct TrendEstimate {
    pub(super) seconds: f64,
    pub(super) low: f64,
    pub(super) high: f64,
    /// Bytes a second.
    pub(super) slope: f64,
    /// Rising blocks, of seven, and their length.
    pub(super) rose: usize,
    pub(super) block: Duration,
    /// The largest step as a share of the growth.
    pub(super) largest_step: f64,
    pub(super) level: f64,
    pub(super) swing: f64,
    /// Number of windows that agree.
    pub(super) windows: usize,
    /// Seconds by the trend alone, on which the alert is based: peaks usually come later, which must not delay it.
    pub(super) trend: f64,
}

/// Why there is no forecast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoForecastReason {
    /// Nothing grows.
    Steady,
    /// It grew, at a falling rate.
    LevellingOff,
    /// It grew, and has stopped.
    Stopped,
    /// It grows, but not beyond an earlier level.
    SeenBefore,
    /// It grows as in an earlier cycle; the climb of that cycle takes this time.
    Cycle(Duration),
    /// It has grown for minutes only, and too slowly to matter within them.
    TooEarly,
}

/// The estimate at `now`, for a series with the last value `value`.
pub(super) fn estimate(
    bins: &Bins,
    cycles: &Cycles,
    now: Duration,
    value: f64,
    limit: f64,
) -> Result<TrendEstimate, NoForecastReason> {
    let floor = bins.newest(3).map(|bin| bin.low).fold(f64::INFINITY, f64::min);
    let cycle = cycles.climb(now, floor);
    let mut scales: [Option<FloorTrend>; BINS_PER_BLOCK.len()] = Default::default();
    let mut masked = false;
    for (floor_trend, size) in scales.iter_mut().zip(BINS_PER_BLOCK) {
        // A window with blocks shorter than the climb of a cycle mistakes each climb for a trend.
        if cycle.is_some_and(|climb| block(size) < climb.mul_f64(0.8)) {
            masked |=
                FloorTrend::from_bins(bins, size).is_some_and(|floor_trend| floor_trend.is_persistent(limit));
        } else {
            *floor_trend = FloorTrend::from_bins(bins, size);
        }
    }
    let grown = |floor_trend: &&FloorTrend| floor_trend.is_persistent(limit);
    let is_growing = |floor_trend: &FloorTrend| floor_trend.is_persistent(limit) && floor_trend.is_new(bins);
    let Some(first) = scales.iter().flatten().find(|floor_trend| is_growing(floor_trend)) else {
        return Err(match cycle {
            Some(climb) if masked => NoForecastReason::Cycle(climb),
            _ if scales.iter().flatten().any(|floor_trend| grown(&floor_trend)) => {
                NoForecastReason::SeenBefore
            }
            _ if scales.iter().flatten().any(FloorTrend::is_levelling_off) => NoForecastReason::LevellingOff,
            _ => NoForecastReason::Steady,
        });
    };
    let (mut near, mut windows, mut early) = ([0.0; 2], 0, false);
    let mut bent: [Option<(f64, f64)>; 2] = [None; 2];
    for (at, floor_trend) in scales.iter().enumerate() {
        let Some(floor_trend) = floor_trend.as_ref().filter(|floor_trend| is_growing(floor_trend)) else {
            continue;
        };
        if scales[..at].iter().flatten().any(|finer| finer.contradicts(floor_trend)) {
            continue;
        }
        let headroom = limit - floor_trend.level - floor_trend.swing;
        // The swing alone may reach it already.
        let headroom = if headroom > 0.0 { headroom } else { (limit - value).max(0.0) * 0.5 + 1.0 };
        let seconds = headroom / floor_trend.pace();
        if floor_trend.bins == BLOCKS_PER_WINDOW && seconds > MAX_SHORT_WINDOW_SECONDS {
            early = true;
            continue;
        }
        // The two finest windows detect a change of pace first.
        if let Some(place) = near.get_mut(windows) {
            *place = seconds.max(1.0);
            bent[windows] =
                floor_trend.bend().map(|bend| (bend, to_limit(headroom, floor_trend.pace_now(bend), bend)));
        }
        windows += 1;
    }
    let raw = match windows {
        0 => return Err(if early { NoForecastReason::TooEarly } else { NoForecastReason::Stopped }),
        1 => near[0],
        _ => match bent {
            // Both accelerate alike, which linear growth that has just begun does not: then growth accelerates further.
            [Some((fine, seconds)), Some((coarse, _))] if fine < 2.0 * coarse && coarse < 2.0 * fine => {
                seconds.min((near[0] * near[1]).sqrt()).max(1.0)
            }
            _ => (near[0] * near[1]).sqrt(),
        },
    };
    let uncertainty = first.swing / (limit - first.level - first.swing).max(1.0);
    let row = INTERVALS.iter().find(|(below, ..)| uncertainty < *below);
    let (_, centre, low, high) = row.copied().unwrap_or(INTERVALS[INTERVALS.len() - 1]);
    Ok(TrendEstimate {
        seconds: raw * centre,
        low: raw * low,
        high: raw * high,
        slope: first.pace(),
        rose: first.steps_up,
        block: block(first.bins / BLOCKS_PER_WINDOW),
        largest_step: first.largest_step,
        level: first.level,
        swing: first.swing,
        windows,
        trend: raw,
    })
}

/// Seconds until this much has grown, at a pace that grows by the share `bend` a second.
fn to_limit(headroom: f64, pace: f64, bend: f64) -> f64 {
    (headroom * bend / pace).ln_1p() / bend
}

fn block(size: usize) -> Duration {
    BIN_WIDTH * u32::try_from(size).unwrap_or(u32::MAX)
}
