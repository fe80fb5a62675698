//! What would have been done with a recorded series, and told of it.

use serde::Serialize;

use super::{Record, Replay, Terms, recorded};
use crate::api::forecast::Forecast;
use crate::api::history::{SeriesInfo, SeriesKind};
use crate::cli::health::foretold;
use crate::cli::terminal::{Clock, escape_for_terminal};
use crate::model::forecast::ForecastLevel;

/// One line of the output for programs.
#[derive(Debug, Serialize)]
pub struct Told<'a> {
    series: &'a str,
    #[serde(flatten)]
    record: Record,
}

/// Replays a series. What comes of it in order of time: actions, and where an alarm began; with `samples` every forecast.
#[must_use]
pub fn replay(series: &SeriesInfo, terms: Terms, samples: bool) -> Vec<Told<'_>> {
    let mut replay = Replay::new(terms);
    let mut level = ForecastLevel::None;
    let mut told = Vec::new();
    for sample in recorded::samples(&series.points) {
        replay.take(sample, |record| {
            let is_wanted = match &record {
                // Nobody acts upon the guest by a line.
                Record::Action { .. } => series.kind != SeriesKind::Guest,
                Record::Forecast { forecast, .. } => {
                    let before = std::mem::replace(&mut level, forecast.level);
                    samples || (level >= ForecastLevel::Warn && level > before)
                }
            };
            if is_wanted {
                told.push(Told { series: &series.id, record });
            }
        });
    }
    told
}

/// The thresholds for people; one that says so where there is nothing.
#[must_use]
pub fn render(series: &SeriesInfo, told: &[Told<'_>], clock: &Clock) -> String {
    let name = escape_for_terminal(&series.id);
    if told.is_empty() {
        return format!("{name}: nothing\n");
    }
    told.iter().map(|told| line(&name, &told.record, clock)).collect()
}

fn line(name: &str, record: &Record, clock: &Clock) -> String {
    let (seconds, what) = match record {
        Record::Action { seconds, action, bytes } => {
            let what = match *action {
                "warn" => format!("{name} would have been warned of at {bytes}"),
                "recovered" => format!("the warning of {name} would have been taken back at {bytes}"),
                _ => format!("{name} would have been acted upon at {bytes}"),
            };
            (*seconds, what)
        }
        Record::Forecast { seconds, bytes, forecast } => {
            // From then on, not from now.
            let clock = clock.clone().at(recorded::time(*seconds));
            (*seconds, format!("{name} at {bytes} would have been foretold {}", alarm(forecast, &clock)))
        }
    };
    format!("{} {what}\n", clock.stamp(recorded::time(seconds)))
}

fn alarm(forecast: &Forecast, clock: &Clock) -> String {
    let ceiling = foretold::ceiling(forecast);
    let when =
        forecast.eta_seconds.map_or_else(String::new, |eta| format!(" {}", foretold::when(eta, clock)));
    match forecast.level {
        ForecastLevel::Runaway => format!("to run away to {ceiling}{when}"),
        _ => format!("to reach {ceiling}{when}"),
    }
}
