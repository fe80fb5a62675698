//! `vm-health-check --trend` and `replay --from-history`, with a daemon that has a history.

#![allow(clippy::unwrap_used, reason = "in a test it is the message")]

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

const NOW: i64 = 1_795_615_560;

fn called(name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_claude-watchdog"));
    command.arg0(name).args(arguments).env("CLAUDE_WATCHDOG_SOCKET", "/nowhere/socket").env("TZ", "UTC");
    command.env("LC_ALL", "C.UTF-8");
    command
}

fn run(name: &str, arguments: &[&str]) -> Output {
    called(name, arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A daemon with an agent that grew from 7 to 9 GiB in an hour.
struct FakeDaemon {
    dir: TempDir,
}

impl FakeDaemon {
    fn new() -> Self {
        Self::with_history_busy(false)
    }

    fn with_history_busy(busy: bool) -> Self {
        let dir = TempDir::new().unwrap();
        let listener = UnixListener::bind(dir.path().join("socket")).unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                std::thread::spawn(move || reply(&stream.unwrap(), busy));
            }
        });
        Self { dir }
    }

    fn called(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = called(name, arguments);
        command.arg("--socket").arg(self.dir.path().join("socket"));
        command
    }

    fn output(&self, name: &str, arguments: &[&str]) -> Output {
        self.called(name, arguments).output().unwrap()
    }
}

/// Replies to the calls of a client. If `busy`, history calls are refused.
fn reply(stream: &UnixStream, busy: bool) {
    let mut reader = BufReader::new(stream);
    let mut call = Vec::new();
    while reader.read_until(0, &mut call).is_ok_and(|count| count > 0) {
        call.pop();
        let request: Value = serde_json::from_slice(&call).unwrap();
        let parameters = match request["method"].as_str().unwrap() {
            "io.moltdown.Watchdog.History" if busy => json!({ "busy": true }),
            "io.moltdown.Watchdog.Status" => json!({ "status": status() }),
            "io.moltdown.Watchdog.History" => {
                json!({ "history": history(request["parameters"]["since_seconds"].as_i64().unwrap()) })
            }
            other => panic!("{other}"),
        };
        let reply = if parameters["busy"] == true {
            json!({ "error": "io.moltdown.Watchdog.Busy", "parameters": {} })
        } else {
            json!({ "parameters": parameters })
        };
        let reply = reply.to_string() + "\0";
        // The client may have disconnected.
        let _ = (&mut &*stream).write_all(reply.as_bytes());
        call.clear();
    }
}

fn status() -> Value {
    let gib = 1_u64 << 30;
    json!({
        "version": 1, "verdict": "warning",
        "guest": {"mem_total": 16 * gib, "mem_available": 6 * gib, "swap_total": 0, "swap_free": 0, "pressure": null},
        "agents": [{
            "id": "claude-1234", "parent": null, "rule": "claude", "pid": 1234, "uid": 1000, "charge": 9 * gib,
            "total_charge": 9 * gib, "anon": 9 * gib, "shmem": 0, "swap": 0, "processes": 3, "root_alive": true,
            "warn_threshold": 8 * gib, "kill_threshold": 13 * gib, "level": "warned", "culprits": [],
            "forecast": {
                "level": "watch", "trend": "oom_predicted:120", "bytes_per_hour": 2 * gib, "ceiling": "kill_threshold",
                "ceiling_bytes": 13 * gib, "eta_seconds": 7200.0, "eta_low_seconds": 5400.0,
                "eta_high_seconds": 9000.0, "reason": "its floor rose",
            },
        }],
    })
}

fn history(since: i64) -> Value {
    let point = |minute: i64| {
        let bytes = (7 << 30) + (minute << 30) / 30;
        json!({"time": NOW - 3600 + minute * 60, "seconds": 60, "min": bytes, "mean": bytes, "max": bytes})
    };
    let points: Vec<_> = (0..60).map(point).collect();
    let series = |kind: &str, id: &str, pid: Option<u32>| json!({"kind": kind, "id": id, "pid": pid, "uid": 1000, "this_boot": true, "points": points});
    let all = [series("guest", "guest", None), series("agent", "claude-1234", Some(1234))];
    json!({"now": NOW, "since": NOW - since, "series": all, "breaks": [], "left_out": 3})
}

