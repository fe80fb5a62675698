//! A forecast in words: what is reached, when, and between which times.

use crate::api::forecast::Forecast;
use crate::api::status::StatusInfo;
use crate::cli::terminal::{Clock, Paint, escape_for_terminal, truncate_start};
use crate::model::Bytes;
use crate::model::forecast::{Ceiling, ForecastLevel};
use crate::model::time::UnixSeconds;

const DAY: f64 = 24.0 * 3600.0;

/// The forecaster says no more than a year.
const YEAR: f64 = 365.0 * DAY;

/// A name wider than this is cut where a line has to hold more than it.
const LONGEST_NAME: usize = 16;

/// Seconds until then: the estimate and its interval, where all three are numbers.
struct Times {
    at: f64,
    low: f64,
    high: f64,
}

impl Times {
    fn of(forecast: &Forecast) -> Option<Self> {
        let number = |seconds: Option<f64>| seconds.filter(|s| s.is_finite()).map(|s| s.clamp(0.0, YEAR));
        let (low, high) = (number(forecast.eta_low_seconds)?, number(forecast.eta_high_seconds)?);
        Some(Self { at: number(forecast.eta_seconds)?, low, high })
    }
}

/// `reaches the kill threshold of 13G at 15:40, between 15:10 and 16:30`; `None` where no time can be given.
pub(super) fn sentence(forecast: &Forecast, clock: &Clock) -> Option<String> {
    let Times { at, low, high } = Times::of(forecast)?;
    let ceiling = ceiling(forecast);
    if high <= 0.0 {
        return Some(format!("is at {ceiling}"));
    }
    let between = match (days(low), days(high)) {
        (Some(low), Some(high)) => {
            format!("between {} and {high} from now", low.trim_end_matches(" days"))
        }
        (None, Some(high)) => format!("between {} and {high} from now", time(low, clock)),
        _ => format!("between {} and {}", time(low, clock), time(high, clock)),
    };
    Some(format!("reaches {ceiling} {}, {between}", when(at, clock)))
}

/// `the kill threshold of 13G at 15:40 (15:10 to 16:30)` where that is worth an eye; without a time, why not.
pub(super) fn aside(forecast: &Forecast, clock: &Clock) -> Option<String> {
    if forecast.level == ForecastLevel::None {
        return None;
    }
    let Some(Times { at, low, high }) = Times::of(forecast) else {
        return Some(format!("no time can be given: {}", forecast.reason));
    };
    let ceiling = ceiling(forecast);
    if high <= 0.0 {
        return Some(format!("{ceiling}, now"));
    }
    let bound = |seconds| days(seconds).unwrap_or_else(|| time(seconds, clock));
    Some(format!("{ceiling} {} ({} to {})", when(at, clock), bound(low), bound(high)))
}

/// `+120M an hour`.
pub(in crate::cli) fn per_hour(rate: i64) -> String {
    let sign = match rate {
        0 => "",
        rate if rate > 0 => "+",
        _ => "-",
    };
    format!("{sign}{} an hour", Bytes::new(rate.unsigned_abs()))
}

/// `claude-1234: kill threshold at 15:40`: what comes first of all that there is to be warned of.
pub(super) fn nearest(status: &StatusInfo, clock: &Clock) -> Option<String> {
    let agents = status.agents.iter().map(|agent| (agent.id.as_str(), agent.forecast.as_ref()));
    let all = std::iter::once(("guest", status.guest.forecast.as_ref())).chain(agents);
    let pressing = all.filter_map(|(name, forecast)| Some((name, forecast?)));
    let pressing = pressing.filter(|(_, forecast)| forecast.is_pressing());
    let time_left = |forecast: &Forecast| Times::of(forecast).map_or(f64::INFINITY, |times| times.at);
    let (name, first) =
        pressing.min_by(|(_, one), (_, other)| time_left(one).total_cmp(&time_left(other)))?;
    let name = truncate_start(&escape_for_terminal(name), LONGEST_NAME);
    Some(match Times::of(first) {
        Some(times) => format!("{name}: {} {}", short(first.ceiling), when(times.at, clock)),
        None => format!("{name}: forecast {}", word(first.level)),
    })
}

/// The level's word, as it stands in JSON.
pub(super) fn word(level: ForecastLevel) -> &'static str {
    match level {
        ForecastLevel::None => "none",
        ForecastLevel::Watch => "watch",
        ForecastLevel::Warn => "warn",
        ForecastLevel::Runaway => "runaway",
    }
}

/// The level's colour.
pub(super) fn paint(level: ForecastLevel) -> Paint {
    match level {
        ForecastLevel::None => Paint::Good,
        ForecastLevel::Watch | ForecastLevel::Warn => Paint::Warning,
        ForecastLevel::Runaway => Paint::Alarm,
    }
}

/// The ceiling's name, where there is room for a name only.
pub(super) fn short(ceiling: Ceiling) -> &'static str {
    match ceiling {
        Ceiling::KillThreshold => "kill threshold",
        Ceiling::Cgroup => "cgroup",
        Ceiling::Guest => "guest",
        Ceiling::Heap => "heap",
    }
}

/// The ceiling within a sentence.
pub(in crate::cli) fn ceiling(forecast: &Forecast) -> String {
    let bytes = forecast.ceiling_bytes;
    match forecast.ceiling {
        Ceiling::KillThreshold => format!("the kill threshold of {bytes}"),
        Ceiling::Cgroup => format!("its cgroup's limit of {bytes}"),
        Ceiling::Guest => format!("the guest's {bytes}"),
        Ceiling::Heap => format!("its heap's limit of {bytes}"),
    }
}

/// `at 15:40`, `in 3 days`.
pub(in crate::cli) fn when(seconds: f64, clock: &Clock) -> String {
    days(seconds).map_or_else(|| format!("at {}", time(seconds, clock)), |days| format!("in {days}"))
}

fn time(seconds: f64, clock: &Clock) -> String {
    #[allow(clippy::cast_possible_truncation, reason = "a year at the most")]
    let seconds = seconds.clamp(0.0, YEAR).round() as i64;
    clock.told(UnixSeconds(clock.now().0.saturating_add(seconds)))
}

/// What is further away than a day is in days: nobody plans by the minute then.
fn days(seconds: f64) -> Option<String> {
    let days = seconds / DAY;
    match (days * 10.0).round() / 10.0 {
        days if days <= 1.0 => None,
        days if days >= 10.0 || days.fract() == 0.0 => Some(format!("{days:.0} days")),
        days => Some(format!("{days:.1} days")),
    }
}
