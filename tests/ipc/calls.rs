//! Calls and their replies.

use std::io::{Read, Write};
use std::thread;
use std::time::Duration;

use claude_watchdog::api::status::{AgentInfo, StatusInfo};
use claude_watchdog::ipc::{Client, ClientError, DESCRIPTION, MethodError};
use claude_watchdog::model::{Bytes, Pid, Uid};
use serde_json::{Value, json};

use super::world::{FOLLOW, STATUS, Server, available, explanation, large, status};

fn error(name: &str, key: &str, value: &str) -> Value {
    json!({ "error": format!("org.varlink.service.{name}"), "parameters": { key: value } })
}

#[test]
fn a_status_arrives_as_it_was_published() {
    let server = Server::start();
    server.publish(status(7));
    let seen = Client::connect(&[server.path()]).unwrap().status().unwrap();
    assert_eq!(seen.guest.mem_available, Bytes::new(7));
    let me = Uid::new(rustix::process::geteuid().as_raw());
    assert_eq!(seen, status(7).seen_by(me));
}

/// Closes the first `closed` connections after `word`, then answers one.
fn restarting(closed: usize, word: &'static [u8]) -> (tempfile::TempDir, std::path::PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    thread::spawn(move || {
        for _ in 0..closed {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(word).unwrap();
        }
        let (mut stream, _) = listener.accept().unwrap();
        let reply = json!({ "parameters": { "status": status(7) } });
        stream.write_all(format!("{reply}\0").as_bytes()).unwrap();
    });
    (directory, path)
}

#[test]
fn a_call_is_repeated_once_after_a_restart() {
    let (_directory, path) = restarting(1, b"");
    let seen = Client::connect(&[path]).unwrap().status().unwrap();
    assert_eq!(seen.guest.mem_available, Bytes::new(7));
    for (closed, word) in [(2, &b""[..]), (1, b"{\"para")] {
        let (_directory, path) = restarting(closed, word);
        let error = Client::connect(&[path]).unwrap().status().unwrap_err();
        assert!(matches!(error, ClientError::Closed { .. }), "{error}");
    }
}

