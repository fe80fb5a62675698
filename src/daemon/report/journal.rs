//! Writes to the journal or the terminal, on a thread of its own: a blocked journal must not delay a tick.

use std::io::{self, IsTerminal, Write};
use std::os::linux::fs::MetadataExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::{env, thread};

use tracing::{Level, Subscriber};
use tracing_subscriber::fmt::format::debug_fn;
use tracing_subscriber::layer::SubscriberExt;

use crate::api::event_log::{EventInfo, EventLevel};
use crate::model::{Bytes, Pid, Uid};

/// Reports that may wait. A full queue means that the journal has been blocked for seconds; further reports are dropped and
/// counted, so memory stays bounded.
const QUEUE_CAPACITY: usize = 512;

/// Something to write.
#[derive(Debug)]
pub(crate) enum Report {
    /// An event.
    Event(Box<EventInfo>),
    /// A line about the daemon itself.
    Log(Level, String),
    /// The last line of the terminal.
    Screen(String),
    /// No further report will come.
    Close,
}

/// Sends reports to the thread.
#[derive(Clone, Debug)]
pub(crate) struct Reporter {
    queue: SyncSender<Report>,
    dropped: Arc<AtomicU64>,
    has_screen: bool,
}

impl Reporter {
    /// Starts the thread. The receiver disconnects when the reporter was closed and everything is written.
    pub(crate) fn start() -> io::Result<(Self, Receiver<()>)> {
        let (queue, reports) = sync_channel(QUEUE_CAPACITY);
        let dropped = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&dropped);
        let (done, finished) = sync_channel(0);
        thread::Builder::new().name("reporter".to_owned()).spawn(move || {
            tracing::subscriber::with_default(subscriber(), || write_all(&reports, &counted));
            drop(done);
        })?;
        Ok((Self { queue, dropped, has_screen: io::stderr().is_terminal() }, finished))
    }

    /// Queues a report; never blocks.
    pub(crate) fn report(&self, report: Report) {
        if self.queue.try_send(report).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether standard error is a terminal.
    pub(crate) fn has_screen(&self) -> bool {
        self.has_screen
    }

    /// Replaces the last line of the terminal, if there is one.
    pub(crate) fn show(&self, line: String) {
        if self.has_screen {
            self.report(Report::Screen(line));
        }
    }

    /// Stops the thread. Returns whether the queue had room for that; with a blocked journal it may not.
    pub(crate) fn close(&self) -> bool {
        self.queue.try_send(Report::Close).is_ok()
    }
}

fn write_all(reports: &Receiver<Report>, dropped: &AtomicU64) {
    let mut screen = Screen::new();
    for report in reports {
        match report {
            Report::Close => break,
            Report::Screen(line) => screen.show(&line),
            Report::Event(event) => screen.above(|| write_event(&event)),
            Report::Log(level, text) => screen.above(|| write_log(level, &text)),
        }
        let lost = dropped.swap(0, Ordering::Relaxed);
        if lost > 0 {
            screen.above(|| {
                tracing::error!("{lost} messages were dropped while the journal was blocked");
            });
        }
    }
    screen.clear();
}

/// The level of a tracing event is fixed in its callsite, so there is one callsite for each level.
macro_rules! write_at {
    ($macro:ident, $info:expr) => {
        tracing::$macro!(
            message_id = $info.message_id,
            action = $info.kind,
            agent_id = $info.agent,
            agent_rule = $info.rule,
            agent_pid = $info.pid.map(Pid::get),
            agent_uid = $info.uid.map(Uid::get),
            charge_bytes = $info.charge.get(),
            threshold_bytes = $info.threshold.map(Bytes::get),
            culprit_pid = $info.culprit_pid,
            culprit_charge_bytes = $info.culprit_charge.map(Bytes::get),
            signal = $info.signal,
            cause = $info.cause,
            by_uid = $info.by.map(Uid::get),
            left_bytes = $info.left.map(Bytes::get),
            reserve_bytes = $info.reserve.map(Bytes::get),
            eta_seconds = $info.eta_seconds,
            eta_low_seconds = $info.eta_low_seconds,
            eta_high_seconds = $info.eta_high_seconds,
            dry_run = $info.dry_run.map(u8::from),
            action_id = $info.action,
            "{}",
            $info.message
        )
    };
}

fn write_event(info: &EventInfo) {
    match info.level {
        EventLevel::Error => write_at!(error, info),
        EventLevel::Warning => write_at!(warn, info),
        EventLevel::Info => write_at!(info, info),
    }
}

fn write_log(level: Level, text: &str) {
    match level {
        Level::ERROR => tracing::error!("{text}"),
        Level::WARN => tracing::warn!("{text}"),
        _ => tracing::info!("{text}"),
    }
}

/// Writes to the journal with all fields if standard error is connected to it, else the sentence to standard error.
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

/// Whether standard error is connected to the journal (`JOURNAL_STREAM`, `systemd.exec(5)`).
fn is_journal() -> bool {
    let Ok(stream) = env::var("JOURNAL_STREAM") else { return false };
    let Ok(file) = std::fs::metadata("/proc/self/fd/2") else { return false };
    stream == format!("{}:{}", file.st_dev(), file.st_ino())
}

/// The last line of a terminal, redrawn in place. Without a terminal it does nothing.
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

    /// Writes something above the line.
    fn above(&self, write: impl FnOnce()) {
        self.clear();
        write();
        self.draw(&self.line);
    }

    fn clear(&self) {
        self.draw("");
    }

    fn draw(&self, line: &str) {
        if self.on {
            // A closed terminal must not stop supervision.
            let shown: String = line.chars().take(Self::width()).collect();
            let _ = write!(io::stderr(), "\r\x1b[K{shown}");
        }
    }

    /// The width of the line: one that wraps could not be redrawn.
    fn width() -> usize {
        let columns = rustix::termios::tcgetwinsize(io::stderr()).map_or(0, |size| size.ws_col);
        usize::from(if columns == 0 { 80 } else { columns }).saturating_sub(1)
    }
}
