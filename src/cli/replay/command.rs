//! Opens the trace or asks for the record, prints what comes of it.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;

use super::{Record, Replay, Said, Terms, Trace, TraceError, render, replay as story};
use crate::api::history::SeriesKind;
use crate::cli::args::Replay as Options;
use crate::cli::exit;
use crate::cli::health::trend::left_out;
use crate::cli::terminal::{Clock, escape_for_terminal};
use crate::config::{Config, EffectiveThresholds};
use crate::ipc::{Client, ClientError, paths};
use crate::model::forecast::Ceiling;
use crate::model::{Bytes, Thresholds};

/// Why it is not replayed to its end.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error(transparent)]
    Trace(#[from] TraceError),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("cannot write: {0}")]
    Write(#[from] io::Error),
    #[error(
        "the warn threshold {warn} is not below the kill threshold {kill}; set --warn or --kill otherwise"
    )]
    Thresholds { warn: Bytes, kill: Bytes },
}

/// Runs `claude-watchdog replay`.
pub(in crate::cli) fn run(options: &Options, socket: Option<&Path>) -> ExitCode {
    let ended = match &options.file {
        Some(file) => replay_file(options, file),
        None => replay_history(options, socket),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has seen enough.
        Err(Ended::Write(error)) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error @ Ended::Trace(TraceError::Line { .. } | TraceError::Empty { .. })) => {
            exit::fail(&escape_for_terminal(&error.to_string()), exit::DATA)
        }
        Err(error @ Ended::Client(ClientError::Absent { .. })) => exit::fail(&error, exit::ABSENT),
        Err(error @ Ended::Thresholds { .. }) => exit::fail(&error, 2),
        Err(error) => exit::fail(&escape_for_terminal(&error.to_string()), 1),
    }
}

fn replay_file(options: &Options, path: &Path) -> Result<(), Ended> {
    let terms = terms(options)?;
    let path = PathBuf::from(path);
    let file = File::open(&path).map_err(|source| TraceError::Read { path: path.clone(), source })?;
    let mut trace = Trace::new(path, BufReader::new(file));
    let mut replay = Replay::new(terms);
    let mut out = BufWriter::new(io::stdout().lock());
    let mut result = Ok(());
    while let Some(sample) = trace.next_sample()? {
        replay.take(sample, |record| {
            if result.is_ok() && (options.samples || matches!(record, Record::Action { .. })) {
                result = print(&mut out, &record);
            }
        });
        std::mem::replace(&mut result, Ok(()))?;
    }
    out.flush()?;
    Ok(())
}

fn print(out: &mut impl Write, record: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, record)?;
    out.write_all(b"\n")
}

/// The built-in thresholds in a guest that is large enough for them, but for what was said. The limit is what is foretold: the
/// kill threshold, unless another one was said.
fn terms(options: &Options) -> Result<Terms, Ended> {
    let built_in = EffectiveThresholds::resolve(&Config::default(), Bytes::gib(1 << 20)).thresholds;
    let thresholds = said(options).thresholds(built_in);
    let limit = options.limit.unwrap_or(thresholds.kill);
    checked(Terms { ceiling: Ceiling::KillThreshold, limit, thresholds })
}

fn said(options: &Options) -> Said {
    Said { limit: options.limit, warn: options.warn, kill: options.kill }
}

fn checked(terms: Terms) -> Result<Terms, Ended> {
    let Thresholds { warn, kill } = terms.thresholds;
    if warn < kill { Ok(terms) } else { Err(Ended::Thresholds { warn, kill }) }
}

/// What the supervisor has recorded, series by series.
fn replay_history(options: &Options, socket: Option<&Path>) -> Result<(), Ended> {
    let mut client = Client::connect(&paths::candidates(socket))?;
    let (status, history) = (client.status()?, client.history(options.since)?);
    let clock = Clock::here().at(history.now);
    let mut out = BufWriter::new(io::stdout().lock());
    if history.series.is_empty() && !options.json {
        out.write_all(b"nothing has been recorded yet\n")?;
    }
    for series in history.series.iter().filter(|series| series.kind != SeriesKind::Part) {
        let terms = checked(super::terms(series, &status, said(options)))?;
        let told = story(series, terms, options.json && options.samples);
        if options.json {
            told.iter().try_for_each(|told| print(&mut out, told))?;
        } else {
            out.write_all(render(series, &told, &clock).as_bytes())?;
        }
    }
    out.flush()?;
    if let Some(sentence) = left_out(&history) {
        eprintln!("claude-watchdog: {sentence}");
    }
    Ok(())
}
