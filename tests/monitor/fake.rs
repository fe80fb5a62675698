//! A daemon that applies no limit, and reports that it killed the process that requested one.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::thread;

use claude_watchdog::api::resume::Resume;
use rustix::net::sockopt::socket_peercred;
use serde_json::{Value, json};

use super::world::World;

pub(super) struct FakeDaemon {
    /// Number of limit requests.
    pub(super) limits: Arc<AtomicUsize>,
}

impl FakeDaemon {
    /// Listens at the socket of `world`. After the requests selected by `kills`, it reports a kill for `cause`.
    pub(super) fn start(
        world: &World,
        cause: &'static str,
        kills: fn(usize) -> bool,
        resume: Option<Resume>,
    ) -> Self {
        let listener = UnixListener::bind(world.socket()).unwrap();
        let limits = Arc::new(AtomicUsize::new(0));
        let (count, last) = (Arc::clone(&limits), AtomicI32::new(0));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let Some(call) = call(&mut stream) else { continue };
                let reply = if call["method"] == "io.moltdown.Watchdog.Limit" {
                    last.store(
                        socket_peercred(&stream).unwrap().pid.as_raw_nonzero().get(),
                        Ordering::SeqCst,
                    );
                    count.fetch_add(1, Ordering::SeqCst);
                    json!({ "limited": { "scope": "agent-x.scope", "limit": 314_572_800, "swap": 0, "notes": [] } })
                } else {
                    let requests = count.load(Ordering::SeqCst);
                    let action = action(cause, last.load(Ordering::SeqCst), resume.as_ref());
                    status(if kills(requests) { std::slice::from_ref(&action) } else { &[] })
                };
                let text = format!("{}\0", json!({ "parameters": reply }));
                stream.write_all(text.as_bytes()).unwrap();
            }
        });
        Self { limits }
    }
}

fn call(stream: &mut UnixStream) -> Option<Value> {
    let (mut text, mut byte) = (Vec::new(), [0]);
    while stream.read(&mut byte).ok()? == 1 {
        if byte == [0] {
            return serde_json::from_slice(&text).ok();
        }
        text.push(byte[0]);
    }
    None
}

fn action(cause: &str, pid: i32, resume: Option<&Resume>) -> Value {
    json!({
        "id": "1795000000-1", "time": jiff::Timestamp::now().to_string(), "kind": "act", "agent": format!("limited-{pid}"),
        "rule": "limited", "pid": pid, "uid": 0, "charge": 303_038_464, "threshold": 304_087_040, "signals": ["TERM"],
        "culprit": { "pid": pid, "charge": 303_038_464, "command": "prog" }, "dry_run": false, "cause": cause,
        "outcome": "exited after 0.3s, 289M freed", "resume": resume,
    })
}

fn status(actions: &[Value]) -> Value {
    json!({ "status": {
        "version": 1, "verdict": "ok", "agents": [], "actions": actions,
        "guest": { "mem_total": 1, "mem_available": 1, "swap_total": 0, "swap_free": 0, "pressure": null, "forecast": null },
    } })
}
