//! A connection to a supervisor.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::PeerCredentials;
use rustix::io::Errno;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::ClientError;
use crate::ipc::codec::{Call, Frames, RawReply, encode};
use crate::ipc::connect::connect_with_timeout;
use crate::model::Uid;

/// The longest reply accepted. A status of a hundred agents with long command lines has well under 1 MiB.
const MAX_REPLY_LEN: usize = 8 << 20;

/// How long to wait for a supervisor that was connected a moment ago: a restart removes its socket for some ten
/// milliseconds. If it was stopped for good, clients in the middle of a call wait this long once.
const RECONNECT_TIMEOUT: Duration = Duration::from_secs(if cfg!(test) { 4 } else { 1 });

/// Interval between two attempts to reconnect.
const RECONNECT_INTERVAL: Duration = Duration::from_millis(5);

/// A connection to a supervisor that may be trusted.
#[derive(Debug)]
pub(super) struct DaemonConnection {
    path: PathBuf,
    stream: UnixStream,
    frames: Frames,
    deadline: Deadline,
}

/// The time for the steps of a call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    /// The timeout as requested.
    pub(super) timeout: Duration,
    /// The end of it for all steps together; `None`: each step has the whole timeout.
    pub(super) until: Option<Instant>,
}

impl Deadline {
    pub(super) fn left(self) -> Duration {
        self.until.map_or(self.timeout, |until| until.saturating_duration_since(Instant::now()))
    }
}

impl DaemonConnection {
    /// Connects to the first of `candidates` with a listener.
    pub(super) fn open(candidates: &[PathBuf], deadline: Deadline) -> Result<Self, ClientError> {
        for path in candidates {
            // Zero would mean no timeout (socket(7)).
            match connect_with_timeout(path, deadline.left().max(Duration::from_millis(1))) {
                Ok(stream) => return Self::trusting(path, stream, deadline),
                Err(Errno::NOENT | Errno::NOTDIR | Errno::CONNREFUSED) => {}
                Err(Errno::AGAIN) => {
                    return Err(ClientError::Silent { path: path.clone(), after: deadline.timeout });
                }
                Err(error) => return Err(ClientError::Connect { path: path.clone(), source: error.into() }),
            }
        }
        Err(ClientError::Absent { tried: candidates.to_vec() })
    }

    fn trusting(path: &Path, stream: UnixStream, deadline: Deadline) -> Result<Self, ClientError> {
        // Not rustix's, which fails for a peer of another pid namespace: that has the pid 0.
        let peer = getsockopt(&stream, PeerCredentials)
            .map_err(|error| ClientError::Connect { path: path.to_owned(), source: error.into() })?;
        let owner = Uid::new(peer.uid());
        if !is_trusted(owner, Uid::new(rustix::process::geteuid().as_raw())) {
            return Err(ClientError::Untrusted { path: path.to_owned(), owner });
        }
        Ok(Self { path: path.to_owned(), stream, frames: Frames::new(MAX_REPLY_LEN), deadline })
    }

    /// The socket that answered.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The remaining time.
    pub(super) fn left(&self) -> Duration {
        self.deadline.left()
    }

    pub(super) fn with(&self, call: Call, parameters: &impl Serialize) -> Result<Call, ClientError> {
        call.with(parameters).map_err(|error| self.unreadable(&error))
    }

    /// Makes a call without side effects. It is repeated once if the supervisor was restarted meanwhile; its socket may be gone for
    /// a moment then.
    pub(super) fn call<T: DeserializeOwned>(&mut self, call: &Call) -> Result<T, ClientError> {
        match self.exchange(call) {
            Err(ClientError::Closed { path }) if self.frames.is_empty() => {
                *self = self.reconnect(path)?;
                self.exchange(call)
            }
            answer => answer,
        }
    }

    fn reconnect(&self, path: PathBuf) -> Result<Self, ClientError> {
        let candidates = [path];
        let until = Instant::now() + self.left().min(RECONNECT_TIMEOUT);
        loop {
            match Self::open(&candidates, self.deadline) {
                Err(ClientError::Absent { .. }) if Instant::now() < until => {
                    thread::sleep(RECONNECT_INTERVAL);
                }
                connected => return connected,
            }
        }
    }

    fn exchange<T: DeserializeOwned>(&mut self, call: &Call) -> Result<T, ClientError> {
        self.write(call)?;
        self.reply(Some(self.deadline.left())).map(|(answer, _)| answer)
    }

    pub(super) fn write(&mut self, call: &Call) -> Result<(), ClientError> {
        let bytes = encode(call).map_err(|error| self.unreadable(&error))?;
        match self.stream.write_all(&bytes) {
            // A supervisor with too many connections replies and closes: the reply can still be read.
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(self.failed(error)),
            _ => Ok(()),
        }
    }

    /// The next reply, and whether further ones follow.
    pub(super) fn reply<T: DeserializeOwned>(
        &mut self,
        timeout: Option<Duration>,
    ) -> Result<(T, bool), ClientError> {
        let message = self.receive(timeout)?;
        let reply: RawReply = serde_json::from_slice(&message).map_err(|error| self.unreadable(&error))?;
        if let Some(error) = reply.error {
            return Err(match serde_json::from_slice(&message) {
                Ok(error) => ClientError::Refused { path: self.path.clone(), error },
                Err(_) => self.unreadable(&format!("unknown error {error:?}")),
            });
        }
        let parameters = reply.parameters.ok_or_else(|| self.unreadable(&"no parameters"))?;
        let answer = serde_json::from_str(parameters.get()).map_err(|error| self.unreadable(&error))?;
        Ok((answer, reply.continues))
    }

    /// The next message. The timeout is for the whole message, so that a peer that sends single bytes cannot delay it without end;
    /// `None`: no timeout.
    fn receive(&mut self, timeout: Option<Duration>) -> Result<Vec<u8>, ClientError> {
        let until = timeout.map(|timeout| Instant::now() + timeout);
        let mut chunk = vec![0; 64 << 10];
        loop {
            let next = self.frames.next_message().map_err(|error| self.unreadable(&error))?;
            if let Some(message) = next {
                return Ok(message);
            }
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Err(self.silent());
            }
            let read = self.stream.set_read_timeout(left).and_then(|()| self.stream.read(&mut chunk));
            match read {
                Ok(0) => return Err(ClientError::Closed { path: self.path.clone() }),
                Ok(count) => self.frames.buffer().extend(chunk.iter().take(count)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(error)),
            }
        }
    }

    fn failed(&self, error: io::Error) -> ClientError {
        let path = self.path.clone();
        match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => self.silent(),
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => ClientError::Closed { path },
            _ => ClientError::Connect { path, source: error },
        }
    }

    fn silent(&self) -> ClientError {
        ClientError::Silent { path: self.path.clone(), after: self.deadline.timeout }
    }

    fn unreadable(&self, reason: &impl ToString) -> ClientError {
        ClientError::Unreadable { path: self.path.clone(), reason: reason.to_string() }
    }
}

/// Whether `caller` trusts a socket of `owner`: another user's could report a healthy status falsely.
fn is_trusted(owner: Uid, caller: Uid) -> bool {
    owner == Uid::ROOT || owner == caller
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_root_and_the_caller_are_trusted() {
        let (alice, bob) = (Uid::new(1000), Uid::new(1001));
        assert!(is_trusted(Uid::ROOT, alice) && is_trusted(alice, alice));
        assert!(!is_trusted(bob, alice) && !is_trusted(alice, Uid::ROOT));
    }
}
