//! Sockets passed by a service manager.

use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};

use claude_watchdog::ipc::{Client, ClientError, INTERFACE, MethodError};

use super::world::{World, count, exists};

#[test]
fn a_passed_socket_is_used_and_not_removed() {
    let world = World::new();
    let path = world.path("passed");
    let listener = UnixListener::bind(&path).unwrap();
    let pass = || OwnedFd::from(listener.try_clone().unwrap());
    let daemon = world.activated(pass(), "$$", path.clone(), &[]);
    assert_eq!(daemon.status().agents.len(), 1);
    let descriptor = std::fs::read_to_string(format!("/proc/{}/fdinfo/3", daemon.pid())).unwrap();
    let flags = descriptor.lines().find_map(|line| line.strip_prefix("flags:")).unwrap().trim();
    let flags = u32::from_str_radix(flags, 8).unwrap();
    assert!(flags & 0o2_000_000 != 0, "it is not inherited: {flags:o}");
    assert!(flags & 0o4_000 != 0, "it does not block: {flags:o}");
    daemon.end();
    assert!(exists(&path), "its file is not ours");
    // No daemon runs, but the service manager listens: a client waits for the next daemon.
    let waiting = {
        let path = path.clone();
        std::thread::spawn(move || Client::connect(&[path]).and_then(|mut client| client.status()))
    };
    let daemon = world.activated(pass(), "$$", path, &[]);
    assert_eq!(waiting.join().unwrap().unwrap().agents.len(), 1);
    drop(daemon);
}

#[test]
fn a_socket_passed_to_another_process_is_ignored() {
    let world = World::new();
    let passed = UnixListener::bind(world.path("passed")).unwrap();
    let own = world.path(INTERFACE);
    let named = ["--socket", own.to_str().unwrap()];
    for pid in ["1", "", "x"] {
        let daemon = world.activated(passed.try_clone().unwrap().into(), pid, own.clone(), &named);
        if pid == "1" {
            assert_eq!(daemon.status().agents.len(), 1);
            assert!(exists(&own));
        } else {
            let mut daemon = daemon;
            daemon.says("supervising without a socket");
        }
    }
}

#[test]
fn supervision_starts_without_a_usable_passed_socket() {
    let world = World::new();
    let (connection, _other) = UnixStream::pair().unwrap();
    let file = std::fs::File::open(world.path("config.toml")).unwrap();
    for passed in [OwnedFd::from(connection), file.into()] {
        let mut daemon = world.activated(passed, "$$", world.path("none"), &[]);
        let said = daemon.says("supervising without a socket");
        assert!(said.last().unwrap().contains("no Unix socket that listens"), "{said:?}");
        assert_eq!(count(&daemon.end(), "stopping"), 1);
    }
}

#[test]
fn a_passed_socket_precedes_the_option() {
    let world = World::new();
    let (path, named) = (world.path("passed"), world.path("named"));
    let listener = UnixListener::bind(&path).unwrap();
    let arguments = ["--socket", named.to_str().unwrap()];
    let daemon = world.activated(listener.into(), "$$", path, &arguments);
    daemon.status();
    assert!(!exists(&named));
    assert_eq!(count(&daemon.end(), "listening on the socket that systemd opened"), 1);
}

#[test]
fn waiting_clients_get_an_error_if_the_daemon_cannot_start() {
    let world = World::new().file("config.toml", "[thresholds\n");
    let path = world.path("passed");
    let listener = UnixListener::bind(&path).unwrap();
    listener.set_nonblocking(true).unwrap();
    let mut waiting: Vec<_> = (0..3).map(|_| Client::connect(std::slice::from_ref(&path)).unwrap()).collect();
    let mut daemon = world.activated(listener.try_clone().unwrap().into(), "$$", path, &[]);
    assert_eq!(daemon.code(), Some(78));
    for client in &mut waiting {
        let error = client.status().unwrap_err();
        assert!(matches!(error, ClientError::Refused { error: MethodError::Unconfigured {}, .. }), "{error}");
        assert!(error.to_string().contains("claude-watchdog check-config"), "{error}");
    }
    assert!(listener.accept().is_err(), "no client reconnects, or the daemon would be started again");
}
