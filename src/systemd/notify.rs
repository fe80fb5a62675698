//! What the service manager is told (`sd_notify(3)`). Without one every call does nothing.

use std::time::{Duration, Instant};

use sd_notify::NotifyState;

/// Free memory moves at every tick, and each line costs the manager a signal on the bus.
const STATUS_EVERY: Duration = Duration::from_secs(5);

/// Tells the service manager how we are. Dropped messages are not errors: the watchdog of the unit notices.
#[derive(Debug)]
pub struct Notifier {
    status: String,
    told: Option<Instant>,
    /// How often the manager wants to hear from us: a quarter of its `WatchdogSec=`.
    every: Option<Duration>,
    fed: Option<Instant>,
}

impl Notifier {
    /// Reads from the environment what the manager expects.
    #[must_use]
    pub fn from_environment() -> Self {
        Self {
            status: String::new(),
            told: None,
            every: sd_notify::watchdog_enabled().map(|d| d / 4),
            fed: None,
        }
    }

    /// Supervision has begun: the first tick is complete.
    pub fn ready(&mut self) {
        send(&[NotifyState::Ready]);
    }

    /// The line that `systemctl status` shows; sent when it changed, at once where something happened.
    pub fn status(&mut self, status: &str, happened: bool) {
        let due = happened || self.told.is_none_or(|told| told.elapsed() >= STATUS_EVERY);
        if due && self.status != status {
            status.clone_into(&mut self.status);
            self.told = Some(Instant::now());
            send(&[NotifyState::Status(status)]);
        }
    }

    /// A tick is complete. Never called from a timer: a loop that no longer ticks must not look alive.
    pub fn tick_done(&mut self) {
        let Some(every) = self.every else { return };
        if self.fed.is_none_or(|fed| fed.elapsed() >= every) {
            self.fed = Some(Instant::now());
            send(&[NotifyState::Watchdog]);
        }
    }

    /// We are leaving.
    pub fn stopping(&mut self) {
        send(&[NotifyState::Stopping]);
    }
}

fn send(state: &[NotifyState<'_>]) {
    // Nobody can be told of a manager that does not listen but the manager.
    let _ = sd_notify::notify(state);
}
