//! What the service manager is told (`sd_notify(3)`). Without one every call does nothing.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use sd_notify::NotifyState;

/// Free memory moves at every tick, and each line costs the manager a signal on the bus.
const STATUS_EVERY: Duration = Duration::from_secs(5);

/// Whether a service manager waits for our word: we are a service of its own, and it does what is to be done after us.
#[must_use]
pub fn is_expected() -> bool {
    std::env::var_os("NOTIFY_SOCKET").is_some()
}

/// Tells the service manager how we are. Dropped messages are not errors: the watchdog of the unit notices.
#[derive(Debug)]
pub struct Notifier {
    status: String,
    told: Option<Instant>,
    /// How often the manager wants to hear from us: a quarter of its `WatchdogSec=`.
    every: Option<Duration>,
    fed: Option<Instant>,
    queue: SyncSender<Word>,
    /// Disconnected when everything has been sent.
    sent: Receiver<()>,
}

/// What the sending thread is handed.
#[derive(Debug)]
enum Word {
    Ready,
    Status(String),
    Watchdog,
    Stopping,
}

/// Words that may wait. A manager that is frozen takes none, and what comes then is dropped: its socket blocks, and
/// no tick may wait for it.
const QUEUE: usize = 16;

/// How long we wait with our end for the last word to be sent.
const LAST_WORD: Duration = Duration::from_secs(1);

impl Notifier {
    /// Starts the thread that sends, and reads from the environment what the manager expects.
    ///
    /// # Errors
    /// Where no thread can be started.
    pub fn start() -> io::Result<Self> {
        let (queue, words) = sync_channel(QUEUE);
        let (done, sent) = sync_channel(0);
        thread::Builder::new().name("notifier".to_owned()).spawn(move || {
            send_all(&words);
            drop(done);
        })?;
        let every = sd_notify::watchdog_enabled().map(|d| d / 4);
        Ok(Self { status: String::new(), told: None, every, fed: None, queue, sent })
    }

    /// Supervision has begun: the first tick is complete.
    pub fn ready(&mut self) {
        self.say(Word::Ready);
    }

    /// The line that `systemctl status` shows; sent when it changed, at once where something happened.
    pub fn status(&mut self, status: &str, happened: bool) {
        let due = happened || self.told.is_none_or(|told| told.elapsed() >= STATUS_EVERY);
        if due && self.status != status {
            status.clone_into(&mut self.status);
            self.told = Some(Instant::now());
            self.say(Word::Status(status.to_owned()));
        }
    }

    /// A tick is complete. Never called from a timer: a loop that no longer ticks must not look alive.
    pub fn tick_done(&mut self) {
        let Some(every) = self.every else { return };
        if self.fed.is_none_or(|fed| fed.elapsed() >= every) {
            self.fed = Some(Instant::now());
            self.say(Word::Watchdog);
        }
    }

    /// We are leaving.
    pub fn stopping(&mut self) {
        self.say(Word::Stopping);
        // It only ever disconnects, or takes too long.
        let _ = self.sent.recv_timeout(LAST_WORD);
    }

    fn say(&self, word: Word) {
        // Nobody can be told of a manager that does not listen but the manager.
        let _ = self.queue.try_send(word);
    }
}

fn send_all(words: &Receiver<Word>) {
    for word in words {
        let state = match &word {
            Word::Ready => NotifyState::Ready,
            Word::Status(status) => NotifyState::Status(status),
            Word::Watchdog => NotifyState::Watchdog,
            Word::Stopping => NotifyState::Stopping,
        };
        let _ = sd_notify::notify(&[state]);
        if matches!(word, Word::Stopping) {
            break;
        }
    }
}
