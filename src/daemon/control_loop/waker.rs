//! What makes the loop look before its time: readers who want newer figures, and alarms of the kernel.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use tracing::Level;

use crate::daemon::options::Options;
use crate::daemon::report::journal::{Report, Reporter};
use crate::linux::eventfd::EventFd;
use crate::linux::memory_alarm::{Alarm, Alarms};

/// The bell at the loop's door. Whoever rings it, from whatever thread, neither waits nor allocates; however often
/// it rings until the loop comes, it is one look.
#[derive(Debug)]
pub(crate) struct Waker {
    bell: EventFd,
    asked: AtomicBool,
    ending: AtomicBool,
    pressure: AtomicU64,
    cgroups: AtomicU64,
}

/// Rings that have not been answered yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PendingWakeups {
    pub(crate) pressure: u64,
    pub(crate) cgroups: u64,
}

impl Waker {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            bell: EventFd::new()?,
            asked: AtomicBool::default(),
            ending: AtomicBool::default(),
            pressure: AtomicU64::default(),
            cgroups: AtomicU64::default(),
        })
    }

    /// A look is wanted at once. May be called from any thread.
    pub(crate) fn alarm(&self, alarm: Alarm) {
        let count = match alarm {
            Alarm::Pressure => &self.pressure,
            Alarm::Cgroup => &self.cgroups,
        };
        count.fetch_add(1, Ordering::Relaxed);
        self.bell.wake();
    }

    /// A look is wanted soon, by a reader.
    pub(crate) fn ask(&self) {
        self.asked.store(true, Ordering::Relaxed);
        self.bell.wake();
    }

    /// The loop is to end.
    pub(crate) fn end(&self) {
        self.ending.store(true, Ordering::Relaxed);
        self.bell.wake();
    }

    /// Waits until somebody calls, or until `at`; whether somebody may have called.
    pub(crate) fn wait_until(&self, at: Instant) -> bool {
        self.bell.wait_until(at)
    }

    /// Whether the loop is to end.
    pub(crate) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }

    /// Whether a reader waits for a look.
    pub(crate) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// Whether an alarm waits for a look.
    pub(crate) fn is_alarmed(&self) -> bool {
        self.pressure.load(Ordering::Relaxed) + self.cgroups.load(Ordering::Relaxed) > 0
    }

    /// The readers are answered by the look that follows.
    pub(crate) fn take_asked(&self) -> bool {
        self.asked.swap(false, Ordering::Relaxed)
    }

    /// The alarms are answered by the look that follows.
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

/// What wakes the loop from outside. Without it supervision goes on by the clock. `told`: that there are no pressure
/// figures has been said.
pub(crate) fn alarms(
    options: &Options,
    calls: &Arc<Waker>,
    reporter: &Reporter,
    told: bool,
) -> Option<Alarms> {
    let log = |text| reporter.tell(Report::Log(Level::INFO, text));
    let bell = Arc::clone(calls);
    match Alarms::start(&options.proc, Some(&options.cgroup), move |alarm| bell.alarm(alarm)) {
        Ok(alarms) => {
            if let Some(error) = alarms.pressure_error().filter(|_| !told) {
                log(format!("the kernel does not tell us of memory pressure, we go by the clock: {error}"));
            }
            Some(alarms)
        }
        Err(error) => {
            log(format!("nothing wakes us early, we go by the clock: {error}"));
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
    fn a_call_from_another_thread_wakes_whoever_waits() {
        let calls = Arc::new(Waker::new().unwrap());
        let kernel = Arc::clone(&calls);
        let listener = thread::spawn(move || {
            kernel.alarm(Alarm::Cgroup);
            kernel.alarm(Alarm::Pressure);
            kernel.alarm(Alarm::Pressure);
        });
        assert!(calls.wait_until(Instant::now() + Duration::from_mins(1)));
        listener.join().unwrap();
        assert!(calls.is_alarmed() && !calls.is_asked());
        assert_eq!(calls.take_alarms(), PendingWakeups { pressure: 2, cgroups: 1 });
        assert!(!calls.is_alarmed() && !calls.take_alarms().any(), "each is answered once");
        assert!(!calls.is_ending());
        calls.end();
        assert!(calls.is_ending() && calls.wait_until(Instant::now() + Duration::from_mins(1)));
    }
}
