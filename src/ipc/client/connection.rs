//! A connection to a supervisor: connected, written to, read from.

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

/// The longest reply taken. A status of a hundred agents with long command lines has well under 1 MiB.
const MAX_REPLY_LEN: usize = 8 << 20;

/// A supervisor that was there a moment ago is waited for so long: a restart takes its socket away for some ten
/// milliseconds, and who stops it for good makes those wait who were asking, once.
const RECONNECT_TIMEOUT: Duration = Duration::from_secs(if cfg!(test) { 4 } else { 1 });

/// Between two tries to find it again.
const RECONNECT_INTERVAL: Duration = Duration::from_millis(5);

/// A connection to a supervisor that may be trusted.
#[derive(Debug)]
pub(super) struct Connection {
    path: PathBuf,
    stream: UnixStream,
    frames: Frames,
    patience: Deadline,
}

/// How long is waited.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    /// As it was asked for.
    pub(super) whole: Duration,
    /// When all of it must be over; `None`: it is for each step.
    pub(super) until: Option<Instant>,
}

impl Deadline {
    pub(super) fn left(self) -> Duration {
        self.until.map_or(self.whole, |until| until.saturating_duration_since(Instant::now()))
    }
}

impl Connection {
    /// To the first of `candidates` where somebody listens.
    pub(super) fn open(candidates: &[PathBuf], patience: Deadline) -> Result<Self, ClientError> {
        for path in candidates {
            // No time at all would be no limit (socket(7)).
            match connect_with_timeout(path, patience.left().max(Duration::from_millis(1))) {
                Ok(stream) => return Self::trusting(path, stream, patience),
                Err(Errno::NOENT | Errno::NOTDIR | Errno::CONNREFUSED) => {}
                Err(Errno::AGAIN) => {
                    return Err(ClientError::Silent { path: path.clone(), after: patience.whole });
                }
                Err(error) => return Err(ClientError::Connect { path: path.clone(), source: error.into() }),
            }
        }
        Err(ClientError::Absent { tried: candidates.to_vec() })
    }

    fn trusting(path: &Path, stream: UnixStream, patience: Deadline) -> Result<Self, ClientError> {
        // Not rustix's: a peer of another pid namespace has the pid 0, which that takes for an error.
        let peer = getsockopt(&stream, PeerCredentials)
            .map_err(|error| ClientError::Connect { path: path.to_owned(), source: error.into() })?;
        let owner = Uid::new(peer.uid());
        if !is_trusted(owner, Uid::new(rustix::process::geteuid().as_raw())) {
            return Err(ClientError::Untrusted { path: path.to_owned(), owner });
        }
        Ok(Self { path: path.to_owned(), stream, frames: Frames::new(MAX_REPLY_LEN), patience })
    }

    /// The socket that answered.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What is left of the time that there is.
    pub(super) fn left(&self) -> Duration {
        self.patience.left()
    }

    pub(super) fn with(&self, call: Call, parameters: &impl Serialize) -> Result<Call, ClientError> {
        call.with(parameters).map_err(|error| self.unreadable(&error))
    }

    /// Calls that only ask are made once more where the supervisor was restarted as we came. Its socket may be gone for a
    /// moment then.
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
            match Self::open(&candidates, self.patience) {
                Err(ClientError::Absent { .. }) if Instant::now() < until => {
                    thread::sleep(RECONNECT_INTERVAL)
                }
                connected => return connected,
            }
        }
    }

    fn exchange<T: DeserializeOwned>(&mut self, call: &Call) -> Result<T, ClientError> {
        self.write(call)?;
        self.reply(Some(self.patience.left())).map(|(answer, _)| answer)
    }

    pub(super) fn write(&mut self, call: &Call) -> Result<(), ClientError> {
        let bytes = encode(call).map_err(|error| self.unreadable(&error))?;
        match self.stream.write_all(&bytes) {
            // A supervisor with too many connections says so and closes: what it said is still to be read.
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(self.failed(error)),
            _ => Ok(()),
        }
    }

    /// The next reply, and whether another one follows it.
    pub(super) fn reply<T: DeserializeOwned>(
        &mut self,
        patience: Option<Duration>,
    ) -> Result<(T, bool), ClientError> {
        let message = self.receive(patience)?;
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

    /// The next message. The time is for all of it: a peer that drips is not waited for without end. `None` where it is
    /// not known when it comes.
    fn receive(&mut self, patience: Option<Duration>) -> Result<Vec<u8>, ClientError> {
        let until = patience.map(|patience| Instant::now() + patience);
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
        ClientError::Silent { path: self.path.clone(), after: self.patience.whole }
    }

    fn unreadable(&self, reason: &impl ToString) -> ClientError {
        ClientError::Unreadable { path: self.path.clone(), reason: reason.to_string() }
    }
}

/// Whether what `owner` listens with may tell things to `caller`: a stranger's socket could show a calm that is not.
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
