//! Clients that are slow, silent, flooding, malformed, too many or gone: other clients are not affected.

use std::io::BufRead;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use claude_watchdog::ipc::{Client, ClientError, MethodError, ServerLimits, bind};
use claude_watchdog::quota::{self, QuotaLimits, RateLimit};
use tokio::sync::watch;

use super::world::{
    FOLLOW, GENEROUS, GUARD, Peer, STATUS, Server, TestService, available, large, run, socket_in, status,
};

#[test]
fn a_flood_of_calls_is_throttled() {
    let server = Server::with(ServerLimits { calls: RateLimit { max: 5, ..quota::CALLS }, ..GENEROUS });
    let mut peer = server.connect();
    for _ in 0..7 {
        peer.send(STATUS);
    }
    server.answers_others();
    for _ in 0..7 {
        assert_eq!(available(&peer.reply().unwrap()), 1);
    }
}

#[test]
fn idle_clients_delay_no_other_and_are_dropped() {
    let server = Server::with(ServerLimits { idle_timeout: Duration::from_secs(1), ..GENEROUS });
    let silent = server.connect();
    let mut halfway = server.connect();
    halfway.write(&STATUS.as_bytes()[..10]);
    server.answers_others();
    server.wait_until_held(0);
    drop((silent, halfway));
}

#[test]
fn a_client_that_never_reads_is_dropped() {
    let server = Server::with(ServerLimits { write_timeout: Duration::from_secs(1), ..GENEROUS });
    server.publish(large(1));
    let mut deaf: Vec<_> = (0..5).map(|_| server.connect()).collect();
    for peer in &mut deaf {
        // It sees that a reply has begun, and takes no more of it.
        assert!(!peer.send(FOLLOW).0.fill_buf().unwrap().is_empty());
    }
    server.publish(status(2));
    server.answers_others();
    server.wait_until_held(0);
    server.answers_others();
}

/// Unread large replies are not kept for each of a user's connections.
#[test]
fn unread_replies_are_bounded_per_user() {
    let server = Server::with(ServerLimits {
        unread_reply_bytes: QuotaLimits { per_user: 3 << 20, root: 3 << 20, ..quota::UNREAD_REPLY_BYTES },
        ..GENEROUS
    });
    server.publish(large(1));
    let mut deaf: Vec<_> = (0..2).map(|_| server.connect()).collect();
    for peer in &mut deaf {
        assert!(!peer.send(FOLLOW).0.fill_buf().unwrap().is_empty());
    }
    let mut third = server.connect();
    let reply = third.send(FOLLOW).reply().unwrap();
    assert!(reply.to_string().contains("Busy"), "{reply}");
    assert_eq!(third.reply(), None, "and disconnected");
    // Reading makes room.
    let mut first = deaf.remove(0);
    assert_eq!(available(&first.reply().unwrap()), 1);
    assert_eq!(available(&server.connect().ask(STATUS)), 1);
}