#[test]
fn a_reply_keeps_the_order_of_its_fields() {
    let server = Server::start();
    let mut peer = server.connect();
    peer.send(STATUS).finish();
    let mut text = String::new();
    peer.0.read_to_string(&mut text).unwrap();
    assert!(text.starts_with(r#"{"parameters":{"status":{"version":1,"verdict":"ok","guest":{"#), "{text}");
}

#[test]
fn a_stream_sends_each_change_and_ends_with_the_supervisor() {
    let mut server = Server::start();
    let mut peer = server.connect();
    let first = peer.ask(FOLLOW);
    assert_eq!((available(&first), &first["continues"]), (1, &json!(true)));
    server.publish(status(2));
    let second = peer.reply().unwrap();
    assert_eq!((available(&second), &second["continues"]), (2, &json!(true)));
    server.published = None;
    let last = peer.reply().unwrap();
    assert_eq!((available(&last), last.get("continues")), (2, None));
}

#[test]
fn a_slow_reader_gets_the_newest_and_no_queue() {
    let server = Server::start();
    let mut peer = server.connect();
    peer.ask(FOLLOW);
    for turn in 2..200 {
        server.publish(large(turn));
        thread::sleep(Duration::from_millis(1));
    }
    let mut replies = 0;
    let queued = loop {
        let reply = peer.reply().unwrap();
        replies += 1;
        if available(&reply) == 199 {
            break replies;
        }
    };
    assert!(queued < 100, "{queued} of 198 updates were queued for a client that did not read");
}

#[test]
fn an_invalid_call_gets_an_error_with_its_name() {
    let server = Server::start();
    let mut peer = server.connect();
    let call = |method: &str, rest: &str| format!(r#"{{"method":"{method}"{rest}}}"#);
    let describe = "org.varlink.service.GetInterfaceDescription";
    for (message, expected) in [
        (
            call("io.moltdown.Watchdog.Nothing", r#","parameters":{}"#),
            error("MethodNotFound", "method", "io.moltdown.Watchdog.Nothing"),
        ),
        (call("Status", ""), error("MethodNotFound", "method", "Status")),
        (call("io.else.Where.Status", ""), error("InterfaceNotFound", "interface", "io.else.Where")),
        (
            call("io.moltdown.Watchdog.Status", r#","parameters":{"pid":1}"#),
            error("InvalidParameter", "parameter", "pid"),
        ),
        (
            call("io.moltdown.Watchdog.Status", r#","parameters":[]"#),
            error("InvalidParameter", "parameter", "parameters"),
        ),
        (
            call("io.moltdown.Watchdog.Status", r#","upgrade":true"#),
            error("MethodNotImplemented", "method", "io.moltdown.Watchdog.Status"),
        ),
        (call(describe, ""), error("InvalidParameter", "parameter", "interface")),
        (call("io.moltdown.Watchdog.Explain", ""), error("InvalidParameter", "parameter", "pid")),
        (
            call("io.moltdown.Watchdog.Explain", r#","parameters":{"pid":"1"}"#),
            error("InvalidParameter", "parameter", "pid"),
        ),
        (
            call("io.moltdown.Watchdog.Explain", r#","parameters":{"pid":0}"#),
            error("InvalidParameter", "parameter", "pid"),
        ),
        (
            call("io.moltdown.Watchdog.Explain", r#","parameters":{"pid":4294967297}"#),
            error("InvalidParameter", "parameter", "pid"),
        ),
        (
            call("io.moltdown.Watchdog.Explain", r#","parameters":{"pid":1,"uid":0}"#),
            error("InvalidParameter", "parameter", "uid"),
        ),
        (
            call(describe, r#","parameters":{"interface":7}"#),
            error("InvalidParameter", "parameter", "interface"),
        ),
        (
            call(describe, r#","parameters":{"interface":"io.else.Where"}"#),
            error("InterfaceNotFound", "interface", "io.else.Where"),
        ),
    ] {
        assert_eq!(peer.ask(&message), expected, "{message}");
    }
    assert_eq!(available(&peer.ask(STATUS)), 1, "the connection lives on");
}

#[test]
fn pipelined_calls_are_answered_in_order() {
    let server = Server::start();
    let mut peer = server.connect();
    let oneway = r#"{"method":"io.moltdown.Watchdog.Status","oneway":true,"more":true}"#;
    let unheard = r#"{"method":"no.such.Method","oneway":true}"#;
    let info = r#"{"method":"org.varlink.service.GetInfo","parameters":null,"more":true}"#;
    peer.send(STATUS).send(oneway).send(unheard).send(info).send(STATUS);
    assert_eq!(available(&peer.reply().unwrap()), 1);
    let reply = peer.reply().unwrap();
    assert_eq!(reply["parameters"]["product"], "claude-watchdog");
    assert_eq!(reply["parameters"]["interfaces"], json!(["org.varlink.service", "io.moltdown.Watchdog"]));
    assert_eq!(available(&peer.reply().unwrap()), 1);
}

#[test]
fn another_varlink_implementation_works_as_client() {
    use zlink::varlink_service::Proxy;
    let server = Server::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut connection = zlink::tokio::unix::connect(server.path()).await.unwrap();
        let info = connection.get_info().await.unwrap().unwrap();
        assert_eq!(info.version, env!("CARGO_PKG_VERSION"));
        for interface in ["io.moltdown.Watchdog", "org.varlink.service"] {
            let reply =
                connection.get_interface_description(interface.try_into().unwrap()).await.unwrap().unwrap();
            assert_eq!(reply.parse().unwrap().name().as_str(), interface);
        }
    });
    let text = r#"{"method":"org.varlink.service.GetInterfaceDescription","parameters":{"interface":"io.moltdown.Watchdog"}}"#;
    assert_eq!(server.connect().ask(text)["parameters"]["description"], DESCRIPTION);
}

#[test]
fn only_owner_and_root_see_details() {
    let full = status(1);
    assert_eq!(full.clone().seen_by(Uid::ROOT), full);
    assert_eq!(full.clone().seen_by(Uid::new(1000)), full);
    let stranger = full.clone().seen_by(Uid::new(1001));
    let text = serde_json::to_string(&stranger).unwrap();
    for secret in ["/home/alice", "node", "--resume"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    // Field by field: only totals remain.
    let AgentInfo { cwd, command, culprits, .. } = &stranger.agents[0];
    assert_eq!((cwd, command, culprits), (&None, &None, &Vec::new()));
    let whole = AgentInfo { cwd: None, command: None, culprits: Vec::new(), ..full.agents[0].clone() };
    assert_eq!(stranger, StatusInfo { agents: vec![whole], actions: Vec::new(), ..full });
}

#[test]
fn an_explanation_is_filtered_for_the_caller() {
    let server = Server::start();
    let mut client = Client::connect(&[server.path()]).unwrap();
    let pid = Pid::new(1).unwrap();
    let me = Uid::new(rustix::process::geteuid().as_raw());
    assert_eq!(client.explain(pid).unwrap(), explanation(pid).seen_by(me));
    let missing = Pid::new(2_000_000_000).unwrap();
    let refused = client.explain(missing).unwrap_err();
    let is_it = |error: &MethodError| *error == MethodError::NoSuchProcess { pid: missing };
    assert!(matches!(&refused, ClientError::Refused { error, .. } if is_it(error)), "{refused}");
    assert!(client.status().is_ok(), "the connection lives on");
    let stranger = explanation(pid).seen_by(Uid::new(1001));
    let text = serde_json::to_string(&stranger).unwrap();
    assert!(!text.contains("alice") && !text.contains("x y"), "{text}");
}

#[test]
fn a_slow_explanation_delays_no_other_client() {
    let server = Server::start();
    let mut slow = server.connect();
    slow.send(r#"{"method":"io.moltdown.Watchdog.Explain","parameters":{"pid":3}}"#);
    for _ in 0..20 {
        server.answers_others();
    }
    assert_eq!(slow.reply().unwrap()["parameters"]["explanation"]["process"]["pid"], 3);
}
