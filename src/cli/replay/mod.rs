//! `claude-watchdog replay`: a recorded trace, or the recorded history, through the policy and the forecaster of the daemon.

mod engine;
mod trace;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;

use super::args::ReplayOptions;
use super::error::CommandError;
use super::health::forecast_text;
use super::health::trend::left_out_note;
use super::terminal::{Clock, escape_for_terminal};
use crate::api::forecast::Forecast;
use crate::api::history::{SeriesInfo, SeriesKind};
use crate::config::{Config, EffectiveThresholds};
use crate::ipc::{Client, paths};
use crate::model::forecast::{Ceiling, ForecastLevel};
use crate::model::{Bytes, Thresholds};
use engine::time_of;

pub use engine::{GivenThresholds, Replay, ReplayRecord, ReplaySettings, samples_of, settings};
pub use trace::{Sample, Trace, TraceError};

/// Runs `claude-watchdog replay`.
pub(super) fn run(options: &ReplayOptions, socket: Option<&Path>) -> Result<ExitCode, CommandError> {
    match &options.file {
        Some(file) => replay_file(options, file)?,
        None => replay_history(options, socket)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn replay_file(options: &ReplayOptions, path: &Path) -> Result<(), CommandError> {
    let settings = file_settings(options)?;
    let path = PathBuf::from(path);
    let file =
        File::open(&path).map_err(|source| trace_error(&TraceError::Read { path: path.clone(), source }))?;
    let mut trace = Trace::new(path, BufReader::new(file));
    let mut replay = Replay::new(settings);
    let mut out = BufWriter::new(io::stdout().lock());
    let mut result = Ok(());
    while let Some(sample) = trace.next_sample().map_err(|error| trace_error(&error))? {
        replay.add(sample, |record| {
            if result.is_ok() && (options.samples || matches!(record, ReplayRecord::Action { .. })) {
                result = print(&mut out, &record);
            }
        });
        std::mem::replace(&mut result, Ok(()))?;
    }
    out.flush()?;
    Ok(())
}

fn trace_error(error: &TraceError) -> CommandError {
    match error {
        TraceError::Read { .. } => CommandError::Failed(error.to_string()),
        TraceError::Line { .. } | TraceError::Empty { .. } => CommandError::InvalidData(error.to_string()),
    }
}

fn print(out: &mut impl Write, record: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, record)?;
    out.write_all(b"\n")
}

/// The built-in thresholds of a machine that is large enough for them, unless given. The limit is the ceiling of the
/// forecast: the kill threshold, unless given.
fn file_settings(options: &ReplayOptions) -> Result<ReplaySettings, CommandError> {
    let built_in = EffectiveThresholds::resolve(&Config::default(), Bytes::gib(1 << 20)).thresholds;
    let thresholds = given(options).thresholds(built_in);
    let limit = options.limit.unwrap_or(thresholds.kill);
    checked(ReplaySettings { ceiling: Ceiling::KillThreshold, limit, thresholds })
}

fn given(options: &ReplayOptions) -> GivenThresholds {
    GivenThresholds { limit: options.limit, warn: options.warn, kill: options.kill }
}

fn checked(settings: ReplaySettings) -> Result<ReplaySettings, CommandError> {
    let Thresholds { warn, kill } = settings.thresholds;
    if warn < kill {
        return Ok(settings);
    }
    Err(CommandError::InvalidArguments(format!(
        "the warn threshold {warn} is not below the kill threshold {kill}; change --warn or --kill"
    )))
}

/// Replays the history that the daemon has recorded, series by series.
fn replay_history(options: &ReplayOptions, socket: Option<&Path>) -> Result<(), CommandError> {
    let mut client = Client::connect(&paths::candidates(socket))?;
    let (status, history) = (client.status()?, client.history(options.since)?);
    let clock = Clock::here().at(history.now);
    let mut out = BufWriter::new(io::stdout().lock());
    if history.series.is_empty() && !options.json {
        out.write_all(b"no history recorded yet\n")?;
    }
    for series in history.series.iter().filter(|series| series.kind != SeriesKind::Part) {
        let settings = checked(engine::settings(series, &status, given(options)))?;
        let records = replay(series, settings, options.json && options.samples);
        if options.json {
            records.iter().try_for_each(|record| print(&mut out, record))?;
        } else {
            out.write_all(render(series, &records, &clock).as_bytes())?;
        }
    }
    out.flush()?;
    if let Some(note) = left_out_note(&history) {
        eprintln!("claude-watchdog: {note}");
    }
    Ok(())
}

/// One line of JSON output.
#[derive(Debug, Serialize)]
pub struct SeriesRecord<'a> {
    series: &'a str,
    #[serde(flatten)]
    record: ReplayRecord,
}

/// Replays a series. Returns actions and the starts of alarms in order of time; with `samples` every forecast.
#[must_use]
pub fn replay(series: &SeriesInfo, settings: ReplaySettings, samples: bool) -> Vec<SeriesRecord<'_>> {
    let mut replay = Replay::new(settings);
    let mut level = ForecastLevel::None;
    let mut records = Vec::new();
    for sample in samples_of(&series.points) {
        replay.add(sample, |record| {
            let is_wanted = match &record {
                // The machine has no thresholds.
                ReplayRecord::Action { .. } => series.kind != SeriesKind::Guest,
                ReplayRecord::Forecast { forecast, .. } => {
                    let before = std::mem::replace(&mut level, forecast.level);
                    samples || (level >= ForecastLevel::Warn && level > before)
                }
            };
            if is_wanted {
                records.push(SeriesRecord { series: &series.id, record });
            }
        });
    }
    records
}

/// The records as text, or a line that there are none.
#[must_use]
pub fn render(series: &SeriesInfo, records: &[SeriesRecord<'_>], clock: &Clock) -> String {
    let name = match series.kind {
        SeriesKind::Guest => "machine".to_owned(),
        _ => escape_for_terminal(&series.id),
    };
    if records.is_empty() {
        return format!("{name}: no action\n");
    }
    records.iter().map(|record| line(&name, &record.record, clock)).collect()
}

fn line(name: &str, record: &ReplayRecord, clock: &Clock) -> String {
    let (seconds, text) = match record {
        ReplayRecord::Action { seconds, action, bytes } => {
            let text = match *action {
                "warn" => format!("{name} would have been reported at {bytes}: over its warn threshold"),
                "recovered" => {
                    format!("{name} would have been reported at {bytes}: back below its warn threshold")
                }
                _ => format!("{name} would have been killed at {bytes}"),
            };
            (*seconds, text)
        }
        ReplayRecord::Forecast { seconds, bytes, forecast } => {
            // Times are relative to the sample.
            let clock = clock.clone().at(time_of(*seconds));
            (
                *seconds,
                format!("{name} at {bytes} would have been predicted {}", prediction(forecast, &clock)),
            )
        }
    };
    format!("{} {text}\n", clock.in_list(time_of(seconds)))
}

fn prediction(forecast: &Forecast, clock: &Clock) -> String {
    let ceiling = forecast_text::ceiling(forecast);
    let when =
        forecast.eta_seconds.map_or_else(String::new, |eta| format!(" {}", forecast_text::when(eta, clock)));
    match forecast.level {
        ForecastLevel::Runaway => format!("to grow fast to {ceiling}{when}"),
        _ => format!("to reach {ceiling}{when}"),
    }
}
