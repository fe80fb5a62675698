//! Passes `tracing` events of other rooms to the reporter, so that none of them blocks on the journal.

use std::fmt::{Debug, Write};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use super::journal::{Report, Reporter};

/// Passes on events of level `INFO` and above.
pub(crate) struct Relay(pub(crate) Reporter);

impl<S: Subscriber> Layer<S> for Relay {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let level = *event.metadata().level();
        if level <= Level::INFO {
            let mut line = LogLine::default();
            event.record(&mut line);
            self.0.report(Report::Log(level, line.message + &line.rest));
        }
    }
}

#[derive(Default)]
struct LogLine {
    message: String,
    rest: String,
}

impl Visit for LogLine {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing to a string cannot fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.rest, "; {name}: {value:?}"),
        };
    }
}
