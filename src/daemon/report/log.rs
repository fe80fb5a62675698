//! What the other rooms say through `tracing`, handed to the reporter: none of them may wait for the journal.

use std::fmt::{Debug, Write};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use super::journal::{Report, Reporter};

/// Passes on everything from `INFO` upwards.
pub(crate) struct Relay(pub(crate) Reporter);

impl<S: Subscriber> Layer<S> for Relay {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let level = *event.metadata().level();
        if level <= Level::INFO {
            let mut sentence = Sentence::default();
            event.record(&mut sentence);
            self.0.tell(Report::Log(level, sentence.message + &sentence.rest));
        }
    }
}

#[derive(Default)]
struct Sentence {
    message: String,
    rest: String,
}

impl Visit for Sentence {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing to a string does not fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.rest, "; {name}: {value:?}"),
        };
    }
}
