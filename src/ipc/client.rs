//! The client: blocking, because a command that asks once needs no runtime.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::sockopt::socket_peercred;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::codec::{Call, Frames, RawReply, encode};
use super::dial::dial;
use super::{Fault, INTERFACE};
use crate::model::history::HistoryInfo;
use crate::model::status::{ActionInfo, StatusInfo};
use crate::model::{EventInfo, Explanation, LimitInfo, LimitRequest, Pid, Uid};

/// How long connecting, writing a call and reading its reply may take, each.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a limit may take: many may be asked for at once, and the service manager does one after the other.
const LIMIT_PATIENCE: Duration = Duration::from_mins(1);

/// The longest reply taken. A status of a hundred agents with long command lines has well under 1 MiB.
const REPLY_CAP: usize = 8 << 20;

/// Why there is no answer. Every message names the socket and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No supervisor listens anywhere.
    #[error(
        "no supervisor answers at {}; start it with `systemctl start claude-watchdog`, or without root with `claude-watchdog daemon`",
        list(tried)
    )]
    Absent {
        /// The sockets that were tried.
        tried: Vec<PathBuf>,
    },
    /// There is a socket, but no way to it.
    #[error("{}: cannot connect: {source}; check the rights of the socket and its directory", path.display())]
    Connect {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Neither root nor the caller listens there, so nothing that it says is believed.
    #[error("{}: user {owner} listens here, and only root and yourself are trusted; see who put the socket there, or name another one with --socket", path.display())]
    Untrusted {
        /// The socket.
        path: PathBuf,
        /// Who listens.
        owner: Uid,
    },
    /// The supervisor is there but says nothing.
    #[error("{}: no answer within {}; see `systemctl status claude-watchdog`", path.display(), humantime::format_duration(*after))]
    Silent {
        /// The socket.
        path: PathBuf,
        /// How long it was waited for.
        after: Duration,
    },
    /// The supervisor went away in the middle.
    #[error("{}: the supervisor closed the connection; try again, or see `journalctl -u claude-watchdog`", path.display())]
    Closed {
        /// The socket.
        path: PathBuf,
    },
    /// What came back is no reply that this program can read.
    #[error("{}: the answer cannot be read ({reason}); are the supervisor and this command of the same version?", path.display())]
    Unreadable {
        /// The socket.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The supervisor refused the call.
    #[error("{}: the supervisor refused: {fault}", path.display())]
    Refused {
        /// The socket.
        path: PathBuf,
        /// Why.
        fault: Fault,
    },
}

/// What happened of late.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Events {
    /// Oldest first.
    pub events: Vec<EventInfo>,
    /// How many came and went before they were read.
    pub missed: u64,
}

#[derive(Deserialize)]
struct Status {
    status: StatusInfo,
}

#[derive(Serialize)]
struct Last {
    last: Option<usize>,
}

fn method(name: &str) -> String {
    format!("{INTERFACE}.{name}")
}

fn list(paths: &[PathBuf]) -> String {
    let shown: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    shown.join(" or ")
}

/// A connection to a supervisor that may be trusted.
#[derive(Debug)]
pub struct Client {
    path: PathBuf,
    stream: UnixStream,
    frames: Frames,
    patience: Patience,
}

/// How long is waited.
#[derive(Clone, Copy, Debug)]
struct Patience {
    /// As it was asked for.
    whole: Duration,
    /// When all of it must be over; `None`: it is for each step.
    until: Option<Instant>,
}

impl Patience {
    fn left(self) -> Duration {
        self.until.map_or(self.whole, |until| until.saturating_duration_since(Instant::now()))
    }
}

impl Client {
    /// Connects to the first of `candidates` where somebody listens; see [`candidates`](super::paths::candidates).
    ///
    /// # Errors
    /// [`ClientError::Absent`] where nobody listens at all, [`ClientError::Untrusted`] where a stranger does.
    pub fn connect(candidates: &[PathBuf]) -> Result<Self, ClientError> {
        Self::dial(candidates, Patience { whole: PATIENCE, until: None })
    }

