//! The socket that systemd opened before it started us (`sd_listen_fds(3)`).

use std::io;
use std::os::fd::RawFd;

/// The descriptors passed to this process; they are marked close-on-exec.
///
/// # Errors
/// If their environment variables are malformed.
pub fn passed_fds() -> io::Result<Vec<RawFd>> {
    Ok(sd_notify::listen_fds()?.collect())
}
