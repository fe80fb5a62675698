//! Tells the journal or the terminal, on a thread of its own: a journal that is stuck must not hold up a tick.

use std::io::{self, IsTerminal, Write};
use std::os::linux::fs::MetadataExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::{env, thread};

use tracing::{Level, Subscriber};
use tracing_subscriber::fmt::format::debug_fn;
use tracing_subscriber::layer::SubscriberExt;

use super::messages::Message;
use crate::model::Event;

/// Reports that may wait. A full queue means that the journal has been stuck for seconds; what comes then is counted
/// instead of kept, so memory stays bounded.
const QUEUE: usize = 512;

/// Something to tell.
#[derive(Debug)]
pub(crate) enum Report {
    /// Of an agent.
    Event(Box<Event>),
    /// Of ourselves.
    Log(Level, String),
    /// What is to stand on the last line of a terminal.
    Screen(String),
    /// Nothing more will come.
    Close,
}

/// The near end of the reporter.
#[derive(Clone, Debug)]
pub(crate) struct Reporter {
    queue: SyncSender<Report>,
    dropped: Arc<AtomicU64>,
    has_screen: bool,
}

impl Reporter {
    /// Starts the thread. When it is closed and everything is told, the receiver disconnects.
    pub(crate) fn start() -> io::Result<(Self, Receiver<()>)> {
        let (queue, reports) = sync_channel(QUEUE);
        let dropped = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&dropped);
        let (done, told) = sync_channel(0);
        thread::Builder::new().name("reporter".to_owned()).spawn(move || {
            tracing::subscriber::with_default(subscriber(), || tell_all(&reports, &counted));
            drop(done);
        })?;
        Ok((Self { queue, dropped, has_screen: io::stderr().is_terminal() }, told))
    }

    /// Hands over something to tell; never waits.
    pub(crate) fn tell(&self, report: Report) {
        if self.queue.try_send(report).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether there is a terminal to show something on.
    pub(crate) fn has_screen(&self) -> bool {
        self.has_screen
    }

    /// Replaces the last line of the terminal, where there is one.
    pub(crate) fn show(&self, line: String) {
        if self.has_screen {
            self.tell(Report::Screen(line));
        }
    }

    /// Lets the thread end. Gives a journal that is stuck no more time than the queue has room.
    pub(crate) fn close(&self) -> bool {
        self.queue.try_send(Report::Close).is_ok()
    }
}

fn tell_all(reports: &Receiver<Report>, dropped: &AtomicU64) {
    let mut screen = Screen::new();
    for report in reports {
        match report {
            Report::Close => break,
            Report::Screen(line) => screen.show(&line),
            Report::Event(event) => screen.beside(|| tell_event(&event)),
            Report::Log(level, text) => screen.beside(|| tell_log(level, &text)),
        }
        let lost = dropped.swap(0, Ordering::Relaxed);
        if lost > 0 {
            screen.beside(|| {
                tracing::error!("{lost} messages were dropped while the journal did not take them");
            });
        }
    }
    screen.clear();
}

/// A tracing event has one level where it stands, so there is one for each level.
macro_rules! tell_at {
    ($macro:ident, $event:expr, $message:expr) => {
        tracing::$macro!(
            message_id = $message.id,
            action = $message.action,
            agent_id = $event.agent.as_ref().map(|agent| agent.id.as_str()),
            agent_rule = $event.agent.as_ref().map(|agent| agent.rule.as_str()),
            agent_pid = $event.agent.as_ref().map(|agent| agent.root.pid.get()),
            agent_uid = $event.agent.as_ref().map(|agent| agent.uid.get()),
            charge_bytes = $event.charge.get(),
            threshold_bytes = $message.threshold,
            culprit_pid = $message.culprit_pid,
            culprit_charge_bytes = $message.culprit_charge,
            signal = $message.signal,
            cause = $message.cause,
            by_uid = $message.by,
            left_bytes = $message.left,
            reserve_bytes = $message.reserve,
            eta_seconds = $message.eta.map(|[_, eta, _]| eta),
            eta_low_seconds = $message.eta.map(|[low, ..]| low),
            eta_high_seconds = $message.eta.map(|[.., high]| high),
            dry_run = $message.dry_run.map(u8::from),
            action_id = $message.action_id,
            "{}",
            $message.text
        )
    };
}

fn tell_event(event: &Event) {
    let message = Message::of(event);
    match message.level {
        Level::ERROR => tell_at!(error, event, message),
        Level::WARN => tell_at!(warn, event, message),
        _ => tell_at!(info, event, message),
    }
}

fn tell_log(level: Level, text: &str) {
    match level {
        Level::ERROR => tracing::error!("{text}"),
        Level::WARN => tracing::warn!("{text}"),
        _ => tracing::info!("{text}"),
    }
}

/// To the journal with all fields where our standard error is the journal's, else the sentence to standard error.
fn subscriber() -> Box<dyn Subscriber + Send + Sync> {
    if is_journal()
        && let Ok(journal) = tracing_journald::layer()
    {
        let journal = journal.with_field_prefix(None).with_syslog_identifier("claude-watchdog".to_owned());
        return Box::new(tracing_subscriber::registry().with(journal));
    }
    let sentence = debug_fn(
        |writer, field, value| {
            if field.name() == "message" { write!(writer, "{value:?}") } else { Ok(()) }
        },
    );
    let plain = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_target(false)
        .with_ansi(false)
        .without_time()
        .fmt_fields(sentence);
    Box::new(tracing_subscriber::registry().with(plain))
}

/// Whether standard error goes to the journal (`JOURNAL_STREAM`, `systemd.exec(5)`).
fn is_journal() -> bool {
    let Ok(stream) = env::var("JOURNAL_STREAM") else { return false };
    let Ok(file) = std::fs::metadata("/proc/self/fd/2") else { return false };
    stream == format!("{}:{}", file.st_dev(), file.st_ino())
}

/// The last line of a terminal, redrawn in place. Elsewhere it does nothing.
struct Screen {
    on: bool,
    line: String,
}

impl Screen {
    fn new() -> Self {
        Self { on: io::stderr().is_terminal(), line: String::new() }
    }

    fn show(&mut self, line: &str) {
        if self.on && self.line != line {
            line.clone_into(&mut self.line);
            self.draw(line);
        }
    }

    /// Lets something be written above the line.
    fn beside(&self, write: impl FnOnce()) {
        self.clear();
        write();
        self.draw(&self.line);
    }

    fn clear(&self) {
        self.draw("");
    }

    fn draw(&self, line: &str) {
        if self.on {
            // A terminal that is gone is no reason to stop supervising.
            let shown: String = line.chars().take(Self::width()).collect();
            let _ = write!(io::stderr(), "\r\x1b[K{shown}");
        }
    }

    /// A line that wraps could not be drawn over.
    fn width() -> usize {
        let columns = rustix::termios::tcgetwinsize(io::stderr()).map_or(0, |size| size.ws_col);
        usize::from(if columns == 0 { 80 } else { columns }).saturating_sub(1)
    }
}
