//! A descriptor that the service manager has opened for this process.

use std::io;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixListener;

use rustix::fs::fstat;
use rustix::io::Errno;
use rustix::net::sockopt::{socket_acceptconn, socket_domain, socket_type};
use rustix::net::{AddressFamily, SocketType};

/// Why it cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InheritedError {
    /// It is not a listening socket.
    #[error("descriptor {0} is no Unix socket that listens for streams")]
    Other(RawFd),
    /// A system call failed.
    #[error("descriptor {fd}: {source}")]
    System {
        /// The descriptor.
        fd: RawFd,
        /// Its error.
        source: io::Error,
    },
}

/// The listening Unix socket at `fd`, which no other part of the program may own. It is set to non-blocking.
///
/// # Errors
/// If there is no descriptor, or another kind.
#[allow(
    unsafe_code,
    reason = "a number that the service manager says is a descriptor can be had in no other way"
)]
pub fn listener(fd: RawFd) -> Result<UnixListener, InheritedError> {
    let system = |error: Errno| InheritedError::System { fd, source: error.into() };
    if fd < 3 {
        return Err(InheritedError::Other(fd));
    }
    // SAFETY: it is only inspected, and `fstat` and `getsockopt` of a number that is no descriptor fail with EBADF.
    let seen = unsafe { BorrowedFd::borrow_raw(fd) };
    fstat(seen).map_err(system)?;
    let listens = socket_domain(seen) == Ok(AddressFamily::UNIX)
        && socket_type(seen) == Ok(SocketType::STREAM)
        && socket_acceptconn(seen) == Ok(true);
    if !listens {
        return Err(InheritedError::Other(fd));
    }
    // SAFETY: it is open, as was just seen, and by the protocol of sd_listen_fds(3) it is ours alone.
    let listener = UnixListener::from(unsafe { OwnedFd::from_raw_fd(fd) });
    listener.set_nonblocking(true).map_err(|source| InheritedError::System { fd, source })?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use std::os::fd::{AsRawFd, IntoRawFd};
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn only_a_listening_unix_socket_is_accepted() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let passed = UnixListener::bind(&path).unwrap().into_raw_fd();
        let ours = listener(passed).unwrap();
        let _client = UnixStream::connect(&path).unwrap();
        assert!(ours.accept().is_ok());
        assert_eq!(ours.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);

        let (connected, _other) = UnixStream::pair().unwrap();
        let file = tempfile::tempfile().unwrap();
        for other in [connected.as_raw_fd(), file.as_raw_fd(), 0, -1] {
            assert!(matches!(listener(other), Err(InheritedError::Other(_))), "{other}");
        }
        assert!(matches!(listener(1_000_000), Err(InheritedError::System { .. })));
        assert!(connected.peer_addr().is_ok(), "a refused descriptor stays open");
    }
}