    /// The same, and all that is asked of it, within this time.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub fn connect_within(candidates: &[PathBuf], time: Duration) -> Result<Self, ClientError> {
        Self::dial(candidates, Patience { whole: time, until: Some(Instant::now() + time) })
    }

    fn dial(candidates: &[PathBuf], patience: Patience) -> Result<Self, ClientError> {
        for path in candidates {
            // No time at all would be no limit (socket(7)).
            match dial(path, patience.left().max(Duration::from_millis(1))) {
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

    fn trusting(path: &Path, stream: UnixStream, patience: Patience) -> Result<Self, ClientError> {
        let peer = socket_peercred(&stream)
            .map_err(|error| ClientError::Connect { path: path.to_owned(), source: error.into() })?;
        let owner = Uid::new(peer.uid.as_raw());
        if !is_trusted(owner, Uid::new(rustix::process::geteuid().as_raw())) {
            return Err(ClientError::Untrusted { path: path.to_owned(), owner });
        }
        Ok(Self { path: path.to_owned(), stream, frames: Frames::new(REPLY_CAP), patience })
    }

    /// The socket that answered.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How things stand.
    ///
    /// # Errors
    /// [`ClientError`], with the path.
    pub fn status(&mut self) -> Result<StatusInfo, ClientError> {
        self.call::<Status>(&Call::of(method("Status"))).map(|answer| answer.status)
    }

    /// The same, where the supervisor may take no longer than `wait` for newer figures.
    ///
    /// # Errors
    /// [`ClientError`], with the path.
    pub fn status_waiting(&mut self, wait: Duration) -> Result<StatusInfo, ClientError> {
        #[derive(Serialize)]
        struct Question {
            max_wait_ms: u128,
        }
        let call = self.with(Call::of(method("Status")), &Question { max_wait_ms: wait.as_millis() })?;
        self.call::<Status>(&call).map(|answer| answer.status)
    }

    /// What was recorded of so much time until now.
    ///
    /// # Errors
    /// [`ClientError`], with the path.
    pub fn history(&mut self, since: Duration) -> Result<HistoryInfo, ClientError> {
        #[derive(Serialize)]
        struct Question {
            since_seconds: u64,
        }
        #[derive(Deserialize)]
        struct Answer {
            history: HistoryInfo,
        }
        let call = self.with(Call::of(method("History")), &Question { since_seconds: since.as_secs() })?;
        self.call::<Answer>(&call).map(|answer| answer.history)
    }

    /// What the supervisor makes of one process.
    ///
    /// # Errors
    /// [`ClientError`], with the path; [`Fault::NoSuchProcess`] in it where there is none.
    pub fn explain(&mut self, pid: Pid) -> Result<Explanation, ClientError> {
        #[derive(Serialize)]
        struct Question {
            pid: Pid,
        }
        #[derive(Deserialize)]
        struct Answer {
            explanation: Explanation,
        }
        let call = self.with(Call::of(method("Explain")), &Question { pid })?;
        self.call::<Answer>(&call).map(|answer| answer.explanation)
    }

    /// The newest events that the caller may know, the last so many of them.
    ///
    /// # Errors
    /// [`ClientError`], with the path.
    pub fn events(&mut self, last: Option<usize>) -> Result<Events, ClientError> {
        let call = self.with(Call::of(method("Events")), &Last { last })?;
        self.call(&call)
    }

    /// The same, and then each as it happens, without end. `take` says whether to go on.
    ///
    /// # Errors
    /// [`ClientError`], with the path; [`ClientError::Closed`] where the supervisor stops.
    pub fn follow_events(
        &mut self,
        last: Option<usize>,
        mut take: impl FnMut(Events) -> bool,
    ) -> Result<(), ClientError> {
        let call = self.with(Call { more: true, ..Call::of(method("Events")) }, &Last { last })?;
        self.write(&call)?;
        let mut patience = Some(self.patience.left());
        loop {
            let (events, continues) = self.reply(patience)?;
            if !take(events) {
                return Ok(());
            }
            if !continues {
                return Err(ClientError::Closed { path: self.path.clone() });
            }
            // The first answer is owed at once, the next ones when something happens.
            patience = None;
        }
    }

    /// Ends an agent; what became of it. Waits for as long as that takes.
    ///
    /// # Errors
    /// [`ClientError`], with the path; [`Fault::NoSuchAgent`], [`Fault::PermissionDenied`], [`Fault::NotStopped`] in it.
    pub fn stop(&mut self, agent: &str) -> Result<ActionInfo, ClientError> {
        #[derive(Serialize)]
        struct Question<'a> {
            agent: &'a str,
        }
        #[derive(Deserialize)]
        struct Answer {
            action: ActionInfo,
        }
        let call = self.with(Call::of(method("Stop")), &Question { agent })?;
        self.write(&call)?;
        self.reply::<Answer>(None).map(|(answer, _)| answer.action)
    }

    /// Has the configuration read anew; what should be known about it.
    ///
    /// # Errors
    /// [`ClientError`], with the path; [`Fault::InvalidConfiguration`] and [`Fault::PermissionDenied`] in it.
    pub fn reload(&mut self) -> Result<Vec<String>, ClientError> {
        #[derive(Deserialize)]
        struct Answer {
            notes: Vec<String>,
        }
        self.call::<Answer>(&Call::of(method("Reload"))).map(|answer| answer.notes)
    }

    /// Has this process, or another one of the caller's, limited.
    ///
    /// # Errors
    /// [`ClientError`], with the path; [`Fault::NotLimited`], [`Fault::PermissionDenied`] and [`Fault::Busy`] in it.
    pub fn limit(&mut self, request: &LimitRequest) -> Result<LimitInfo, ClientError> {
        #[derive(Deserialize)]
        struct Answer {
            limited: LimitInfo,
        }
        let call = self.with(Call::of(method("Limit")), request)?;
        self.write(&call)?;
        self.reply::<Answer>(Some(LIMIT_PATIENCE)).map(|(answer, _)| answer.limited)
    }

    fn with(&self, call: Call, parameters: &impl Serialize) -> Result<Call, ClientError> {
        call.with(parameters).map_err(|error| self.unreadable(&error))
    }

    /// Calls that only ask are made once more where the supervisor was restarted as we came.
    fn call<T: DeserializeOwned>(&mut self, call: &Call) -> Result<T, ClientError> {
        match self.exchange(call) {
            Err(ClientError::Closed { path }) if self.frames.is_empty() => {
                *self = Self::dial(&[path], self.patience)?;
                self.exchange(call)
            }
            answer => answer,
        }
    }

    fn exchange<T: DeserializeOwned>(&mut self, call: &Call) -> Result<T, ClientError> {
        self.write(call)?;
        self.reply(Some(self.patience.left())).map(|(answer, _)| answer)
    }

    fn write(&mut self, call: &Call) -> Result<(), ClientError> {
        let bytes = encode(call).map_err(|error| self.unreadable(&error))?;
        match self.stream.write_all(&bytes) {
            // A supervisor with too many connections says so and closes: what it said is still to be read.
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(self.failed(error)),
            _ => Ok(()),
        }
    }

    /// The next reply, and whether another one follows it.
    fn reply<T: DeserializeOwned>(&mut self, patience: Option<Duration>) -> Result<(T, bool), ClientError> {
        let message = self.receive(patience)?;
        let reply: RawReply = serde_json::from_slice(&message).map_err(|error| self.unreadable(&error))?;
        if let Some(error) = reply.error {
            return Err(match serde_json::from_slice(&message) {
                Ok(fault) => ClientError::Refused { path: self.path.clone(), fault },
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

    #[test]
    fn who_does_not_answer_or_not_even_accept_is_given_up_in_time() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&path).expect("bound");
        let (begun, time) = (Instant::now(), Duration::from_millis(50));
        let mut waiting = Vec::new();
        loop {
            match Client::connect_within(std::slice::from_ref(&path), time) {
                Ok(mut client) if waiting.is_empty() => {
                    let error = client.status().expect_err("nobody answers").to_string();
                    assert!(error.contains("no answer within 50ms"), "{error}");
                    waiting.push(client);
                }
                Ok(client) => waiting.push(client),
                Err(error) => {
                    assert!(matches!(error, ClientError::Silent { .. }), "{error}");
                    break;
                }
            }
            assert!(waiting.len() < 10_000, "its queue has an end");
        }
        // Both waits together, with room for a busy machine, and not the five seconds of everybody else.
        assert!(begun.elapsed() < PATIENCE / 2, "{:?}", begun.elapsed());
    }

    #[test]
    fn what_was_recorded_is_asked_for_in_seconds() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("socket");
        let listener = std::os::unix::net::UnixListener::bind(&path).expect("bound");
        let supervisor = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("called");
            let mut call = vec![0; 1024];
            let count = stream.read(&mut call).expect("a call");
            let reply = br#"{"parameters":{"history":{"now":9,"since":2,"series":[],"breaks":[]}}}"#;
            stream.write_all(&[reply.as_slice(), b"\0"].concat()).expect("taken");
            call.truncate(count);
            String::from_utf8(call).expect("text")
        });
        let mut client = Client::connect(&[path]).expect("connected");
        let history = client.history(Duration::from_mins(90)).expect("an answer");
        assert_eq!((history.now.0, history.since.0), (9, 2));
        let call = r#"{"method":"io.moltdown.Watchdog.History","parameters":{"since_seconds":5400}}"#;
        assert_eq!(supervisor.join().expect("no panic"), format!("{call}\0"));
    }

    #[test]
    fn an_absent_supervisor_is_told_with_where_it_was_sought_and_what_to_do() {
        let error =
            Client::connect(&["/nowhere/a".into(), "/nowhere/b".into()]).expect_err("nobody is there");
        let text = error.to_string();
        assert!(text.contains("/nowhere/a or /nowhere/b") && text.contains("systemctl start"), "{text}");
    }
}
