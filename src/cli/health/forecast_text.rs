//! A forecast as text: which ceiling is reached, when, and the interval of that time.

use crate::api::forecast::Forecast;
use crate::api::status::StatusInfo;
use crate::cli::terminal::{Clock, Paint, escape_for_terminal, truncate_start};
use crate::model::Bytes;
use crate::model::forecast::{Ceiling, ForecastLevel};
use crate::model::time::UnixSeconds;

const DAY_SECONDS: f64 = 24.0 * 3600.0;

/// The forecaster estimates no more than a year.
const YEAR_SECONDS: f64 = 365.0 * DAY_SECONDS;

/// Maximum columns of a name in a line with other text.
const MAX_NAME_WIDTH: usize = 16;

/// Seconds until the ceiling is reached: the estimate and its interval.
struct EstimatedTimes {
    at: f64,
    low: f64,
    high: f64,
}

impl EstimatedTimes {
    /// `None` unless all three are numbers.
    fn from_forecast(forecast: &Forecast) -> Option<Self> {
        let number =
            |seconds: Option<f64>| seconds.filter(|s| s.is_finite()).map(|s| s.clamp(0.0, YEAR_SECONDS));
        let (low, high) = (number(forecast.eta_low_seconds)?, number(forecast.eta_high_seconds)?);
        Some(Self { at: number(forecast.eta_seconds)?, low, high })
    }
}

/// `reaches the kill threshold of 13G at 15:40, between 15:10 and 16:30`; `None` without an estimated time.
pub(super) fn sentence(forecast: &Forecast, clock: &Clock) -> Option<String> {
    let EstimatedTimes { at, low, high } = EstimatedTimes::from_forecast(forecast)?;
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

/// `the kill threshold of 13G at 15:40 (15:10 to 16:30)`, or why there is no time; `None` for the level none.
pub(super) fn short_sentence(forecast: &Forecast, clock: &Clock) -> Option<String> {
    if forecast.level == ForecastLevel::None {
        return None;
    }
    let Some(EstimatedTimes { at, low, high }) = EstimatedTimes::from_forecast(forecast) else {
        return Some(format!("no estimated time: {}", forecast.reason));
    };
    let ceiling = ceiling(forecast);
    if high <= 0.0 {
        return Some(format!("{ceiling}, now"));
    }
    let bound = |seconds| days(seconds).unwrap_or_else(|| time(seconds, clock));
    Some(format!("{ceiling} {} ({} to {})", when(at, clock), bound(low), bound(high)))
}

/// `+120M per hour`.
pub(in crate::cli) fn per_hour(rate: i64) -> String {
    let sign = match rate {
        0 => "",
        rate if rate > 0 => "+",
        _ => "-",
    };
    format!("{sign}{} per hour", Bytes::new(rate.unsigned_abs()))
}

/// `claude-1234: kill threshold at 15:40`: the earliest of all pressing forecasts.
pub(super) fn nearest(status: &StatusInfo, clock: &Clock) -> Option<String> {
    let agents = status.agents.iter().map(|agent| (agent.id.as_str(), agent.forecast.as_ref()));
    let all = std::iter::once(("machine", status.guest.forecast.as_ref())).chain(agents);
    let pressing = all.filter_map(|(name, forecast)| Some((name, forecast?)));
    let pressing = pressing.filter(|(_, forecast)| forecast.is_pressing());
    let time_left =
        |forecast: &Forecast| EstimatedTimes::from_forecast(forecast).map_or(f64::INFINITY, |times| times.at);
    let (name, first) =
        pressing.min_by(|(_, one), (_, other)| time_left(one).total_cmp(&time_left(other)))?;
    let name = truncate_start(&escape_for_terminal(name), MAX_NAME_WIDTH);
    Some(match EstimatedTimes::from_forecast(first) {
        Some(times) => format!("{name}: {} {}", ceiling_name(first.ceiling), when(times.at, clock)),
        None => format!("{name}: forecast {}", level_word(first.level)),
    })
}

/// The level as in JSON.
pub(super) fn level_word(level: ForecastLevel) -> &'static str {
    match level {
        ForecastLevel::None => "none",
        ForecastLevel::Watch => "watch",
        ForecastLevel::Warn => "warn",
        ForecastLevel::Runaway => "runaway",
    }
}

/// The colour of the level.
pub(super) fn level_paint(level: ForecastLevel) -> Paint {
    match level {
        ForecastLevel::None => Paint::Good,
        ForecastLevel::Watch | ForecastLevel::Warn => Paint::Warning,
        ForecastLevel::Runaway => Paint::Alarm,
    }
}

/// The name of the ceiling.
pub(super) fn ceiling_name(ceiling: Ceiling) -> &'static str {
    match ceiling {
        Ceiling::KillThreshold => "kill threshold",
        Ceiling::Cgroup => "cgroup",
        Ceiling::Guest => "machine",
        Ceiling::Heap => "heap",
    }
}

/// The ceiling within a sentence.
pub(in crate::cli) fn ceiling(forecast: &Forecast) -> String {
    let bytes = forecast.ceiling_bytes;
    match forecast.ceiling {
        Ceiling::KillThreshold => format!("the kill threshold of {bytes}"),
        Ceiling::Cgroup => format!("its cgroup limit of {bytes}"),
        Ceiling::Guest => format!("the machine's {bytes}"),
        Ceiling::Heap => format!("its heap limit of {bytes}"),
    }
}

/// `at 15:40`, `in 3 days`.
pub(in crate::cli) fn when(seconds: f64, clock: &Clock) -> String {
    days(seconds).map_or_else(|| format!("at {}", time(seconds, clock)), |days| format!("in {days}"))
}

fn time(seconds: f64, clock: &Clock) -> String {
    #[allow(clippy::cast_possible_truncation, reason = "at most a year")]
    let seconds = seconds.clamp(0.0, YEAR_SECONDS).round() as i64;
    clock.in_sentence(UnixSeconds(clock.now().0.saturating_add(seconds)))
}

/// Days, for a time more than a day away.
fn days(seconds: f64) -> Option<String> {
    let days = seconds / DAY_SECONDS;
    match (days * 10.0).round() / 10.0 {
        days if days <= 1.0 => None,
        days if days >= 10.0 || days.fract() == 0.0 => Some(format!("{days:.0} days")),
        days => Some(format!("{days:.1} days")),
    }
}