#[test]
fn garbage_closes_the_connection() {
    let server = Server::start();
    for garbage in ["GET / HTTP/1.1\r\n\r\n", "{}", "[]", "{\"method\":7}", "\u{1b}[2J", ""] {
        assert_eq!(server.connect().send(garbage).reply(), None, "{garbage:?}");
    }
    let deep = format!(r#"{{"method":"a.B","parameters":{}"#, "[".repeat(60_000));
    assert_eq!(server.connect().send(&deep).reply(), None);
    server.answers_others();
    server.wait_until_held(0);
}

#[test]
fn an_unterminated_megabyte_closes_the_connection() {
    let server = Server::start();
    let mut peer = server.connect();
    assert_eq!(peer.write(&vec![b'x'; 1 << 20]).reply(), None);
    let mut following = server.connect();
    following.ask(FOLLOW);
    assert_eq!(following.write(&vec![b'x'; 1 << 20]).reply(), None);
    server.answers_others();
    server.wait_until_held(0);
}

#[test]
fn two_hundred_clients_at_once_are_all_answered() {
    let server = Server::start();
    let mut peers: Vec<_> = (0..200).map(|_| server.connect()).collect();
    for peer in &mut peers {
        peer.send(FOLLOW);
    }
    server.publish(status(2));
    for peer in &mut peers {
        while available(&peer.reply().unwrap()) != 2 {}
    }
    server.answers_others();
    drop(peers);
    server.wait_until_held(0);
}

#[test]
fn connections_over_the_quota_are_refused_until_others_close() {
    let server = Server::with(ServerLimits {
        connections: QuotaLimits { total: 4, per_user: 4, root: 4, reserved_for_root: 0 },
        ..GENEROUS
    });
    let mut peers: Vec<_> = (0..4).map(|_| server.connect()).collect();
    for peer in &mut peers {
        peer.ask(FOLLOW);
    }
    for _ in 0..196 {
        assert_eq!(server.connect().reply().unwrap()["error"], "io.moltdown.Watchdog.Busy");
    }
    let refused = Client::connect(&[server.path()]).unwrap().status().unwrap_err();
    assert!(matches!(refused, ClientError::Refused { error: MethodError::Busy {}, .. }), "{refused}");
    drop(peers);
    server.wait_until_held(0);
    server.answers_others();
}

#[test]
fn a_disconnected_subscriber_is_dropped_at_once() {
    let server = Server::start();
    let mut peers: Vec<_> = (0..20).map(|_| server.connect()).collect();
    for peer in &mut peers {
        peer.ask(FOLLOW);
    }
    assert_eq!(server.held(), 20);
    drop(peers);
    // Nothing is published: the server has to notice by itself.
    server.wait_until_held(0);
}

#[test]
fn a_half_closed_client_keeps_its_stream() {
    let server = Server::start();
    let mut peer = server.connect();
    peer.send(FOLLOW).finish();
    assert_eq!(available(&peer.reply().unwrap()), 1);
    server.publish(status(2));
    assert_eq!(available(&peer.reply().unwrap()), 2);
    drop(peer);
    server.wait_until_held(0);
}

/// Set for the second life of the test below, in a process with a limit that it may lower.
const FD_LIMIT_SOCKET: &str = "IPC_TEST_FD_LIMIT_SOCKET";

#[test]
fn the_server_survives_the_descriptor_limit() {
    if let Some(path) = std::env::var_os(FD_LIMIT_SOCKET) {
        return serve_with_few_fds(Path::new(&path));
    }
    let directory = tempfile::tempdir().unwrap();
    let path = socket_in(&directory);
    let mut server = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "hostile::the_server_survives_the_descriptor_limit"])
        .env(FD_LIMIT_SOCKET, &path)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let start = Instant::now();
    while !path.exists() {
        assert!(start.elapsed() < GUARD, "the server did not start");
        thread::sleep(Duration::from_millis(5));
    }
    let mut peers: Vec<_> = (0..40).map(|_| Peer::connect(&path)).collect();
    peers[0].ask(STATUS);
    drop(peers);
    let answer = Client::connect(std::slice::from_ref(&path)).unwrap().status();
    server.kill().unwrap();
    server.wait().unwrap();
    answer.unwrap();
}

fn serve_with_few_fds(path: &Path) {
    use rustix::process::{Resource, Signal, getrlimit, set_parent_process_death_signal, setrlimit};
    set_parent_process_death_signal(Some(Signal::KILL)).unwrap();
    let (listener, _file) = bind(path).unwrap();
    let limit = rustix::process::Rlimit { current: Some(24), ..getrlimit(Resource::Nofile) };
    setrlimit(Resource::Nofile, limit).unwrap();
    let (_published, receiver) = watch::channel(Arc::new(status(1)));
    let limits = GENEROUS;
    let (_log, events) = watch::channel(Arc::default());
    run(listener, TestService { status: receiver, events }, limits, std::future::pending());
}
