//! The socket that systemd has opened for us before we were started (`sd_listen_fds(3)`).

use std::io;
use std::os::fd::RawFd;

/// The descriptors that were passed to this very process; they are closed on exec.
///
/// # Errors
/// Where the variables that tell of them say nonsense.
pub fn passed() -> io::Result<Vec<RawFd>> {
    Ok(sd_notify::listen_fds()?.collect())
}
