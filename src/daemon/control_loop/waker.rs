//! Wakes the control loop before its next iteration is due.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use tracing::Level;

use crate::daemon::options::Options;
use crate::daemon::report::journal::{Report, Reporter};
use crate::linux::eventfd::EventFd;
use crate::linux::memory_alarm::{Alarm, Alarms};

/// Wakes the control loop from any thread. Never blocks or allocates. Wakeups before the next iteration are coalesced into
/// one sample.
#[derive(Debug)]
pub(crate) struct Waker {
    event: EventFd,
    sample_requested: AtomicBool,
    shutting_down: AtomicBool,
    pressure: AtomicU64,
    cgroups: AtomicU64,
}

/// Alarms since the last poll.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PendingWakeups {
    pub(crate) pressure: u64,
    pub(crate) cgroups: u64,
}

impl Waker {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            event: EventFd::new()?,
            sample_requested: AtomicBool::default(),
            shutting_down: AtomicBool::default(),
            pressure: AtomicU64::default(),
            cgroups: AtomicU64::default(),
        })
    }

    /// Requests a sample at once, for an alarm of the kernel.
    pub(crate) fn alarm(&self, alarm: Alarm) {
        let count = match alarm {
            Alarm::Pressure => &self.pressure,
            Alarm::Cgroup => &self.cgroups,
        };
        count.fetch_add(1, Ordering::Relaxed);
        self.event.wake();
    }

    /// Requests a sample soon, for a reader of the status.
    pub(crate) fn request_sample(&self) {
        self.sample_requested.store(true, Ordering::Relaxed);
        self.event.wake();
    }

    /// Requests shutdown.
    pub(crate) fn shut_down(&self) {
        self.shutting_down.store(true, Ordering::Relaxed);
        self.event.wake();
    }

    /// Waits for a wakeup, or until `at`. Returns whether there may have been a wakeup.
    pub(crate) fn wait_until(&self, at: Instant) -> bool {
        self.event.wait_until(at)
    }

    /// Whether shutdown was requested.
    pub(crate) fn is_shutting_down(&self) -> bool {
        self.shutting_down.load(Ordering::Relaxed)
    }

    /// Whether a reader waits for a sample.
    pub(crate) fn is_sample_requested(&self) -> bool {
        self.sample_requested.load(Ordering::Relaxed)
    }

    /// Whether there was an alarm since the last poll.
    pub(crate) fn is_alarmed(&self) -> bool {
        self.pressure.load(Ordering::Relaxed) + self.cgroups.load(Ordering::Relaxed) > 0
    }

    /// Resets the readers' request; the sample that follows serves them.
    pub(crate) fn take_sample_request(&self) -> bool {
        self.sample_requested.swap(false, Ordering::Relaxed)
    }

    /// Resets the alarms; the sample that follows serves them.
    pub(crate) fn take_alarms(&self) -> PendingWakeups {
        PendingWakeups {
            pressure: self.pressure.swap(0, Ordering::Relaxed),
            cgroups: self.cgroups.swap(0, Ordering::Relaxed),
        }
    }
}

impl PendingWakeups {
    pub(crate) fn any(self) -> bool {
        self != Self::default()
    }
}

/// Starts the kernel's alarms. Without them the loop is woken by its clock alone. `is_missing_reported`: it was already logged
/// that PSI is not available.
pub(crate) fn start_alarms(
    options: &Options,
    waker: &Arc<Waker>,
    reporter: &Reporter,
    is_missing_reported: bool,
) -> Option<Alarms> {
    let log = |text| reporter.report(Report::Log(Level::INFO, text));
    let waker = Arc::clone(waker);
    match Alarms::start(&options.proc, Some(&options.cgroup), move |alarm| waker.alarm(alarm)) {
        Ok(alarms) => {
            if let Some(error) = alarms.pressure_error().filter(|_| !is_missing_reported) {
                log(format!("cannot set a PSI trigger, memory pressure is polled instead: {error}"));
            }
            Some(alarms)
        }
        Err(error) => {
            log(format!("cannot start the alarm thread, memory pressure is polled instead: {error}"));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_wakeup_from_another_thread_ends_the_wait() {
        let waker = Arc::new(Waker::new().unwrap());
        let kernel = Arc::clone(&waker);
        let thread = thread::spawn(move || {
            kernel.alarm(Alarm::Cgroup);
            kernel.alarm(Alarm::Pressure);
            kernel.alarm(Alarm::Pressure);
        });
        assert!(waker.wait_until(Instant::now() + Duration::from_mins(1)));
        thread.join().unwrap();
        assert!(waker.is_alarmed() && !waker.is_sample_requested());
        assert_eq!(waker.take_alarms(), PendingWakeups { pressure: 2, cgroups: 1 });
        assert!(!waker.is_alarmed() && !waker.take_alarms().any(), "taken once");
        assert!(!waker.is_shutting_down());
        waker.shut_down();
        assert!(waker.is_shutting_down() && waker.wait_until(Instant::now() + Duration::from_mins(1)));
    }
}
