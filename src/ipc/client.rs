//! The client: blocking, because a command that asks once needs no runtime.

mod connection;
mod error;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::INTERFACE;
#[cfg(doc)]
use super::MethodError;
use super::codec::Call;
use super::replies::{
    EventsReply, ExplainReply, HistoryReply, LimitReply, ReloadReply, StatusReply, StopReply,
};
use crate::api::history::HistoryInfo;
use crate::api::status::{ActionInfo, StatusInfo};
use crate::api::{
    explanation::Explanation,
    limited::{LimitInfo, LimitRequest},
};
use crate::model::Pid;
use connection::{DaemonConnection, Deadline};

pub use error::ClientError;

/// Timeout of connecting, of writing a call and of reading its reply, each.
const REPLY_TIMEOUT: Duration = Duration::from_secs(5);

/// Timeout of a `Limit` call: there may be many concurrent ones, and the service manager does one after the other.
const LIMIT_REPLY_TIMEOUT: Duration = Duration::from_mins(1);

/// Parameters of `Events`.
#[derive(Serialize)]
struct EventsParameters {
    last: Option<usize>,
}

fn method(name: &str) -> String {
    format!("{INTERFACE}.{name}")
}

/// A connection to a supervisor that may be trusted.
#[derive(Debug)]
pub struct Client {
    connection: DaemonConnection,
}

impl Client {
    /// Connects to the first of `candidates` with a listener; see [`candidates`](super::paths::candidates).
    ///
    /// # Errors
    /// [`ClientError::Absent`] if none has a listener, [`ClientError::Untrusted`] if another user listens there.
    pub fn connect(candidates: &[PathBuf]) -> Result<Self, ClientError> {
        let deadline = Deadline { timeout: REPLY_TIMEOUT, until: None };
        DaemonConnection::open(candidates, deadline).map(|connection| Self { connection })
    }

