//! The client: blocking, because a command that asks once needs no runtime.

mod connection;
mod error;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::INTERFACE;
#[cfg(doc)]
use super::MethodError;
use super::codec::Call;
use crate::api::history::HistoryInfo;
use crate::api::status::{ActionInfo, StatusInfo};
use crate::api::{
    event_log::EventInfo,
    explanation::Explanation,
    limited::{LimitInfo, LimitRequest},
};
use crate::model::Pid;
use connection::{Connection, Deadline};

pub use error::ClientError;

/// How long connecting, writing a call and reading its reply may take, each.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a limit may take: many may be asked for at once, and the service manager does one after the other.
const LIMIT_PATIENCE: Duration = Duration::from_mins(1);

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

/// A connection to a supervisor that may be trusted.
#[derive(Debug)]
pub struct Client {
    connection: Connection,
}

impl Client {
    /// Connects to the first of `candidates` where somebody listens; see [`candidates`](super::paths::candidates).
    ///
    /// # Errors
    /// [`ClientError::Absent`] where nobody listens at all, [`ClientError::Untrusted`] where a stranger does.
    pub fn connect(candidates: &[PathBuf]) -> Result<Self, ClientError> {
        let patience = Deadline { whole: PATIENCE, until: None };
        Connection::open(candidates, patience).map(|connection| Self { connection })
    }

    /// The same, and all that is asked of it, within this time.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub fn connect_within(candidates: &[PathBuf], time: Duration) -> Result<Self, ClientError> {
        let patience = Deadline { whole: time, until: Some(Instant::now() + time) };
        Connection::open(candidates, patience).map(|connection| Self { connection })
    }

    /// The socket that answered.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.connection.path()
    }

    /// How things stand.
    ///
    /// # Errors
    /// [`ClientError`], with the path.
    pub fn status(&mut self) -> Result<StatusInfo, ClientError> {
        self.connection.call::<Status>(&Call::of(method("Status"))).map(|answer| answer.status)
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
        let call =
            self.connection.with(Call::of(method("Status")), &Question { max_wait_ms: wait.as_millis() })?;
        self.connection.call::<Status>(&call).map(|answer| answer.status)
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
        let call = self
            .connection
            .with(Call::of(method("History")), &Question { since_seconds: since.as_secs() })?;
        self.connection.call::<Answer>(&call).map(|answer| answer.history)
    }

    /// What the supervisor makes of one process.
    ///
    /// # Errors
    /// [`ClientError`], with the path; [`MethodError::NoSuchProcess`] in it where there is none.
    pub fn explain(&mut self, pid: Pid) -> Result<Explanation, ClientError> {
        #[derive(Serialize)]
        struct Question {
            pid: Pid,
        }
        #[derive(Deserialize)]
        struct Answer {
            explanation: Explanation,
        }
        let call = self.connection.with(Call::of(method("Explain")), &Question { pid })?;
        self.connection.call::<Answer>(&call).map(|answer| answer.explanation)
    }

    /// The newest events that the caller may know, the last so many of them.
    ///
    /// # Errors
    /// [`ClientError`], with the path.
    pub fn events(&mut self, last: Option<usize>) -> Result<Events, ClientError> {
        let call = self.connection.with(Call::of(method("Events")), &Last { last })?;
        self.connection.call(&call)
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
        let call = self.connection.with(Call { more: true, ..Call::of(method("Events")) }, &Last { last })?;
        self.connection.write(&call)?;
        let mut patience = Some(self.connection.left());
        loop {
            let (events, continues) = self.connection.reply(patience)?;
            if !take(events) {
                return Ok(());
            }
            if !continues {
                return Err(ClientError::Closed { path: self.path().to_owned() });
            }
            // The first answer is owed at once, the next ones when something happens.
            patience = None;
        }
    }

    /// Ends an agent; what became of it. Waits for as long as that takes.
    ///
    /// # Errors
    /// [`ClientError`], with the path; [`MethodError::NoSuchAgent`], [`MethodError::PermissionDenied`], [`MethodError::NotStopped`] in it.
    pub fn stop(&mut self, agent: &str) -> Result<ActionInfo, ClientError> {
        #[derive(Serialize)]
        struct Question<'a> {
            agent: &'a str,
        }
        #[derive(Deserialize)]
        struct Answer {
            action: ActionInfo,
        }
        let call = self.connection.with(Call::of(method("Stop")), &Question { agent })?;
        self.connection.write(&call)?;
        self.connection.reply::<Answer>(None).map(|(answer, _)| answer.action)
    }

    /// Has the configuration read anew; what should be known about it.
    ///
    /// # Errors
    /// [`ClientError`], with the path; [`MethodError::InvalidConfiguration`] and [`MethodError::PermissionDenied`] in it.
    pub fn reload(&mut self) -> Result<Vec<String>, ClientError> {
        #[derive(Deserialize)]
        struct Answer {
            notes: Vec<String>,
        }
        self.connection.call::<Answer>(&Call::of(method("Reload"))).map(|answer| answer.notes)
    }

    /// Has this process, or another one of the caller's, limited.
    ///
    /// # Errors
    /// [`ClientError`], with the path; [`MethodError::NotLimited`], [`MethodError::PermissionDenied`] and [`MethodError::Busy`] in it.
    pub fn limit(&mut self, request: &LimitRequest) -> Result<LimitInfo, ClientError> {
        #[derive(Deserialize)]
        struct Answer {
            limited: LimitInfo,
        }
        let call = self.connection.with(Call::of(method("Limit")), request)?;
        self.connection.write(&call)?;
        self.connection.reply::<Answer>(Some(LIMIT_PATIENCE)).map(|(answer, _)| answer.limited)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

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
    fn who_was_cut_off_by_a_restart_waits_for_the_socket_to_come_back() {
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
        assert_eq!(client.events(None).expect("an answer").missed, 7);
        supervisor.join().expect("no panic");
        std::fs::remove_file(&path).expect("removed");
        assert!(matches!(client.events(None), Err(ClientError::Absent { .. })), "not for ever");
    }

    #[test]
    fn an_absent_supervisor_is_told_with_where_it_was_sought_and_what_to_do() {
        let error =
            Client::connect(&["/nowhere/a".into(), "/nowhere/b".into()]).expect_err("nobody is there");
        let text = error.to_string();
        assert!(text.contains("/nowhere/a or /nowhere/b") && text.contains("systemctl start"), "{text}");
    }
}
