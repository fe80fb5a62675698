//! The time between an end and the next start.

use std::io;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::vigil::timespec;
use crate::linux::process::signalfd::{Signal, SignalFd};

/// Waits. The signal that ends it and us: there is no command that could decide what it means.
pub(super) fn pause(inbox: &SignalFd, time: Duration) -> io::Result<Option<Signal>> {
    let until = Instant::now() + time;
    loop {
        while let Some(letter) = inbox.next()? {
            match letter.signal {
                signal if inbox.is_end(signal) => return Ok(Some(signal)),
                Signal::SIGTSTP => inbox.suffer(Signal::SIGTSTP)?,
                _ => {}
            }
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        match poll(&mut [PollFd::new(inbox, PollFlags::IN)], Some(&timespec(left))) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
