//! The walls of the house: which room imports which, which are pure, which files may signal. Read from the sources' `use` and other
//! paths, re-exports followed; ARCHITECTURE.md draws the same.

#![allow(clippy::unwrap_used, reason = "in a test it is the message")]

mod source;

use source::{House, SourceFile, starts_with};

/// Each room with the rooms that it may import.
const ROOMS: [(&str, &[&str]); 15] = [
    ("model", &[]),
    ("quota", &["model"]),
    ("api", &["model"]),
    ("attribution", &["model"]),
    ("rules", &["model"]),
    ("limit", &["model"]),
    ("policy", &["model", "api"]),
    ("forecast", &["model", "api"]),
    ("config", &["model", "api", "rules"]),
    ("history", &["model", "api"]),
    ("linux", &["model"]),
    ("systemd", &["model"]),
    ("ipc", &["model", "api", "quota"]),
    ("sampler", &["model", "attribution", "rules", "limit", "linux", "systemd"]),
    (
        "daemon",
        &[
            "model",
            "quota",
            "api",
            "attribution",
            "rules",
            "limit",
            "policy",
            "forecast",
            "config",
            "history",
            "linux",
            "systemd",
            "ipc",
            "sampler",
        ],
    ),
];

/// Inside `daemon`, the permitted imports of each stage; a longer path allows that file alone.
const STAGES: [(&str, &[&str]); 7] = [
    ("options", &[]),
    ("config_load", &["options"]),
    ("report", &["options"]),
    ("act", &["options", "report"]),
    ("control_loop", &["options", "config_load", "act", "report"]),
    (
        "serve",
        &[
            "options",
            "config_load",
            "error",
            "shutdown_signals",
            "report",
            "control_loop/commands",
            "control_loop/waker",
            "control_loop/active_config",
        ],
    ),
    ("standalone", &["error", "report", "serve", "control_loop/active_config"]),
];

/// Rooms without I/O, clock and async.
const PURE: [&str; 8] = ["model", "quota", "api", "attribution", "rules", "policy", "forecast", "limit"];

fn room(source: &SourceFile) -> &str {
    source.module.first().map_or("", String::as_str)
}

#[test]
fn rooms_import_only_rooms_below_them() {
    let house = House::read();
    let names = || ROOMS.iter().map(|(name, _)| *name).chain(["cli", "main", ""]);
    for source in &house.sources {
        let own = room(source);
        assert!(names().any(|name| name == own), "{own} is a room without a wall: add it to ROOMS");
        let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| *name == own) else { continue };
        for import in &source.imports {
            let other = room(&house.sources[house.file_of(import)]);
            let is_allowed = other == own || allowed.contains(&other);
            assert!(is_allowed, "{} imports crate::{}", source.file, import.join("::"));
        }
    }
}

#[test]
fn stages_of_the_daemon_import_only_stages_below_them() {
    let house = House::read();
    for source in house.below(&["daemon"]) {
        let stage = source.module.get(1).map_or("", String::as_str);
        let Some((_, allowed)) = STAGES.iter().find(|(name, _)| *name == stage) else {
            let is_free = ["", "error", "shutdown_signals", "start"].contains(&stage);
            assert!(is_free, "{stage} is a stage without a wall: add it to STAGES");
            continue;
        };
        for import in &source.imports {
            let target = &house.sources[house.file_of(import)];
            if !starts_with(&target.module, &["daemon"]) || starts_with(&target.module, &["daemon", stage]) {
                continue;
            }
            let inside = &target.module[1..];
            let is_allowed =
                allowed.iter().any(|path| starts_with(inside, &path.split('/').collect::<Vec<_>>()));
            assert!(is_allowed, "{} imports crate::{}", source.file, import.join("::"));
        }
    }
}

/// Files that import one another in a circle can be read in no order.
#[test]
fn no_files_import_one_another_in_a_circle() {
    let house = House::read();
    // A folder's own file and its children are one unit: a child may import from its parent.
    let is_parent = |one: &SourceFile, other: &SourceFile| {
        one.module.len() > other.module.len() && one.module.starts_with(&other.module)
    };
    let targets: Vec<Vec<usize>> = house
        .sources
        .iter()
        .map(|source| {
            let targets = source.imports.iter().map(|import| house.file_of(import));
            targets.filter(|target| !is_parent(source, &house.sources[*target])).collect()
        })
        .collect();
    let reach = |from: usize| {
        let (mut seen, mut open) = (vec![false; targets.len()], targets[from].clone());
        while let Some(at) = open.pop() {
            if at != from && !std::mem::replace(&mut seen[at], true) {
                open.extend(&targets[at]);
            }
        }
        seen
    };
    let reached: Vec<Vec<bool>> = (0..targets.len()).map(reach).collect();
    for (one, from_one) in reached.iter().enumerate() {
        let circle: Vec<&str> = (0..targets.len())
            .filter(|other| from_one[*other] && reached[*other][one])
            .map(|other| house.sources[other].file.as_str())
            .collect();
        assert!(circle.is_empty(), "{} stands in a circle with {circle:?}", house.sources[one].file);
    }
}

