//! Events, history and requests that change something.

use std::io::Write;
use std::time::{Duration, Instant};

use claude_watchdog::ipc::{Client, ClientError, MethodError};
use claude_watchdog::{
    api::limited::LimitRequest,
    model::{Bytes, Pid, Uid},
};
use serde_json::{Value, json};

use super::world::{COUNTED, GUARD, Server};

const EVENTS: &str = r#"{"method":"io.moltdown.Watchdog.Events"}"#;
const FOLLOW: &str = r#"{"method":"io.moltdown.Watchdog.Events","more":true}"#;
const STOP_STUCK: &str = r#"{"method":"io.moltdown.Watchdog.Stop","parameters":{"agent":"stuck"}}"#;

fn numbers(reply: &Value) -> Vec<u64> {
    let events = reply["parameters"]["events"].as_array().unwrap();
    events.iter().map(|event| event["number"].as_u64().unwrap()).collect()
}

fn me() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[test]
fn the_last_events_can_be_requested() {
    let server = Server::start();
    let mut peer = server.connect();
    assert_eq!(peer.ask(EVENTS), json!({ "parameters": { "events": [], "missed": 0 } }));
    (0..3).for_each(|_| server.happens(Some(me())));
    assert_eq!(numbers(&peer.ask(EVENTS)), [1, 2, 3]);
    let last = r#"{"method":"io.moltdown.Watchdog.Events","parameters":{"last":1}}"#;
    assert_eq!(numbers(&peer.ask(last)), [3]);
    let wrong = r#"{"method":"io.moltdown.Watchdog.Events","parameters":{"last":-1}}"#;
    let error =
        json!({ "error": "org.varlink.service.InvalidParameter", "parameters": { "parameter": "last" } });
    assert_eq!(peer.ask(wrong), error);
}

#[test]
fn a_subscriber_gets_each_event_once() {
    let mut server = Server::start();
    server.happens(None);
    let mut peer = server.connect();
    let first = peer.ask(FOLLOW);
    assert_eq!((numbers(&first), &first["continues"]), (vec![1], &json!(true)));
    let mut seen = Vec::new();
    for _ in 0..20 {
        server.happens(None);
    }
    while seen.len() < 20 {
        seen.extend(numbers(&peer.reply().unwrap()));
    }
    assert_eq!(seen, (2..=21).collect::<Vec<u64>>());
    server.events = None;
    let last = peer.reply().unwrap();
    assert_eq!((numbers(&last), last.get("continues")), (vec![], None));
}

#[test]
fn a_slow_subscriber_gets_the_number_missed() {
    let server = Server::start();
    let mut peer = server.connect();
    peer.ask(FOLLOW);
    // More than a socket's buffer holds: some of it is gone when it is read.
    for _ in 0..20_000 {
        server.happens(None);
    }
    let (mut read, mut missed) = (0, 0);
    while read + missed < 20_000 {
        let reply = peer.reply().unwrap();
        missed += reply["parameters"]["missed"].as_u64().unwrap();
        read += u64::try_from(numbers(&reply).len()).unwrap();
    }
    assert_eq!(read + missed, 20_000, "each event is either read or counted as missed");
}

/// For root, which may see all, this proves nothing; the guest cases show it with two users.
#[test]
fn events_of_other_users_agents_are_not_shown() {
    let server = Server::start();
    let stranger = me().wrapping_add(1);
    server.happens(Some(stranger));
    server.happens(None);
    let seen = Client::connect(&[server.path()]).unwrap().events(None).unwrap();
    let numbers: Vec<u64> = seen.events.iter().map(|event| event.number).collect();
    assert_eq!(numbers, if Uid::new(me()) == Uid::ROOT { vec![1, 2] } else { vec![2] });
}

#[test]
fn a_stop_returns_its_result_or_an_error() {
    let server = Server::start();
    let stop = |agent: &str| Client::connect(&[server.path()]).unwrap().stop(agent);
    assert_eq!(stop("claude-1").unwrap().outcome, "memory is back");
    let refused = |agent: &str| match stop(agent) {
        Err(ClientError::Refused { error, .. }) => error,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused("another's"), MethodError::PermissionDenied {});
    assert_eq!(refused("no\u{1b}[1m"), MethodError::NoSuchAgent { agent: "no\u{1b}[1m".to_owned() });
    let mut peer = server.connect();
    for parameters in [json!({}), json!({ "agent": 7 }), json!({ "agent": null })] {
        let call = json!({ "method": "io.moltdown.Watchdog.Stop", "parameters": parameters });
        assert_eq!(peer.ask(&call.to_string())["parameters"], json!({ "parameter": "agent" }));
    }
}

