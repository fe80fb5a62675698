//! The rooms of the house import `model` and not one another; the core is pure.

#![allow(clippy::unwrap_used, reason = "in a test it is the message")]

use std::fs;
use std::path::{Path, PathBuf};

/// All sources of a room, tests aside: those may build a world from anywhere.
fn sources(room: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(room)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("tests.rs") {
                found.push(path);
            }
        }
    }
    assert!(!found.is_empty(), "{room} has no sources");
    found
}

/// The code of a file above its tests, without comments.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    code.lines().filter(|l| !l.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn refuse(room: &str, words: &[&str]) {
    for path in sources(room) {
        let code = code(&path);
        for word in words {
            assert!(!code.contains(word), "{} says `{word}`", path.display());
        }
    }
}

#[test]
fn rooms_import_the_model_and_not_one_another() {
    const ROOMS: [&str; 11] = [
        "policy", "forecast", "history", "limit", "config", "linux", "systemd", "ipc", "sampler", "daemon",
        "cli",
    ];
    for room in ["model", "policy", "forecast", "history", "limit", "config", "linux", "systemd", "ipc"] {
        for other in ROOMS.iter().filter(|other| **other != room) {
            refuse(room, &[&format!("crate::{other}")]);
        }
    }
    refuse("daemon", &["crate::cli"]);
}

#[test]
fn the_core_has_no_io_no_clock_and_no_async() {
    let impure = [
        "std::fs",
        "std::io",
        "std::net",
        "std::env",
        "std::thread",
        "Instant",
        "SystemTime",
        "async ",
        "tokio",
        "rustix",
    ];
    for room in ["model", "api", "attribution", "rules", "policy", "forecast", "limit"] {
        refuse(room, &impure);
    }
}

/// What ends processes, or takes their memory from them.
const ENDS: [&str; 5] =
    ["pidfd_send_signal", "kill_process", "cgroup.kill", "process_mrelease", "nix::sys::signal::kill"];

#[test]
fn only_the_executor_signals() {
    for room in [
        "model",
        "api",
        "attribution",
        "rules",
        "policy",
        "limit",
        "config",
        "systemd",
        "ipc",
        "sampler",
        "daemon",
        "cli",
    ] {
        for path in sources(room).iter().filter(|path| !path.ends_with("daemon/act/executor.rs")) {
            let code = code(path);
            for word in ["Signaller", "CgroupKiller", "Releaser"].iter().chain(&ENDS) {
                assert!(!code.contains(word), "{} says `{word}`", path.display());
            }
        }
    }
}

/// The monitor of a limited command forwards signals to its own child.
#[test]
fn only_the_monitor_forks() {
    for room in [
        "model",
        "api",
        "attribution",
        "rules",
        "policy",
        "limit",
        "config",
        "systemd",
        "ipc",
        "sampler",
        "daemon",
        "cli",
    ] {
        let is_monitor =
            |path: &Path| path.parent().is_some_and(|folder| folder.ends_with("cli/run/monitor"));
        for path in sources(room).iter().filter(|path| !is_monitor(path)) {
            assert!(!code(path).contains("process::fork"), "{} forks", path.display());
        }
    }
}

#[test]
fn each_way_to_end_a_process_has_one_file() {
    let files = [
        "linux/process/pidfd.rs",
        "linux/cgroup/kill.rs",
        "linux/process/mrelease.rs",
        "linux/process/fork.rs",
    ];
    for path in sources("linux").iter().filter(|path| !files.iter().any(|file| path.ends_with(file))) {
        let code = code(path);
        for word in ENDS {
            assert!(!code.contains(word), "{} says `{word}`", path.display());
        }
        // Asks who is at the other end of a socket, takes a descriptor that was passed, puts the default back for a signal,
        // tells the allocator what to do, asks before Rust's start; no library does.
        let other = [
            "process/peer.rs",
            "process/inherited_fd.rs",
            "process/signalfd.rs",
            "process/malloc.rs",
            "process/sigpipe.rs",
        ];
        let other = other.map(|name| Path::new("linux").join(name));
        if !other.iter().any(|file| path.ends_with(file)) {
            assert!(!code.contains("unsafe"), "{} says `unsafe`", path.display());
        }
    }
}

/// A loop that no longer completes ticks must not look alive to the service manager.
#[test]
fn only_a_tick_feeds_the_watchdog() {
    for path in sources("daemon").iter().chain(&sources("cli")) {
        let in_loop = path.parent().is_some_and(|folder| folder.ends_with("daemon/control_loop"));
        assert!(in_loop || !code(path).contains("tick_done("), "{} feeds the watchdog", path.display());
    }
}
