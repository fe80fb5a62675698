//! Wakes a waiting thread from any other thread.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

/// A counter of the kernel (`eventfd(2)`), used as a flag. One thread waits for it.
#[derive(Debug)]
pub struct EventFd(OwnedFd);

impl EventFd {
    /// Creates one that is not set.
    ///
    /// # Errors
    /// If no file descriptor is left.
    pub fn new() -> io::Result<Self> {
        Ok(Self(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    /// Wakes the thread that waits now or next. Neither blocks nor allocates.
    pub fn wake(&self) {
        // Fails only after 2^64 calls without a wait in between.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }

    /// Clears all wakes so far.
    pub fn clear(&self) {
        let _ = rustix::io::read(&self.0, &mut [0; 8]);
    }

    /// Waits for a wake, at most until `at`. Returns whether there may have been one. Takes one system call, or two after
    /// a wake.
    #[must_use]
    pub fn wait_until(&self, at: Instant) -> bool {
        let left = at.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        // A duration that does not fit is unlimited.
        let left = Timespec::try_from(left).ok();
        let ready = poll(&mut [PollFd::new(&self.0, PollFlags::IN)], left.as_ref());
        if matches!(ready, Ok(1..)) {
            self.clear();
        }
        // A wait that a signal interrupts may have a reason as well.
        ready != Ok(0)
    }
}

impl AsFd for EventFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_waiting_thread_is_woken_once() {
        let eventfd = Arc::new(EventFd::new().unwrap());
        let far = || Instant::now() + Duration::from_mins(1);
        let other = Arc::clone(&eventfd);
        let waking = thread::spawn(move || {
            for _ in 0..3 {
                other.wake();
            }
        });
        assert!(eventfd.wait_until(far()));
        waking.join().unwrap();
        eventfd.wake();
        assert!(eventfd.wait_until(far()), "a wake before the wait counts");
        let soon = Instant::now() + Duration::from_millis(5);
        assert!(!eventfd.wait_until(soon), "one wait takes all wakes");
    }

    #[test]
    fn a_wait_ends_at_its_deadline() {
        let eventfd = EventFd::new().unwrap();
        for wait in [0, 5, 30, 1] {
            let at = Instant::now() + Duration::from_millis(wait);
            assert!(!eventfd.wait_until(at));
            assert!(Instant::now() >= at);
        }
        assert!(!eventfd.wait_until(Instant::now().checked_sub(Duration::from_secs(1)).unwrap()));
    }
}
