//! Waits for a moment, with one wake.
//!
//! The runtime's own timers stand in a wheel of slots of 1, 64 and 4096 ms: each second that it waits wakes the thread
//! three times, once of it by itself (seen with strace: `epoll_wait` runs out, or an `eventfd` is written). For a loop
//! that reads a file or two each time that is more than half of what it costs.

use std::io;
use std::os::fd::OwnedFd;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::{Instant, sleep_until};

/// A timer of the kernel (`timerfd_create(2)`).
#[derive(Debug)]
pub(super) struct Timer(AsyncFd<OwnedFd>);

impl Timer {
    /// Within a runtime.
    pub(super) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        #[expect(
            deprecated,
            reason = "a descriptor that owns itself is never another, and its successors are `unsafe`"
        )]
        let timer = AsyncFd::with_interest(timer, Interest::READABLE)?;
        Ok(Self(timer))
    }

    /// Waits until `at`. Where it was waited for another moment before, that is forgotten.
    pub(super) async fn until(&self, at: Instant) {
        let left = at.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        if self.arm(Timespec::try_from(left).ok()).is_none() {
            return sleep_until(at).await;
        }
        while let Ok(mut ready) = self.0.readable().await {
            // It need not be read: to be armed anew takes back that it went off.
            ready.clear_ready();
            // It may have been for the moment before.
            if Instant::now() >= at {
                return;
            }
        }
    }

    fn arm(&self, value: Option<Timespec>) -> Option<()> {
        let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value? };
        timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::empty(), &once).ok().map(drop)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[test]
    fn it_comes_when_it_should_again_and_again() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let timer = Timer::new().unwrap();
            for wait in [0, 5, 30, 1] {
                let at = Instant::now() + Duration::from_millis(wait);
                timer.until(at).await;
                assert!(Instant::now() >= at);
            }
        });
    }

    #[test]
    fn a_moment_that_was_given_up_wakes_nobody() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let timer = Timer::new().unwrap();
            let soon = Instant::now() + Duration::from_millis(20);
            assert!(timeout(Duration::from_millis(1), timer.until(soon)).await.is_err());
            std::thread::sleep(Duration::from_millis(40));
            let later = Instant::now() + Duration::from_millis(60);
            timer.until(later).await;
            assert!(Instant::now() >= later);
        });
    }
}
