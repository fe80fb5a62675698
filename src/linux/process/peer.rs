//! The process at the other end of a Unix socket.

use std::ffi::c_int;
use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// A pidfd of the process that connected: its pid cannot be reused while this is held. `None` if the kernel has no
/// `SO_PEERPIDFD` (Linux 6.5).
///
/// # Errors
/// Any: that process has exited and was reaped.
#[allow(unsafe_code, reason = "a socket option that no library reads")]
pub fn pidfd(socket: BorrowedFd<'_>) -> io::Result<Option<OwnedFd>> {
    let mut fd: c_int = -1;
    let mut length = libc::socklen_t::try_from(size_of::<c_int>()).map_err(io::Error::other)?;
    // SAFETY: both pointers are to live variables of the sizes that the option has.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERPIDFD,
            (&raw mut fd).cast(),
            &raw mut length,
        )
    };
    if result != 0 {
        let error = io::Error::last_os_error();
        return if error.raw_os_error() == Some(libc::ENOPROTOOPT) { Ok(None) } else { Err(error) };
    }
    if fd < 0 {
        return Err(io::ErrorKind::NotFound.into());
    }
    // SAFETY: the kernel has just made this descriptor for us, and nothing else owns it.
    Ok(Some(unsafe { OwnedFd::from_raw_fd(fd) }))
}

/// Whether the process of a pidfd is still running.
///
/// # Errors
/// Errors of `poll(2)`; none is expected.
pub fn is_running(pidfd: &OwnedFd) -> io::Result<bool> {
    let mut fds = [PollFd::new(pidfd, PollFlags::IN)];
    Ok(poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))? == 0)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::process::{Command, Stdio};

    use super::*;
    use crate::linux::skip;

    #[test]
    fn a_peer_is_running_until_it_exits() {
        let (here, _there) = UnixStream::pair().unwrap();
        let Some(ourselves) = pidfd(here.as_fd()).unwrap() else {
            let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
            skip(&format!("Linux {} has no SO_PEERPIDFD", release.trim()));
            return;
        };
        assert!(is_running(&ourselves).unwrap());

        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let mut python = Command::new("python3");
        let program =
            "import socket,sys; s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); sys.stdin.read()";
        let Ok(mut client) = python.args(["-c", program]).arg(&path).stdin(Stdio::piped()).spawn() else {
            skip("no python3");
            return;
        };
        let (stream, _) = listener.accept().unwrap();
        let pinned = pidfd(stream.as_fd()).unwrap().unwrap();
        assert!(is_running(&pinned).unwrap());
        drop(client.stdin.take());
        client.wait().unwrap();
        assert!(!is_running(&pinned).unwrap());
    }
}