    /// [`connect`](Self::connect), with one timeout for the connection and all calls together.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub fn connect_within(candidates: &[PathBuf], time: Duration) -> Result<Self, ClientError> {
        let deadline = Deadline { timeout: time, until: Some(Instant::now() + time) };
        DaemonConnection::open(candidates, deadline).map(|connection| Self { connection })
    }

    /// The socket that answered.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.connection.path()
    }

    /// Requests the status.
    ///
    /// # Errors
    /// [`ClientError`], with the path.
    pub fn status(&mut self) -> Result<StatusInfo, ClientError> {
        self.connection.call::<StatusReply>(&Call::new(method("Status"))).map(|reply| reply.status)
    }

    /// Requests the status; the supervisor may wait at most `wait` for newer figures.
    ///
    /// # Errors
    /// [`ClientError`], with the path.
    pub fn status_waiting(&mut self, wait: Duration) -> Result<StatusInfo, ClientError> {
        #[derive(Serialize)]
        struct StatusParameters {
            max_wait_ms: u128,
        }
        let call = self
            .connection
            .with(Call::new(method("Status")), &StatusParameters { max_wait_ms: wait.as_millis() })?;
        self.connection.call::<StatusReply>(&call).map(|reply| reply.status)
    }

    /// Requests the history recorded in the last `since`.
    ///
    /// # Errors
    /// [`ClientError`], with the path.
    pub fn history(&mut self, since: Duration) -> Result<HistoryInfo, ClientError> {
        #[derive(Serialize)]
        struct HistoryParameters {
            since_seconds: u64,
        }
        let call = self
            .connection
            .with(Call::new(method("History")), &HistoryParameters { since_seconds: since.as_secs() })?;
        self.connection.call::<HistoryReply>(&call).map(|reply| reply.history)
    }

    /// Requests an explanation of one process.
    ///
    /// # Errors
    /// [`ClientError`], with the path; [`MethodError::NoSuchProcess`] in it if there is none.
    pub fn explain(&mut self, pid: Pid) -> Result<Explanation, ClientError> {
        #[derive(Serialize)]
        struct ExplainParameters {
            pid: Pid,
        }
        let call = self.connection.with(Call::new(method("Explain")), &ExplainParameters { pid })?;
        self.connection.call::<ExplainReply>(&call).map(|reply| reply.explanation)
    }

    /// Requests the newest events visible to the caller, at most `last`.
    ///
    /// # Errors
    /// [`ClientError`], with the path.
    pub fn events(&mut self, last: Option<usize>) -> Result<EventsReply, ClientError> {
        let call = self.connection.with(Call::new(method("Events")), &EventsParameters { last })?;
        self.connection.call(&call)
    }

    /// Requests the newest events and then each further one. Ends when `take` returns `false`.
    ///
    /// # Errors
    /// [`ClientError`], with the path; [`ClientError::Closed`] when the supervisor shuts down.
    pub fn follow_events(
        &mut self,
        last: Option<usize>,
        mut take: impl FnMut(EventsReply) -> bool,
    ) -> Result<(), ClientError> {
        let call = self
            .connection
            .with(Call { more: true, ..Call::new(method("Events")) }, &EventsParameters { last })?;
        self.connection.write(&call)?;
        let mut timeout = Some(self.connection.left());
        loop {
            let (events, continues) = self.connection.reply(timeout)?;
            if !take(events) {
                return Ok(());
            }
            if !continues {
                return Err(ClientError::Closed { path: self.path().to_owned() });
            }
            // The first reply comes at once, the next ones with further events.
            timeout = None;
        }
    }

    /// Stops an agent and returns the result. Waits without a timeout.
    ///
    /// # Errors
    /// [`ClientError`], with the path; [`MethodError::NoSuchAgent`], [`MethodError::PermissionDenied`], [`MethodError::NotStopped`] in it.
    pub fn stop(&mut self, agent: &str) -> Result<ActionInfo, ClientError> {
        #[derive(Serialize)]
        struct StopParameters<'a> {
            agent: &'a str,
        }
        let call = self.connection.with(Call::new(method("Stop")), &StopParameters { agent })?;
        self.connection.write(&call)?;
        self.connection.reply::<StopReply>(None).map(|(reply, _)| reply.action)
    }

    /// Reloads the configuration and returns its warnings.
    ///
    /// # Errors
    /// [`ClientError`], with the path; [`MethodError::InvalidConfiguration`] and [`MethodError::PermissionDenied`] in it.
    pub fn reload(&mut self) -> Result<Vec<String>, ClientError> {
        self.connection.call::<ReloadReply>(&Call::new(method("Reload"))).map(|reply| reply.notes)
    }

    /// Limits this process, or another one of the caller's.
    ///
    /// # Errors
    /// [`ClientError`], with the path; [`MethodError::NotLimited`], [`MethodError::PermissionDenied`] and [`MethodError::Busy`] in it.
    pub fn limit(&mut self, request: &LimitRequest) -> Result<LimitInfo, ClientError> {
        let call = self.connection.with(Call::new(method("Limit")), request)?;
        self.connection.write(&call)?;
        self.connection.reply::<LimitReply>(Some(LIMIT_REPLY_TIMEOUT)).map(|(reply, _)| reply.limited)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    #[test]
    fn a_silent_supervisor_times_out() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&path).expect("bound");
        let (begun, time) = (Instant::now(), Duration::from_millis(50));
        let mut waiting = Vec::new();
        loop {
            match Client::connect_within(std::slice::from_ref(&path), time) {
                Ok(mut client) if waiting.is_empty() => {
                    let error = client.status().expect_err("no reply").to_string();
                    assert!(error.contains("no reply within 50ms"), "{error}");
                    waiting.push(client);
                }
                Ok(client) => waiting.push(client),
                Err(error) => {
                    assert!(matches!(error, ClientError::Silent { .. }), "{error}");
                    break;
                }
            }
            assert!(waiting.len() < 10_000, "the queue of a listener is bounded");
        }
        // Both waits together, with room for a busy machine, and less than the default timeout.
        assert!(begun.elapsed() < REPLY_TIMEOUT / 2, "{:?}", begun.elapsed());
    }

    #[test]
    fn history_is_requested_in_seconds() {
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
        let history = client.history(Duration::from_mins(90)).expect("an reply");
        assert_eq!((history.now.0, history.since.0), (9, 2));
        let call = r#"{"method":"io.moltdown.Watchdog.History","parameters":{"since_seconds":5400}}"#;
        assert_eq!(supervisor.join().expect("no panic"), format!("{call}\0"));
    }

    #[test]
    fn a_client_reconnects_after_a_restart_of_the_supervisor() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("socket");
        let listener = std::os::unix::net::UnixListener::bind(&path).expect("bound");
        let mut client = Client::connect(std::slice::from_ref(&path)).expect("connected");
        let place = path.clone();
        let supervisor = std::thread::spawn(move || {
            std::fs::remove_file(&place).expect("removed");
            drop(listener);
            std::thread::sleep(Duration::from_millis(100));
            let listener = std::os::unix::net::UnixListener::bind(&place).expect("bound anew");
            let (mut stream, _) = listener.accept().expect("called");
            stream.write_all(b"{\"parameters\":{\"events\":[],\"missed\":7}}\0").expect("taken");
            stream.read(&mut [0; 1024]).expect("a call")
        });
        assert_eq!(client.events(None).expect("an reply").missed, 7);
        supervisor.join().expect("no panic");
        std::fs::remove_file(&path).expect("removed");
        assert!(matches!(client.events(None), Err(ClientError::Absent { .. })), "not for ever");
    }

    #[test]
    fn an_absent_supervisor_is_reported_with_paths_and_remedy() {
        let error = Client::connect(&["/nowhere/a".into(), "/nowhere/b".into()]).expect_err("no listener");
        let text = error.to_string();
        assert!(text.contains("/nowhere/a or /nowhere/b") && text.contains("systemctl start"), "{text}");
    }
}