#[test]
fn the_trend_has_the_exit_code_of_the_plain_page() {
    let output = FakeDaemon::new().output("vm-health-check", &["-t", "--since", "1h"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let page = text(&output.stdout);
    assert!(page.starts_with("WARNING   claude-1234 is over its warn threshold"), "{page}");
    assert!(page.contains("█") && page.contains(" 13:30 ") && page.contains("kill threshold 13G"), "{page}");
    assert!(page.contains("reaches the kill threshold of 13G at 16:06, between 15:36 and 16:36"), "{page}");
    assert!(page.contains("oom_predicted:120"), "{page}");
}

#[test]
fn character_set_and_time_zone_are_those_of_the_environment() {
    let daemon = FakeDaemon::new();
    let zone = "CET-1CEST,M3.5.0,M10.5.0/3";
    let output =
        daemon.called("vm-health-check", &["-t"]).env("LC_ALL", "C").env("TZ", zone).output().unwrap();
    let page = text(&output.stdout);
    assert!(page.is_ascii() && page.contains("at 17:06, between 16:36 and 17:36"), "{page}");
}

#[test]
fn json_has_the_points() {
    let output = FakeDaemon::new().output("vm-health-check", &["--trend", "--json", "--since", "2h"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((report["version"].as_i64(), report["now"].as_i64()), (Some(1), Some(NOW)));
    assert_eq!(report["since"].as_i64(), Some(NOW - 7200));
    assert_eq!(report["guest"]["trend"], "insufficient_data");
    let agent = &report["agents"][0];
    assert_eq!((&agent["id"], &agent["trend"]), (&json!("claude-1234"), &json!("oom_predicted:120")));
    assert_eq!(agent["points"].as_array().map(Vec::len), Some(60));
    assert!(agent["parts"].is_array() && report["breaks"].is_array(), "{report}");
}

#[test]
fn without_a_daemon_proc_is_shown() {
    let nowhere = ["--socket", "/nowhere/socket"];
    let page = run("vm-health-check", &[&["--trend"], &nowhere[..]].concat());
    assert_eq!(page.status.code(), Some(3));
    let page = text(&page.stdout);
    assert!(page.starts_with("UNKNOWN") && page.contains("/nowhere/socket"), "{page}");
    assert!(page.ends_with("insufficient_data\n"), "{page}");
    let output = run("vm-health-check", &[&["--trend", "--json"], &nowhere[..]].concat());
    assert_eq!(output.status.code(), Some(3));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&report["guest"]["trend"], &report["guest"]["points"]),
        (&json!("insufficient_data"), &json!([]))
    );
    let span = report["now"].as_i64().unwrap() - report["since"].as_i64().unwrap();
    assert_eq!(span, 3 * 3600);
}

#[test]
fn an_invalid_span_is_a_usage_error() {
    for wrong in [
        ["--trend", "--oneline"].as_slice(),
        &["--since", "1h"],
        &["--trend", "--since", "59s"],
        &["--trend", "--since", "31d"],
    ] {
        assert_eq!(run("vm-health-check", wrong).status.code(), Some(2), "{wrong:?}");
    }
    let report = run("vm-health-check", &["--trend", "--since", "6"]);
    assert!(text(&report.stderr).contains("a time from 1m to 30d"), "{}", text(&report.stderr));
    for wrong in
        [["replay"].as_slice(), &["replay", "--from-history", "x.csv"], &["replay", "--since", "1h", "x.csv"]]
    {
        assert_eq!(run("claude-watchdog", wrong).status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn a_closed_pipe_is_no_error() {
    let daemon = FakeDaemon::new();
    for (name, arguments, code) in [
        ("vm-health-check", ["--trend"].as_slice(), 1),
        ("claude-watchdog", &["replay", "--from-history", "--json", "--samples"], 0),
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let status = daemon.called(name, arguments).stdout(Stdio::from(writer)).status().unwrap();
        assert_eq!(status.code(), Some(code), "{name}");
    }
}

#[test]
fn a_history_is_replayed_with_effective_or_given_thresholds() {
    let daemon = FakeDaemon::new();
    let replayed = |arguments: &[&str]| {
        let output = daemon.output("claude-watchdog", &[&["replay", "--from-history"], arguments].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stdout).to_owned()
    };
    let own = replayed(&["--since", "2h"]);
    assert_eq!(
        own,
        "machine: no action\n13:36 claude-1234 would have been reported at 8G: over its warn threshold\n"
    );
    let output = replayed(&["--warn", "7500M", "--kill", "9000M"]);
    assert!(output.contains("claude-1234 would have been killed at 8.8G"), "{output}");
    let lines = replayed(&["--json"]);
    let line: Value = serde_json::from_str(lines.trim()).unwrap();
    assert_eq!((&line["series"], &line["action"]), (&json!("claude-1234"), &json!("warn")));
    let crossed = daemon.output("claude-watchdog", &["replay", "--from-history", "--warn", "14G"]);
    assert_eq!(crossed.status.code(), Some(2), "its kill threshold is 13G");
    let absent = run("claude-watchdog", &["replay", "--from-history", "--socket", "/nowhere/socket"]);
    assert_eq!(absent.status.code(), Some(3), "{}", text(&absent.stderr));
}

#[test]
fn series_that_do_not_fit_are_reported() {
    let daemon = FakeDaemon::new();
    let sentence = "3 more series do not fit into one reply; use a shorter --since";
    let output = daemon.output("vm-health-check", &["--trend"]);
    assert!(text(&output.stdout).contains(sentence), "{}", text(&output.stdout));
    let output = daemon.output("claude-watchdog", &["replay", "--from-history"]);
    assert!(text(&output.stderr).contains(sentence), "{}", text(&output.stderr));
    let output = daemon.output("vm-health-check", &["--trend", "--json"]);
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap()["left_out"], 3);
}

#[test]
fn without_a_readable_history_there_is_still_a_verdict() {
    let daemon = FakeDaemon::with_history_busy(true);
    let output = daemon.output("vm-health-check", &["--trend"]);
    let page = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "its verdict: {page}");
    assert!(page.contains("claude-1234") && page.contains("insufficient_data"), "{page}");
    assert!(page.contains("cannot show the recorded history: "), "{page}");
    let output = daemon.output("vm-health-check", &["--trend", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &report["left_out"]), (Some(1), &json!(0)));
    assert!(report["notes"][0].as_str().unwrap().contains("cannot show"), "{report}");
}