#[test]
fn an_invalid_configuration_is_reported_with_its_place() {
    let server = Server::start();
    match Client::connect(&[server.path()]).unwrap().reload() {
        Err(ClientError::Refused { error: MethodError::InvalidConfiguration { problem }, .. }) => {
            assert_eq!(problem, "config.toml:3: no such key");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_client_that_disconnects_during_a_stop_is_dropped() {
    let server = Server::start();
    let mut peer = server.connect();
    peer.send(STOP_STUCK);
    server.wait_until_held(1);
    server.answers_others();
    drop(peer);
    server.wait_until_held(0);
    // So is one that half-closes first, or sends calls without end.
    let mut half = server.connect();
    half.send(STOP_STUCK).finish();
    server.wait_until_held(1);
    drop(half);
    server.wait_until_held(0);
    let mut talker = server.connect();
    talker.send(STOP_STUCK);
    let start = Instant::now();
    while server.held() != 0 {
        assert!(start.elapsed() < GUARD);
        let call = format!("{STOP_STUCK}\0").repeat(1000);
        let _ = talker.0.get_mut().write_all(call.as_bytes());
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_oneway_call_gets_no_reply() {
    let server = Server::start();
    let mut peer = server.connect();
    peer.send(r#"{"method":"io.moltdown.Watchdog.Stop","parameters":{"agent":"claude-1"},"oneway":true}"#);
    peer.send(r#"{"method":"io.moltdown.Watchdog.Reload","oneway":true}"#);
    assert_eq!(peer.ask(EVENTS), json!({ "parameters": { "events": [], "missed": 0 } }));
}

#[test]
fn a_stop_is_carried_out_although_its_client_disconnects() {
    let server = Server::start();
    let call = r#"{"method":"io.moltdown.Watchdog.Stop","parameters":{"agent":"counted"}"#;
    for turn in 0..200 {
        let oneway = if turn % 2 == 0 { r#","oneway":true}"# } else { "}" };
        let mut peer = server.connect();
        peer.send(&format!("{call}{oneway}"));
    }
    let heard = || COUNTED.load(std::sync::atomic::Ordering::Relaxed);
    let begun = Instant::now();
    while heard() < 200 && begun.elapsed() < GUARD {
        std::thread::sleep(Duration::from_millis(10));
    }
    server.wait_until_held(0);
    assert_eq!(heard(), 200);
}

fn history(parameters: &Value) -> String {
    json!({ "method": "io.moltdown.Watchdog.History", "parameters": parameters }).to_string()
}

#[test]
fn history_has_the_requested_length() {
    let server = Server::start();
    let mut peer = server.connect();
    let reply = peer.ask(&history(&json!({ "since_seconds": 60 })));
    let recorded = &reply["parameters"]["history"];
    assert_eq!((&recorded["since"], recorded["series"].as_array().unwrap().len()), (&json!(9940), 3));
    let reply = peer.ask(&history(&json!({})));
    assert_eq!(reply["parameters"]["history"]["since"], json!(10_000 - 3 * 3600), "three hours");
    let error = json!({ "parameter": "since_seconds" });
    assert_eq!(peer.ask(&history(&json!({ "since_seconds": "1h" })))["parameters"], error);
    let mut client = Client::connect(&[server.path()]).unwrap();
    assert_eq!(client.history(Duration::from_mins(1)).unwrap().series.len(), 3);
}

/// Each may be large, so few are written at a time; a client that disconnects releases its permit.
#[test]
fn history_replies_are_bounded() {
    let server = Server::start();
    let never = history(&json!({ "since_seconds": 86_400 * 365 }));
    let mut waiting: Vec<_> = (0..4).map(|_| server.connect()).collect();
    for peer in &mut waiting {
        peer.send(&never);
    }
    let mut peer = server.connect();
    let soon = history(&json!({ "since_seconds": 60 }));
    let busy = |reply: &Value| reply["error"] == "io.moltdown.Watchdog.Busy";
    let begun = Instant::now();
    while !busy(&peer.ask(&soon)) {
        assert!(begun.elapsed() < GUARD, "the quota is never used up");
    }
    drop(waiting);
    while busy(&peer.ask(&soon)) {
        assert!(begun.elapsed() < GUARD, "the permits are never released");
    }
}

#[test]
fn a_limit_request_applies_to_its_caller() {
    let server = Server::start();
    let mut client = Client::connect(&[server.path()]).unwrap();
    let mut request = LimitRequest {
        limit: Bytes::gib(9),
        swap: Some(Bytes::new(3)),
        name: Some("x".to_owned()),
        pid: None,
    };
    let limited = client.limit(&request).unwrap();
    assert_eq!(
        (limited.scope.as_str(), limited.limit, limited.swap),
        ("agent-x-1.scope", Bytes::new(8), Bytes::new(3))
    );
    request.limit = Bytes::new(1);
    let error = client.limit(&request).unwrap_err();
    assert!(
        matches!(&error, ClientError::Refused { error: MethodError::NotLimited { reason }, .. } if reason == "too small")
    );
    request.pid = Pid::new(1);
    let error = client.limit(&request).unwrap_err();
    assert!(matches!(error, ClientError::Refused { error: MethodError::PermissionDenied {}, .. }));
    let mut peer = server.connect();
    for (wrong, parameter) in
        [(r#"{"limit":-1}"#, "limit"), (r#"{"limit":8,"pid":0}"#, "pid"), ("{}", "limit")]
    {
        let call = format!(r#"{{"method":"io.moltdown.Watchdog.Limit","parameters":{wrong}}}"#);
        assert_eq!(peer.ask(&call)["parameters"]["parameter"], parameter, "{wrong}");
    }
}
