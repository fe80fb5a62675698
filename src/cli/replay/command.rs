//! Opens the trace, prints what comes of it.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, ErrorKind, Write};
use std::process::ExitCode;

use super::{Record, Replay, Terms, Trace, TraceError};
use crate::cli::args::Replay as Options;
use crate::cli::exit;
use crate::cli::terminal::shown;
use crate::config::{Config, EffectiveLines};
use crate::model::{Bytes, Lines};

/// Why it is not replayed to its end.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error(transparent)]
    Trace(#[from] TraceError),
    #[error("cannot write: {0}")]
    Write(#[from] io::Error),
    #[error("the warn line {warn} is not below the kill line {kill}; set --warn or --kill otherwise")]
    Lines { warn: Bytes, kill: Bytes },
}

/// Runs `claude-watchdog replay`.
pub(in crate::cli) fn run(options: &Options) -> ExitCode {
    match replay(options) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has seen enough.
        Err(Ended::Write(error)) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error @ Ended::Trace(TraceError::Line { .. } | TraceError::Empty { .. })) => {
            exit::fail(&shown(&error.to_string()), exit::DATA)
        }
        Err(error @ Ended::Lines { .. }) => exit::fail(&error, 2),
        Err(error) => exit::fail(&shown(&error.to_string()), 1),
    }
}

fn replay(options: &Options) -> Result<(), Ended> {
    let terms = terms(options)?;
    let path = options.file.clone();
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

fn print(out: &mut impl Write, record: &Record) -> io::Result<()> {
    serde_json::to_writer(&mut *out, record)?;
    out.write_all(b"\n")
}

/// The built-in lines in a guest that is large enough for them, but for what was said. The limit is what is foretold: the
/// kill line, unless another one was said.
fn terms(options: &Options) -> Result<Terms, Ended> {
    let built_in = EffectiveLines::of(&Config::default(), Bytes::gib(1 << 20)).lines;
    let kill = options.kill.or(options.limit).unwrap_or(built_in.kill);
    let warn = options.warn.unwrap_or_else(|| {
        // In the proportion of the built-in ones, where another kill line was said.
        if kill == built_in.kill { built_in.warn } else { kill.share(55, 85) }
    });
    if warn >= kill {
        return Err(Ended::Lines { warn, kill });
    }
    Ok(Terms { limit: options.limit.unwrap_or(kill), lines: Lines { warn, kill } })
}
