//! A forecast in words.

use super::bins::Bins;
use super::estimate::Silence;
use super::scale::Scale;
use super::{Said, bytes};
use crate::api::forecast::predicted;
use crate::model::Bytes;
use crate::model::time::span;

/// Growth below this share of the limit an hour is none to speak of.
const STABLE: f64 = 0.01;

/// What it rests on, or why there is none.
pub(super) fn sentence(said: &Said, limit: Bytes) -> String {
    match said {
        Said::Young(age) => format!("only {} of history", span(*age)),
        Said::AtTheLimit => format!("it is at {limit} or above"),
        Said::Runaway(_) => "a steep rise over the last 2 min, beyond all before it".to_owned(),
        Said::Trend(e) => {
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
        Said::Silent(silence) => match silence {
            Silence::Steady => "no lasting growth".to_owned(),
            Silence::LevellingOff => "it grew, and less and less: levelling off".to_owned(),
            Silence::Stopped => "it grew before, and has stopped".to_owned(),
            Silence::SeenBefore => "it grows, but was as high before and came back".to_owned(),
            Silence::Cycle(climb) => {
                format!(
                    "it grows as it did twice and more before it came back by itself, for {} each time",
                    span(*climb)
                )
            }
            Silence::TooEarly => "it grows since some minutes, too slowly to tell yet".to_owned(),
        },
    }
}

/// The bash original's word.
pub(super) fn word(said: &Said, bins: &Bins, limit: f64) -> String {
    match said {
        Said::Young(_) => "insufficient_data".to_owned(),
        Said::AtTheLimit => predicted(0.0),
        Said::Runaway(seconds) => predicted(*seconds),
        Said::Trend(estimate) => predicted(estimate.seconds),
        Said::Silent(_) => match recent(bins).map(|slope| slope * 3600.0 / limit) {
            Some(share) if share > STABLE => "growing",
            Some(share) if share < -STABLE => "shrinking",
            _ => "stable",
        }
        .to_owned(),
    }
}

/// Growth of the floor in bytes an hour.
pub(super) fn rate(said: &Said, bins: &Bins) -> Option<i64> {
    let slope = match said {
        Said::Trend(estimate) => Some(estimate.slope),
        _ => recent(bins),
    };
    slope.map(per_hour)
}

/// Whole bytes an hour, from bytes a second.
pub(super) fn per_hour(slope: f64) -> i64 {
    #[allow(clippy::cast_possible_truncation, reason = "saturates")]
    let bytes = (slope * 3600.0).round() as i64;
    bytes
}

/// The floor's slope over the last 24 minutes, or as much as there is.
fn recent(bins: &Bins) -> Option<f64> {
    Scale::of(bins, 2).or_else(|| Scale::of(bins, 1)).map(|scale| scale.slope)
}
