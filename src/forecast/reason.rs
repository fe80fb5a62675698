//! A forecast in words.

use super::bins::Bins;
use super::estimate::NoForecastReason;
use super::floor_trend::FloorTrend;
use super::{Conclusion, bytes};
use crate::api::forecast::predicted;
use crate::model::Bytes;
use crate::model::time::span;

/// Slower growth, as a share of the limit per hour, counts as stable.
const MIN_HOURLY_GROWTH: f64 = 0.01;

/// The evidence, or why there is none.
pub(super) fn reason_text(conclusion: &Conclusion, limit: Bytes) -> String {
    match conclusion {
        Conclusion::Young(age) => format!("only {} of history", span(*age)),
        Conclusion::AtTheLimit => format!("it is at {limit} or above"),
        Conclusion::Runaway(_) => "a steep rise over the last 2 min, beyond all before it".to_owned(),
        Conclusion::Trend(e) => {
            let windows = if e.windows > 1 { ", as longer windows say too" } else { "" };
            let swing = match bytes(e.swing) {
                swing if swing < Bytes::mib(16) => String::new(),
                swing => format!(" and swings {swing} above it"),
            };
            format!(
                "its floor rose in {} of the last 7 spans of {}{windows}, largest step {:.0} % of the growth; it is at {}{swing}",
                e.rose,
                span(e.block),
                e.largest_step * 100.0,
                bytes(e.level),
            )
        }
        Conclusion::NoForecast(reason) => match reason {
            NoForecastReason::Steady => "no lasting growth".to_owned(),
            NoForecastReason::LevellingOff => "it grew, and less and less: levelling off".to_owned(),
            NoForecastReason::Stopped => "it grew before, and has stopped".to_owned(),
            NoForecastReason::SeenBefore => "it grows, but was as high before and came back".to_owned(),
            NoForecastReason::Cycle(climb) => {
                format!(
                    "it grows as it did twice and more before it came back by itself, for {} each time",
                    span(*climb)
                )
            }
            NoForecastReason::TooEarly => {
                "it has grown for a few minutes, too slowly for a forecast yet".to_owned()
            }
        },
    }
}

/// The trend word, as in the original bash script.
pub(super) fn trend_word(conclusion: &Conclusion, bins: &Bins, limit: f64) -> String {
    match conclusion {
        Conclusion::Young(_) => "insufficient_data".to_owned(),
        Conclusion::AtTheLimit => predicted(0.0),
        Conclusion::Runaway(seconds) => predicted(*seconds),
        Conclusion::Trend(estimate) => predicted(estimate.seconds),
        Conclusion::NoForecast(_) => match recent(bins).map(|slope| slope * 3600.0 / limit) {
            Some(share) if share > MIN_HOURLY_GROWTH => "growing",
            Some(share) if share < -MIN_HOURLY_GROWTH => "shrinking",
            _ => "stable",
        }
        .to_owned(),
    }
}

/// Growth of the floor in bytes per hour.
pub(super) fn rate(conclusion: &Conclusion, bins: &Bins) -> Option<i64> {
    let slope = match conclusion {
        Conclusion::Trend(estimate) => Some(estimate.slope),
        _ => recent(bins),
    };
    slope.map(per_hour)
}

/// Whole bytes per hour, from bytes per second.
pub(super) fn per_hour(slope: f64) -> i64 {
    #[allow(clippy::cast_possible_truncation, reason = "saturates")]
    let bytes = (slope * 3600.0).round() as i64;
    bytes
}

/// The slope of the floor over the last 24 minutes, or less history.
fn recent(bins: &Bins) -> Option<f64> {
    FloorTrend::from_bins(bins, 2)
        .or_else(|| FloorTrend::from_bins(bins, 1))
        .map(|floor_trend| floor_trend.slope)
}
