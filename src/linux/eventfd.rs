//! Wakes a thread that waits, from whatever thread.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

/// A counter of the kernel (`eventfd(2)`), which is no more than rung or silent here. One thread waits for it.
#[derive(Debug)]
pub struct EventFd(OwnedFd);

impl EventFd {
    /// A silent one.
    ///
    /// # Errors
    /// Where no file can be opened any more.
    pub fn new() -> io::Result<Self> {
        Ok(Self(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    /// Rings, for whoever waits now or next. Neither waits nor allocates.
    pub fn ring(&self) {
        // Fails only when it has been rung 2^64 times and not been heard.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }

    /// Silences it, however often it was rung.
    pub fn silence(&self) {
        let _ = rustix::io::read(&self.0, &mut [0; 8]);
    }

    /// Waits until it rings, or until `at`; whether it may have rung. One call of the kernel, and a second one where it did.
    #[must_use]
    pub fn wait_until(&self, at: Instant) -> bool {
        let left = at.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        // Longer than a number can say is for ever.
        let left = Timespec::try_from(left).ok();
        let rung = poll(&mut [PollFd::new(&self.0, PollFlags::IN)], left.as_ref());
        if matches!(rung, Ok(1..)) {
            self.silence();
        }
        // Whoever is interrupted by a signal looks what it was for.
        rung != Ok(0)
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
    fn who_waits_is_woken_from_another_thread_and_once() {
        let bell = Arc::new(EventFd::new().unwrap());
        let far = || Instant::now() + Duration::from_mins(1);
        let other = Arc::clone(&bell);
        let ringing = thread::spawn(move || {
            for _ in 0..3 {
                other.ring();
            }
        });
        assert!(bell.wait_until(far()));
        ringing.join().unwrap();
        bell.ring();
        assert!(bell.wait_until(far()), "one that rang before is heard");
        let soon = Instant::now() + Duration::from_millis(5);
        assert!(!bell.wait_until(soon), "all of them at once");
    }

    #[test]
    fn it_comes_when_it_should_again_and_again() {
        let bell = EventFd::new().unwrap();
        for wait in [0, 5, 30, 1] {
            let at = Instant::now() + Duration::from_millis(wait);
            assert!(!bell.wait_until(at));
            assert!(Instant::now() >= at);
        }
        assert!(!bell.wait_until(Instant::now().checked_sub(Duration::from_secs(1)).unwrap()));
    }
}