#[test]
fn the_core_has_no_io_no_clock_and_no_async() {
    const IMPURE: [&str; 9] = [
        "std::fs",
        "std::io",
        "std::net",
        "std::env",
        "std::thread",
        "std::process",
        "tokio",
        "rustix",
        "nix",
    ];
    let house = House::read();
    let pure =
        |source: &&SourceFile| PURE.contains(&room(source)) || source.file == "daemon/act/throttle/policy";
    for source in house.sources.iter().filter(pure) {
        for path in &source.externals {
            let is_impure = IMPURE.iter().any(|word| path == word || path.starts_with(&format!("{word}::")));
            assert!(!is_impure, "{} uses {path}", source.file);
        }
        let reads_clock = source.externals.iter().find(|path| path.ends_with("::now"));
        assert_eq!(reads_clock, None, "{} reads a clock", source.file);
        for word in ["SystemTime", "async"] {
            assert!(!source.identifiers.contains(word), "{} says `{word}`", source.file);
        }
    }
}

/// The calls that kill a process, or reclaim its memory.
const KILLS: [&str; 4] = ["pidfd_send_signal", "kill_process", "kill_process_group", "process_mrelease"];

fn kills(source: &SourceFile) -> Option<&'static str> {
    let call = KILLS.into_iter().find(|word| source.identifiers.contains(*word));
    let nix = source.externals.iter().any(|path| path.starts_with("nix::sys::signal::kill"));
    call.or(nix.then_some("nix::sys::signal::kill"))
        .or(source.strings.contains("cgroup.kill").then_some("cgroup.kill"))
}

#[test]
fn only_the_executor_signals() {
    for source in House::read().sources {
        let is_definition = room(&source) == "linux";
        if source.file == "daemon/act/executor" || is_definition {
            continue;
        }
        for word in ["Signaller", "CgroupKiller", "Releaser"] {
            assert!(!source.identifiers.contains(word), "{} says `{word}`", source.file);
        }
        assert_eq!(kills(&source), None, "{} can kill", source.file);
    }
}

/// The monitor of a limited command forwards signals to its own child.
#[test]
fn only_the_monitor_forks() {
    for source in House::read().sources {
        let forks = source.imports.iter().any(|import| starts_with(import, &["linux", "process", "fork"]));
        let may = starts_with(&source.module, &["cli", "run", "monitor"]);
        assert!(may || !forks, "{} forks", source.file);
    }
}

#[test]
fn each_kill_call_has_one_file_as_has_unsafe() {
    const KILLING: [&str; 4] =
        ["linux/process/pidfd", "linux/cgroup/kill", "linux/process/mrelease", "linux/process/fork"];
    // These ask for a socket's peer, take a descriptor that was passed, restore the default of a signal, set the allocator up,
    // and run before main; no library does.
    const UNSAFE: [&str; 5] = [
        "linux/process/peer",
        "linux/process/inherited_fd",
        "linux/process/signalfd",
        "linux/process/malloc",
        "linux/process/sigpipe",
    ];
    for source in House::read().sources {
        let file = source.file.as_str();
        if room(&source) == "linux" && !KILLING.contains(&file) {
            assert_eq!(kills(&source), None, "{file} can kill");
        }
        let may = KILLING.contains(&file) || UNSAFE.contains(&file);
        assert!(may || !source.identifiers.contains("unsafe"), "{file} says `unsafe`");
    }
}

/// A loop that no longer completes ticks must not appear alive to the service manager.
#[test]
fn only_a_tick_feeds_the_watchdog() {
    for source in House::read().sources {
        let may = ["daemon/control_loop/mod", "systemd/notify"].contains(&source.file.as_str());
        assert!(may || !source.identifiers.contains("tick_done"), "{} feeds the watchdog", source.file);
    }
}
