//! The pause before a restart.

use std::io;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::child::timespec;
use crate::linux::process::signalfd::{Signal, SignalFd};

/// Waits. Returns the signal that cancels the restart: no command runs that could handle it.
pub(super) fn pause(signals: &SignalFd, time: Duration) -> io::Result<Option<Signal>> {
    let until = Instant::now() + time;
    loop {
        while let Some(received) = signals.next()? {
            match received.signal {
                signal if signals.is_termination(signal) => return Ok(Some(signal)),
                Signal::SIGTSTP => signals.raise_default(Signal::SIGTSTP)?,
                _ => {}
            }
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        match poll(&mut [PollFd::new(signals, PollFlags::IN)], Some(&timespec(left))) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
