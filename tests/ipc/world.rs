//! A server to test against, and a client that sends arbitrary bytes.

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use claude_watchdog::api::history::HistoryInfo;
use claude_watchdog::api::status::{ActionInfo, StatusInfo};
use claude_watchdog::ipc::{Caller, Client, MethodError, ServerLimits, Service, bind, serve};
use claude_watchdog::quota::{self, QuotaLimits, RateLimit};
use claude_watchdog::{
    api::{
        event_log::EventLog,
        explanation::Explanation,
        limited::{LimitInfo, LimitRequest},
    },
    model::{Bytes, Pid, Uid},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{oneshot, watch};

/// Keeps a broken test from hanging; nothing is measured by it.
pub(super) const GUARD: Duration = Duration::from_mins(1);

/// Limits that no test reaches by accident, however slow the machine.
pub(super) const GENEROUS: ServerLimits = ServerLimits {
    connections: GENEROUS_QUOTA,
    calls: RateLimit { max: 1000, ..quota::CALLS },
    unread_reply_bytes: QuotaLimits { per_user: usize::MAX, root: usize::MAX, ..quota::UNREAD_REPLY_BYTES },
    history_replies: quota::HISTORY_REPLIES,
    idle_timeout: GUARD,
    write_timeout: GUARD,
};

const GENEROUS_QUOTA: QuotaLimits =
    QuotaLimits { total: 1000, per_user: 1000, root: 1000, reserved_for_root: 0 };

/// Number of stop requests for the agent `counted`, used by one test.
pub(super) static COUNTED: AtomicUsize = AtomicUsize::new(0);

pub(super) const STATUS: &str = r#"{"method":"io.moltdown.Watchdog.Status"}"#;
pub(super) const FOLLOW: &str = r#"{"method":"io.moltdown.Watchdog.Status","more":true}"#;

pub(super) fn status(available: u64) -> StatusInfo {
    serde_json::from_value(json!({
        "version": 1,
        "verdict": "ok",
        "guest": { "mem_total": 16, "mem_available": available, "swap_total": 0, "swap_free": 0 },
        "agents": [{
            "id": "claude-1", "rule": "claude", "pid": 1, "uid": 1000, "cwd": "/home/alice", "command": "claude",
            "charge": 3, "total_charge": 3, "anon": 3, "shmem": 0, "swap": 0, "processes": 2, "root_alive": true,
            "warn_threshold": 8, "kill_threshold": 13, "level": "ok",
            "culprits": [{ "pid": 2, "charge": 2, "command": "node" }],
        }],
        "actions": [{
            "id": "1", "time": "2026-11-23T14:02:05Z", "kind": "act", "agent": "claude-1", "rule": "claude",
            "pid": 1, "uid": 1000, "charge": 13, "threshold": 13, "signals": ["TERM"], "dry_run": false,
            "culprit": { "pid": 2, "charge": 2, "command": "node" },
            "outcome": "memory is back", "resume": { "cwd": null, "command": ["claude", "--resume", "1"], "shell": "claude --resume 1" },
        }],
    }))
    .unwrap()
}

/// A status too large to fit twice into a socket buffer.
pub(super) fn large(available: u64) -> StatusInfo {
    StatusInfo { notes: vec!["x".repeat(1 << 20)], ..status(available) }
}

pub(super) struct TestService {
    pub(super) status: watch::Receiver<Arc<StatusInfo>>,
    pub(super) events: watch::Receiver<Arc<EventLog>>,
}

impl Service for TestService {
    async fn status(&self, _: Option<Duration>) -> watch::Receiver<Arc<StatusInfo>> {
        self.status.clone()
    }

    fn events(&self) -> watch::Receiver<Arc<EventLog>> {
        self.events.clone()
    }

    /// A part of user 1000's agent and the guest; a request for a year never returns.
    async fn history(&self, since: Duration) -> Result<HistoryInfo, MethodError> {
        if since.as_secs() >= 86_400 * 31 {
            std::future::pending::<()>().await;
        }
        Ok(history(since))
    }

    /// Agents are `claude-1`, which exits at once, `stuck`, which never does, and `another's`.
    async fn stop(&self, agent: String, by: Caller) -> Result<ActionInfo, MethodError> {
        assert!(by.pid.is_some_and(|pid| u32::try_from(pid.get()) == Ok(std::process::id())), "{by:?}");
        match agent.as_str() {
            "claude-1" => Ok(status(1).actions.remove(0)),
            "counted" => {
                COUNTED.fetch_add(1, Ordering::Relaxed);
                std::future::pending().await
            }
            "stuck" => std::future::pending().await,
            "another's" => Err(MethodError::PermissionDenied {}),
            _ => Err(MethodError::NoSuchAgent { agent }),
        }
    }

    async fn reload(&self, _: Caller) -> Result<Vec<String>, MethodError> {
        Err(MethodError::InvalidConfiguration { problem: "config.toml:3: no such key".to_owned() })
    }

    /// Every limit is 8; a request for 1 fails.
    async fn limit(&self, request: LimitRequest, by: Caller) -> Result<LimitInfo, MethodError> {
        assert!(by.pid.is_some_and(|pid| u32::try_from(pid.get()) == Ok(std::process::id())), "{by:?}");
        match (request.pid, request.limit.get()) {
            (Some(_), _) => Err(MethodError::PermissionDenied {}),
            (None, 1) => Err(MethodError::NotLimited { reason: "too small".to_owned() }),
            (None, _) => Ok(LimitInfo {
                scope: format!("agent-{}-1.scope", request.name.unwrap_or_default()),
                limit: Bytes::new(8),
                swap: request.swap.unwrap_or_default(),
                notes: Vec::new(),
            }),
        }
    }

    async fn explain(&self, pid: Pid, reader: Uid) -> Result<Explanation, MethodError> {
        match pid.get() {
            // A process with a locked memory map.
            3 => tokio::time::sleep(Duration::from_millis(500)).await,
            1 | 2 => {}
            _ => return Err(MethodError::NoSuchProcess { pid }),
        }
        Ok(explanation(pid).seen_by(reader))
    }
}

/// The guest, an agent of user 1000 and a part of that.
pub(super) fn history(since: Duration) -> HistoryInfo {
    let series = |kind: &str| {
        json!({
            "kind": kind, "id": "x", "name": null, "pid": null, "uid": 1000, "this_boot": true,
            "points": [{ "time": 5, "seconds": 0, "min": 1, "mean": 2, "max": 3 }],
        })
    };
    serde_json::from_value(json!({
        "now": 10_000, "since": 10_000 - since.as_secs().cast_signed(), "breaks": [], "left_out": 0,
        "series": [series("guest"), series("agent"), series("part")],
    }))
    .unwrap()
}

/// A process of user 1000 that belongs to no agent.
pub(super) fn explanation(pid: Pid) -> Explanation {
    serde_json::from_value(json!({
        "version": 1,
        "watched": true,
        "process": { "pid": pid, "uid": 1000, "privileged": false, "exe": "/home/alice/bin/x", "command": "x y" },
        "because": "no rule matches it",
        "signals": { "never": true, "because": "only members of agents are ever signalled" },
        "notes": [],
    }))
    .unwrap()
}

/// A server on a thread of its own, stopped when dropped.
pub(super) struct Server {
    pub(super) directory: TempDir,
    pub(super) published: Option<watch::Sender<Arc<StatusInfo>>>,
    pub(super) events: Option<watch::Sender<Arc<EventLog>>>,
    pub(super) stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Server {
    pub(super) fn start() -> Self {
        Self::with(GENEROUS)
    }

    pub(super) fn with(limits: ServerLimits) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (published, receiver) = watch::channel(Arc::new(status(1)));
        let (log, events) = watch::channel(Arc::default());
        let published_here = TestService { status: receiver, events };
        let (stop, stopped) = oneshot::channel::<()>();
        let (listener, file) = bind(&socket_in(&directory)).unwrap();
        let thread = thread::spawn(move || {
            run(listener, published_here, limits, async {
                let _ = stopped.await;
            });
            drop(file);
        });
        Self {
            directory,
            published: Some(published),
            events: Some(log),
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    pub(super) fn publish(&self, status: StatusInfo) {
        self.published.as_ref().unwrap().send(Arc::new(status)).unwrap();
    }

    /// An event of user `uid`; `None`: of the guest.
    pub(super) fn happens(&self, uid: Option<u32>) {
        let event = serde_json::from_value(json!({
            "number": 0, "time": "2026-11-23T14:02:05Z", "kind": "found", "level": "info", "uid": uid, "charge": 3,
            "message": "found it",
        }));
        self.events.as_ref().unwrap().send_modify(|log| Arc::make_mut(log).push(event.unwrap()));
    }

    pub(super) fn path(&self) -> PathBuf {
        socket_in(&self.directory)
    }

    pub(super) fn connect(&self) -> Peer {
        Peer::connect(&self.path())
    }

    /// Connections that the server still has open: the kernel lists both their state and our directory's name.
    pub(super) fn held(&self) -> usize {
        let directory = self.directory.path().to_str().unwrap().to_owned();
        let table = fs::read_to_string("/proc/net/unix").unwrap();
        table.lines().filter(|line| line.contains(&directory) && line.split(' ').nth(5) == Some("03")).count()
    }

    pub(super) fn wait_until_held(&self, count: usize) {
        let start = Instant::now();
        while self.held() != count {
            assert!(start.elapsed() < GUARD, "{} connections are held, not {count}", self.held());
            thread::sleep(Duration::from_millis(5));
        }
    }

    pub(super) fn answers_others(&self) {
        let mut client = Client::connect(&[self.path()]).unwrap();
        client.status().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        self.thread.take().unwrap().join().unwrap();
    }
}

pub(super) fn run(
    listener: std::os::unix::net::UnixListener,
    published: TestService,
    limits: ServerLimits,
    shutdown: impl Future<Output = ()>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = tokio::net::UnixListener::from_std(listener).unwrap();
        serve(listener, Rc::new(published), limits, shutdown).await;
    });
}

pub(super) fn socket_in(directory: &TempDir) -> PathBuf {
    directory.path().join("run").join("io.moltdown.Watchdog")
}

/// A client that sends arbitrary bytes.
pub(super) struct Peer(pub(super) BufReader<UnixStream>);

impl Peer {
    pub(super) fn connect(path: &Path) -> Self {
        let stream = UnixStream::connect(path).unwrap();
        stream.set_read_timeout(Some(GUARD)).unwrap();
        stream.set_write_timeout(Some(GUARD)).unwrap();
        Self(BufReader::new(stream))
    }

    /// Sends these bytes, as they are; the server may have closed before the last.
    pub(super) fn write(&mut self, bytes: &[u8]) -> &mut Self {
        let _ = self.0.get_mut().write_all(bytes);
        self
    }

    pub(super) fn send(&mut self, message: &str) -> &mut Self {
        self.write(message.as_bytes()).write(&[0])
    }

    /// Sends nothing more, but still reads.
    pub(super) fn finish(&mut self) {
        self.0.get_mut().shutdown(Shutdown::Write).unwrap();
    }

    /// The next reply; `None` when the server has closed.
    pub(super) fn reply(&mut self) -> Option<Value> {
        let mut bytes = Vec::new();
        match self.0.read_until(0, &mut bytes) {
            Ok(_) if bytes.pop() == Some(0) => Some(serde_json::from_slice(&bytes).unwrap()),
            Ok(_) => None,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => None,
            Err(error) => panic!("{error}"),
        }
    }

    pub(super) fn ask(&mut self, message: &str) -> Value {
        self.send(message).reply().expect("a reply")
    }
}

pub(super) fn available(reply: &Value) -> u64 {
    reply["parameters"]["status"]["guest"]["mem_available"].as_u64().unwrap()
}
