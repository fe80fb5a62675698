//! Arbitrary bytes in arbitrary pieces: the server still answers other clients, and every reply is Varlink.

use std::io::Read;
use std::time::Duration;

use claude_watchdog::ipc::codec::Frames;
use claude_watchdog::ipc::{Client, ClientError};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::world::Server;

const METHODS: [&str; 8] = [
    "io.moltdown.Watchdog.Status",
    "io.moltdown.Watchdog.Events",
    "io.moltdown.Watchdog.Explain",
    "io.moltdown.Watchdog.Stop",
    "io.moltdown.Watchdog.Reload",
    "io.moltdown.Watchdog.Nothing",
    "org.varlink.service.GetInfo",
    "org.varlink.service.GetInterfaceDescription",
];

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(json!("claude-1")),
        (1..4_i64).prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::btree_map("[a-z]{1,8}", inner, 0..3).prop_map(|map| json!(map)),
        ]
    })
}

/// A call as a client might send it, right or nearly so.
fn call() -> impl Strategy<Value = Vec<u8>> {
    let key = prop_oneof!["pid", "agent", "last", "interface", "[a-z]{1,6}"];
    let parameters = proptest::collection::btree_map(key, value(), 0..3);
    let flags = (any::<bool>(), any::<bool>(), proptest::bool::weighted(0.1));
    (0..METHODS.len(), parameters, flags).prop_map(|(method, parameters, (more, oneway, upgrade))| {
        let call = json!({
            "method": METHODS[method], "parameters": parameters, "more": more, "oneway": oneway, "upgrade": upgrade,
        });
        let mut bytes = call.to_string().into_bytes();
        bytes.push(0);
        bytes
    })
}

/// Calls, calls with some bytes changed, random bytes, deep nesting.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let changed =
        (call(), vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)).prop_map(|(mut call, changes)| {
            for (at, byte) in changes {
                let at = at.index(call.len());
                call[at] = byte;
            }
            call
        });
    let nest = (0..70_000_usize).prop_map(|depth| b"[".repeat(depth));
    prop_oneof![4 => call(), 4 => changed, 2 => vec(any::<u8>(), 0..200), 1 => nest]
}

/// Every complete message of the reply.
fn messages(answered: &[u8]) -> Vec<Value> {
    let mut parts: Vec<&[u8]> = answered.split(|byte| *byte == 0).collect();
    // The bytes after the last NUL are an incomplete message.
    parts.pop();
    parts.iter().map(|part| serde_json::from_slice(part).expect("JSON")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_input_does_not_affect_other_clients(pieces in vec((bytes(), any::<bool>()), 1..6)) {
        let server = Server::start();
        server.happens(None);
        let mut peer = server.connect();
        for (piece, pause) in &pieces {
            peer.write(piece);
            if *pause {
                std::thread::yield_now();
            }
        }
        peer.0.get_mut().set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let mut answered = Vec::new();
        // Streams have no end: the messages received in this time are checked.
        let _ = peer.0.read_to_end(&mut answered);
        for message in messages(&answered) {
            let fields = message.as_object().expect("an object");
            prop_assert!(fields.contains_key("parameters"), "{message}");
            let known = ["parameters", "error", "continues"];
            prop_assert!(fields.keys().all(|key| known.contains(&key.as_str())), "{message}");
        }
        drop(peer);
        server.wait_until_held(0);
        server.answers_others();
    }

    #[test]
    fn a_client_survives_arbitrary_replies(answer in vec(bytes(), 0..3)) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let answer = answer.concat();
        let (over, is_over) = std::sync::mpsc::channel::<()>();
        let answers = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if is_over.try_recv().is_ok() {
                    return;
                }
                let mut stream = stream.unwrap();
                let mut call = [0; 256];
                let _ = stream.read(&mut call);
                let _ = std::io::Write::write_all(&mut stream, &answer);
            }
        });
        let ask = || Client::connect(std::slice::from_ref(&path)).unwrap();
        let failed = |error: Option<ClientError>| error.is_none_or(|error| error.to_string().contains("socket"));
        prop_assert!(failed(ask().status().err()));
        prop_assert!(failed(ask().stop("claude-1").err()));
        prop_assert!(failed(ask().follow_events(None, |_| true).err()));
        over.send(()).unwrap();
        drop(std::os::unix::net::UnixStream::connect(&path).unwrap());
        answers.join().unwrap();
    }

    #[test]
    fn messages_are_the_same_however_they_are_cut(
        text in vec(prop_oneof![3 => any::<u8>(), 1 => Just(0)], 0..300),
        cuts in vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
        cuts.sort_unstable();
        cuts.insert(0, 0);
        cuts.push(text.len());
        let (mut frames, mut found) = (Frames::new(64), Vec::new());
        let mut over = false;
        for pair in cuts.windows(2) {
            frames.buffer().extend(&text[pair[0]..pair[1]]);
            while !over {
                match frames.next_message() {
                    Ok(Some(message)) => found.push(message),
                    Ok(None) => break,
                    Err(_) => over = true,
                }
            }
        }
        let mut whole: Vec<Vec<u8>> = text.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
        let rest = whole.pop().unwrap_or_default();
        let short = whole.iter().take_while(|message| message.len() <= 64).count();
        prop_assert_eq!(&found, &whole[..short]);
        prop_assert_eq!(over, short < whole.len() || (short == whole.len() && rest.len() > 64));
    }
}
