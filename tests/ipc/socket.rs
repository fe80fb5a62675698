//! The socket as a file.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use claude_watchdog::ipc::{BindError, Client, ClientError, bind};

use super::world::{FOLLOW, GUARD, STATUS, Server, socket_in};

#[test]
fn a_stopping_server_closes_its_streams_and_removes_its_socket() {
    let mut server = Server::start();
    let mut peer = server.connect();
    peer.ask(FOLLOW);
    drop(server.stop.take());
    assert_eq!(peer.reply(), None);
    let start = Instant::now();
    while server.path().exists() {
        assert!(start.elapsed() < GUARD, "the socket is still there");
        thread::sleep(Duration::from_millis(5));
    }
    let absent = Client::connect(&[server.path()]).unwrap_err();
    assert!(matches!(absent, ClientError::Absent { .. }), "{absent}");
}

#[test]
fn a_stopping_server_answers_only_calls_in_progress() {
    let mut server = Server::start();
    let (mut asking, mut idle, mut half) = (server.connect(), server.connect(), server.connect());
    for peer in [&mut asking, &mut idle, &mut half] {
        peer.ask(STATUS);
    }
    half.write(b"{\"method\"");
    // Process 3 takes half a second to be explained.
    asking.send(r#"{"method":"io.moltdown.Watchdog.Explain","parameters":{"pid":3}}"#);
    drop(server.stop.take());
    assert_eq!(idle.reply(), None);
    assert!(server.path().exists(), "others are still answered");
    assert!(asking.reply().is_some_and(|reply| reply["parameters"]["explanation"]["process"]["pid"] == 3));
    assert_eq!((asking.reply(), half.reply()), (None, None));
}

#[test]
fn the_first_socket_with_a_listener_is_used() {
    let server = Server::start();
    let nowhere = server.directory.path().join("nothing").join("here");
    let client = Client::connect(&[nowhere, server.path()]).unwrap();
    assert_eq!(client.path(), server.path());
}

#[test]
fn all_users_may_connect_and_only_the_owner_may_lock() {
    let server = Server::start();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&server.path()), 0o666);
    let directory = server.directory.path().join("run");
    assert_eq!(mode(&directory), 0o755);
    assert_eq!(mode(&directory.join(".io.moltdown.Watchdog.lock")), 0o600);
}

#[test]
fn only_the_socket_of_a_dead_supervisor_is_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let path = socket_in(&directory);
    let (dead, file) = bind(&path).unwrap();
    std::mem::forget(file);
    drop(dead);
    assert!(path.exists());
    let (_living, _file) = bind(&path).unwrap();
    assert!(matches!(bind(&path), Err(BindError::Alive { .. })));
    assert!(path.exists());
}

#[test]
fn a_file_that_is_no_socket_is_not_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("precious");
    fs::write(&path, "data").unwrap();
    assert!(matches!(bind(&path), Err(BindError::NoSocket { .. })));
    assert_eq!(fs::read_to_string(&path).unwrap(), "data");
}

#[test]
fn a_successors_socket_is_not_removed() {
    let directory = tempfile::tempdir().unwrap();
    let path = socket_in(&directory);
    let (first, first_file) = bind(&path).unwrap();
    drop(first);
    let (_second, second_file) = bind(&path).unwrap();
    drop(first_file);
    assert!(path.exists(), "it is the second one's");
    drop(second_file);
    assert!(!path.exists());
}
