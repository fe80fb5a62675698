//! The binary, run as a user would.

#![allow(clippy::unwrap_used, reason = "in a test it is the message")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use claude_watchdog::api::explanation::Explanation;
use claude_watchdog::api::status::{AgentLevel, StatusInfo, Verdict};
use claude_watchdog::ipc::{Client, INTERFACE};
use claude_watchdog::model::MembershipReason;
use tempfile::TempDir;

/// The binary under the name `name`, as by a link.
fn called(name: &str, arguments: &[&str]) -> Command {
    use std::os::unix::process::CommandExt;
    let mut command = Command::new(env!("CARGO_BIN_EXE_claude-watchdog"));
    command.arg0(name).args(arguments).env("CLAUDE_WATCHDOG_SOCKET", "/nowhere/socket").env("NO_COLOR", "1");
    command
}

fn run(name: &str, arguments: &[&str]) -> Output {
    called(name, arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A daemon with a `/proc` of files in a temporary directory.
struct World {
    dir: TempDir,
}

impl World {
    fn new() -> Self {
        let world = Self { dir: TempDir::new().unwrap() };
        fs::create_dir(world.path("proc")).unwrap();
        let meminfo = "MemTotal: 33554432 kB\nMemFree: 8388608 kB\nMemAvailable: 16777216 kB\n";
        fs::write(world.path("proc/meminfo"), meminfo).unwrap();
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A Claude Code of this size. Its pid is higher than any real one.
    fn claude(self, pid: i32, mib: u64) -> Self {
        let dir = self.path(&format!("proc/{pid}"));
        fs::create_dir(&dir).unwrap();
        let stat = format!("{pid} (claude) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 500 0 0 0 1 1\n");
        let uid = rustix::process::geteuid().as_raw();
        let status =
            format!("Name:\tclaude\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\nRssAnon:\t{} kB\n", mib * 1024);
        fs::write(dir.join("stat"), stat).unwrap();
        fs::write(dir.join("status"), status).unwrap();
        fs::write(dir.join("cmdline"), "claude\0--model\0opus\0").unwrap();
        std::os::unix::fs::symlink("/x/@anthropic-ai/claude-code/bin/claude.exe", dir.join("exe")).unwrap();
        self
    }

    fn daemon(&self, arguments: &[&str]) -> Daemon {
        let socket = self.path(INTERFACE);
        let config = self.path("config.toml");
        if !config.exists() {
            fs::write(&config, "").unwrap();
        }
        let child = called("claude-watchdog", &["daemon", "--socket"])
            .arg(&socket)
            .arg("--config")
            .arg(&config)
            .args(["--proc".into(), self.path("proc"), "--cgroup".into(), self.path("cgroup")])
            .args(["--state-dir".into(), self.path("state")])
            .args(arguments)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Daemon { child, socket }
    }
}

struct Daemon {
    child: Child,
    socket: PathBuf,
}

impl Daemon {
    /// Its standard error up to the first line that contains `wanted`.
    fn logs_until(&mut self, wanted: &str) -> Vec<String> {
        let mut lines = Vec::new();
        for line in BufReader::new(self.child.stderr.as_mut().unwrap()).lines() {
            lines.push(line.unwrap());
            if lines.last().unwrap().contains(wanted) {
                return lines;
            }
        }
        panic!("no line with {wanted:?} in {lines:?}");
    }

    fn status(&self) -> StatusInfo {
        let until = std::time::Instant::now() + std::time::Duration::from_mins(1);
        loop {
            match Client::connect(std::slice::from_ref(&self.socket)).and_then(|mut c| c.status()) {
                Ok(status) => return status,
                Err(e) if std::time::Instant::now() > until => panic!("{e}"),
                Err(_) => std::thread::sleep(std::time::Duration::from_millis(20)),
            }
        }
    }

    /// Runs `claude-watchdog` with the socket of this daemon.
    fn command(&self, arguments: &[&str]) -> Output {
        self.status();
        let socket = self.socket.to_str().unwrap();
        called("claude-watchdog", arguments).args(["--socket", socket]).output().unwrap()
    }

    fn health(&self, arguments: &[&str]) -> Output {
        self.status();
        let socket = self.socket.to_str().unwrap();
        called("vm-health-check", arguments).args(["--socket", socket]).output().unwrap()
    }

    fn end(mut self) -> std::process::ExitStatus {
        let pid = i32::try_from(self.child.id()).unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.child.wait().unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn agents_below_their_thresholds_are_ok() {
    let world = World::new().claude(2_000_000_001, 240);
    let daemon = world.daemon(&[]);
    let output = daemon.health(&["--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let status: StatusInfo = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((status.version, status.verdict), (1, Verdict::Ok));
    assert_eq!(status.agents.len(), 1);
    let agent = &status.agents[0];
    assert_eq!((agent.rule.as_str(), agent.level), ("claude", AgentLevel::Ok));
    assert_eq!(agent.command.as_deref(), Some("claude --model opus"));
    assert_eq!((agent.warn_threshold.get() >> 30, agent.kill_threshold.get() >> 30), (8, 13));
    assert!(!daemon.socket.with_extension("gone").exists());
    let socket = daemon.socket.clone();
    assert_eq!(daemon.end().code(), Some(0));
    assert!(!socket.exists(), "it removes its socket");
}

#[test]
fn a_crossed_threshold_sets_the_exit_code() {
    let world = World::new().claude(2_000_000_001, 9 * 1024);
    let output = world.daemon(&[]).health(&[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("WARNING"), "{}", text(&output.stdout));
    let world = World::new().claude(2_000_000_001, 14 * 1024);
    let mut daemon = world.daemon(&["--dry-run"]);
    let stderr = daemon.logs_until("dry run: would");
    assert!(stderr.iter().any(|l| l.contains("over its warn threshold")), "{stderr:?}");
    let output = daemon.health(&[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stdout).contains("dry run"), "{}", text(&output.stdout));
}

/// The files show 14G, but the kernel has no such process: no signal can be sent, which is logged.
#[test]
fn signals_are_sent_to_real_processes_only() {
    let world = World::new().claude(2_000_000_001, 14 * 1024);
    let stderr = world.daemon(&[]).logs_until("sent SIGTERM");
    assert!(
        stderr.last().unwrap().contains("sent SIGTERM to 0 processes, 1 had already exited"),
        "{stderr:?}"
    );
}

#[test]
fn the_configuration_applies_and_its_mistakes_are_reported() {
    let world = World::new().claude(2_000_000_001, 240);
    fs::write(world.path("config.toml"), "[thresholds]\nwarn = \"200M\"\n").unwrap();
    let daemon = world.daemon(&[]);
    let agent = &daemon.status().agents[0];
    assert_eq!(agent.warn_threshold.get(), 200 << 20);
    drop(daemon);
    fs::write(world.path("config.toml"), "[thresholds]\nwurn = \"200M\"\n").unwrap();
    let mut daemon = world.daemon(&[]);
    let stderr = daemon.logs_until("wurn");
    assert!(stderr.last().unwrap().contains("config.toml:2"), "{stderr:?}");
    assert_eq!(daemon.child.wait().unwrap().code(), Some(78));
}

#[test]
fn a_second_daemon_cannot_use_the_socket() {
    let world = World::new();
    let first = world.daemon(&[]);
    first.status();
    let mut second = world.daemon(&[]);
    let stderr = second.logs_until(INTERFACE);
    assert_eq!(second.child.wait().unwrap().code(), Some(1), "{stderr:?}");
    first.status();
}

#[test]
fn without_a_daemon_proc_is_shown() {
    let nowhere = Path::new("/nonexistent/socket");
    let socket = ["--socket", nowhere.to_str().unwrap()];
    let output = run("vm-health-check", &[&socket[..], &["--json"]].concat());
    assert_eq!(output.status.code(), Some(3));
    let status: StatusInfo = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(status.verdict, Verdict::Unknown);
    assert!(status.guest.mem_total.get() > 0);
    assert!(status.notes[0].contains("/nonexistent/socket"), "{:?}", status.notes);
    let output = run("vm-health-check", &socket);
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stdout).starts_with("UNKNOWN"), "{}", text(&output.stdout));
}

#[test]
fn the_name_selects_the_command() {
    for (name, arguments) in
        [("vm-health-check", ["--help"].as_slice()), ("claude-watchdog", &["health", "--help"])]
    {
        let output = run(name, arguments);
        assert_eq!(output.status.code(), Some(0));
        assert!(text(&output.stdout).contains("--json"), "{name}");
    }
    assert_eq!(run("claude-watchdog", &["nonsense"]).status.code(), Some(2));
    assert_eq!(run("claude-watchdog", &["--version"]).status.code(), Some(0));
}

#[test]
fn a_closed_pipe_is_no_error() {
    let mut child = called("vm-health-check", &["--json"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(3), "unknown, not a write error");
}

#[test]
fn the_daemon_explains_a_process() {
    let world = World::new().claude(2_000_000_001, 240);
    fs::write(world.path("config.toml"), "[thresholds]\nwarn = \"200M\"\n").unwrap();
    let daemon = world.daemon(&["--dry-run"]);
    let output = daemon.command(&["explain", "2000000001", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let explanation: Explanation = serde_json::from_slice(&output.stdout).unwrap();
    assert!(explanation.watched);
    assert_eq!(explanation.membership.unwrap().joined, MembershipReason::Root);
    assert_eq!(explanation.recognition.unwrap().matched.as_deref(), Some("claude"));
    assert_eq!(explanation.memory.unwrap().charge.get(), 240 << 20);
    assert!(explanation.thresholds.unwrap().warn.origin.ends_with("config.toml:2"));
    let output = daemon.command(&["explain", "2000000001"]);
    assert!(text(&output.stdout).contains("belongs to claude-2000000001"), "{}", text(&output.stdout));
    assert!(text(&output.stdout).contains("dry run"), "{}", text(&output.stdout));
    let output = daemon.command(&["explain", "2000000002"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("there is no process 2000000002"), "{}", text(&output.stderr));
    assert!(output.stdout.is_empty());
}

#[test]
fn a_process_is_explained_without_a_daemon() {
    let nowhere = ["--socket", "/nonexistent/socket"];
    let own = std::process::id().to_string();
    let output = run("claude-watchdog", &[&nowhere[..], &["explain", &own, "--json"]].concat());
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    let explanation: Explanation = serde_json::from_slice(&output.stdout).unwrap();
    assert!(!explanation.watched && explanation.process.exe.is_some());
    assert!(explanation.notes[0].contains("/nonexistent/socket"), "{:?}", explanation.notes);
    let output = run("claude-watchdog", &[&nowhere[..], &["explain", "2000000002"]].concat());
    assert_eq!(output.status.code(), Some(1));
    for wrong in [&["explain"][..], &["explain", "0"], &["explain", "x"], &["explain", "1", "2"]] {
        assert_eq!(run("claude-watchdog", wrong).status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn check_config_reads_file_and_drop_ins_as_the_daemon() {
    let world = World::new();
    let path = world.path("config.toml");
    let checked = |arguments: &[&str]| {
        let file = ["check-config", path.to_str().unwrap()];
        run("claude-watchdog", &[&file[..], arguments].concat())
    };
    let output = checked(&[]);
    assert_eq!(output.status.code(), Some(78));
    assert!(text(&output.stderr).contains("config.toml does not exist"), "{}", text(&output.stderr));

    fs::write(&path, "[thresholds]\nkill = \"10G\"\n[rules.mine]\nexe = [\"no/such/program\"]\n").unwrap();
    fs::create_dir(world.path("config.toml.d")).unwrap();
    let drop_in = world.path("config.toml.d/50-local.toml");
    fs::write(&drop_in, "[act]\ngrace = \"20s\"\n[rules.goose]\nenabled = false\n").unwrap();
    let output = checked(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let page = text(&output.stdout);
    for wanted in ["with 2 warnings", "set to 10G", "20s", "mine", "50-local.toml:2", "disabled"] {
        assert!(page.contains(wanted), "{wanted} in {page}");
    }
    let output = checked(&["--json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["ok"], &report["rules"][0]["name"]), (&true.into(), &"mine".into()));

    fs::write(&drop_in, "[rules.mine]\nlauncher = true\n").unwrap();
    let output = checked(&["--json"]);
    assert_eq!(output.status.code(), Some(78));
    let error = &serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()["error"];
    assert_eq!((&error["line"], &error["key"]), (&2.into(), &"rules.mine.launcher".into()), "{error}");
    let output = checked(&[]);
    assert!(text(&output.stderr).contains("50-local.toml:2") && output.stdout.is_empty());
}

#[test]
fn a_reload_applies_a_valid_and_refuses_an_invalid_configuration() {
    let world = World::new().claude(2_000_000_001, 9 * 1024);
    let daemon = world.daemon(&[]);
    let thresholds = |daemon: &Daemon| {
        let agent = daemon.status().agents.remove(0);
        (agent.warn_threshold.get() >> 30, agent.kill_threshold.get() >> 30)
    };
    assert_eq!(thresholds(&daemon), (8, 13));
    fs::write(world.path("config.toml"), "[thresholds]\nwarn = \"4G\"\nkill = \"3G\"\n").unwrap();
    let applied = daemon.command(&["reload"]);
    assert_eq!(applied.status.code(), Some(0), "{}", text(&applied.stderr));
    assert!(text(&applied.stdout).contains("not below the kill threshold"), "{}", text(&applied.stdout));
    assert_eq!(thresholds(&daemon).1, 3);
    fs::write(world.path("config.toml"), "[thresholds]\nkil = \"5G\"\n").unwrap();
    let refused = daemon.command(&["reload"]);
    assert_eq!(refused.status.code(), Some(78));
    let stderr = text(&refused.stderr);
    assert!(
        stderr.contains("config.toml:2:1: unknown key `thresholds.kil`")
            && stderr.contains("stays in effect"),
        "{stderr}"
    );
    assert_eq!(thresholds(&daemon).1, 3);
}

#[test]
fn events_are_shown_and_followed_until_the_daemon_exits() {
    let world = World::new().claude(2_000_000_001, 9 * 1024);
    let mut daemon = world.daemon(&[]);
    daemon.logs_until("over its warn threshold");
    let shown = daemon.command(&["events"]);
    assert_eq!(shown.status.code(), Some(0));
    let lines: Vec<&str> = text(&shown.stdout).lines().collect();
    assert!(lines[0].contains("found") && lines[1].contains("warn"), "{lines:?}");
    let json = daemon.command(&["events", "--json", "-n", "1"]);
    let event: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((&event["kind"], &event["number"]), (&"warn".into(), &2.into()));
    let follower = called("claude-watchdog", &["events", "--follow", "--json", "--socket"])
        .arg(&daemon.socket)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut follower = Daemon { child: follower, socket: daemon.socket.clone() };
    let mut first = String::new();
    BufReader::new(follower.child.stdout.as_mut().unwrap()).read_line(&mut first).unwrap();
    assert!(first.contains("\"found\""), "{first}");
    assert_eq!(daemon.end().code(), Some(0));
    assert_eq!(follower.child.wait().unwrap().code(), Some(1), "not by request");
}

#[test]
fn stop_reports_a_dry_run_and_an_unknown_agent() {
    let world = World::new().claude(2_000_000_001, 200);
    let daemon = world.daemon(&["--dry-run"]);
    let stopped = daemon.command(&["stop", "claude-2000000001"]);
    assert_eq!(stopped.status.code(), Some(0), "{}", text(&stopped.stderr));
    assert!(text(&stopped.stdout).contains("dry run: "), "{}", text(&stopped.stdout));
    let unknown = daemon.command(&["stop", "claude-1"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(text(&unknown.stderr).contains("no agent \"claude-1\""), "{}", text(&unknown.stderr));
    let absent = run("claude-watchdog", &["stop", "claude-1", "--socket", "/nowhere/socket"]);
    assert_eq!(absent.status.code(), Some(3));
}

#[test]
fn oneline_works_with_and_without_a_daemon() {
    let world = World::new().claude(2_000_000_001, 9 * 1024);
    let mut daemon = world.daemon(&[]);
    daemon.logs_until("over its warn threshold");
    let line = daemon.health(&["--oneline"]);
    assert_eq!(line.status.code(), Some(1));
    assert!(text(&line.stdout).starts_with("WARNING claude-2000000001 is over"), "{}", text(&line.stdout));
    let alone = run("vm-health-check", &["--oneline", "--socket", "/nowhere/socket"]);
    assert_eq!(alone.status.code(), Some(3));
    assert!(
        text(&alone.stdout).starts_with("UNKNOWN the claude-watchdog daemon is not running; "),
        "{}",
        text(&alone.stdout)
    );
    assert_eq!(text(&alone.stdout).lines().count(), 1);
    assert_eq!(run("vm-health-check", &["--oneline", "--json"]).status.code(), Some(2));
}

/// A trace of `minutes` from 2 GiB that grows by `mib` MiB per minute, one sample every ten seconds.
fn trace(dir: &Path, minutes: u64, mib: u64) -> PathBuf {
    let line = |step: u64| format!("{},{}\n", step * 10, (2048 + step * mib / 6) << 20);
    let path = dir.join("trace.csv");
    fs::write(&path, "seconds,bytes\n".to_owned() + &(0..minutes * 6).map(line).collect::<String>()).unwrap();
    path
}

#[test]
fn a_trace_is_replayed_with_actions_and_forecasts() {
    let dir = TempDir::new().unwrap();
    let path = trace(dir.path(), 330, 34);
    let path = path.to_str().unwrap();
    let lines = |arguments: &[&str]| {
        let output = run("claude-watchdog", arguments);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let parsed =
            text(&output.stdout).lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        parsed.collect::<Vec<_>>()
    };
    let actions: Vec<_> =
        lines(&["replay", "--limit", "12G", path]).iter().map(|l| l["action"].clone()).collect();
    assert_eq!(actions, ["warn", "kill"]);
    let all = lines(&["replay", "--limit", "12G", "--warn", "4G", "--samples", path]);
    let forecasts: Vec<_> = all.iter().filter(|line| line["forecast"].is_object()).collect();
    assert!(forecasts.len() >= 329, "one per minute: {}", forecasts.len());
    let warned = forecasts.iter().find(|line| line["forecast"]["level"] == "warn").unwrap();
    // 10 GiB at 34 MiB a minute take 301 minutes.
    let left = 301.0 * 60.0 - warned["seconds"].as_f64().unwrap();
    assert!((50.0 * 60.0..62.0 * 60.0).contains(&left), "{warned}");
    assert_eq!(warned["forecast"]["ceiling"], "kill_threshold");
    let at = all.iter().find(|line| line["action"] == "warn").unwrap()["bytes"].as_u64().unwrap();
    assert!((4 << 30..(4 << 30) + (6 << 20)).contains(&at), "{at}");
}

#[test]
fn an_invalid_trace_is_refused_with_its_line() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("trace.csv");
    fs::write(&path, "seconds,bytes\r\n0,1\r\n20,x\r\n").unwrap();
    let wrong = run("claude-watchdog", &["replay", path.to_str().unwrap()]);
    assert_eq!(wrong.status.code(), Some(65));
    assert!(text(&wrong.stderr).contains("trace.csv:3:"), "{}", text(&wrong.stderr));
    let absent = run("claude-watchdog", &["replay", "/nowhere/trace.csv"]);
    assert_eq!(absent.status.code(), Some(1));
    assert!(text(&absent.stderr).contains("/nowhere/trace.csv"), "{}", text(&absent.stderr));
    assert_eq!(run("claude-watchdog", &["replay", "--limit", "85%", "x.csv"]).status.code(), Some(2));
    assert_eq!(
        run("claude-watchdog", &["replay", "--warn", "9G", "--kill", "8G", "x.csv"]).status.code(),
        Some(2)
    );
}

/// Runs a command with a limit that cannot be applied: a named socket is the only one tried.
fn limited(arguments: &[&str]) -> Output {
    let nowhere = ["--socket", "/nowhere/socket"];
    called("run-claude-limited", &[&nowhere, arguments].concat()).output().unwrap()
}

#[test]
fn without_a_limit_the_command_is_not_run() {
    let refused = limited(&["8G", "echo", "run"]);
    assert_eq!((refused.status.code(), text(&refused.stdout)), (Some(125), ""));
    let stderr = text(&refused.stderr);
    assert!(
        stderr.contains("systemctl start claude-watchdog") && stderr.contains("the command was not run"),
        "{stderr}"
    );
    for wrong in [&["8GB", "true"][..], &["--swap", "x", "8G", "true"], &["--name", "a/b", "8G", "true"]] {
        let output = limited(wrong);
        assert_eq!(output.status.code(), Some(125), "{wrong:?}: {}", text(&output.stderr));
        assert!(!output.stderr.is_empty(), "{wrong:?}");
    }
}

#[test]
fn with_best_effort_the_command_is_run_without_a_limit() {
    let best = |arguments: &[&str]| limited(&[&["--best-effort", "8G"], arguments].concat());
    let run = best(&["sh", "-c", "echo run; exit 7"]);
    assert_eq!((run.status.code(), text(&run.stdout)), (Some(7), "run\n"));
    assert!(text(&run.stderr).contains("without a memory limit"), "{}", text(&run.stderr));
    assert_eq!(best(&["/nowhere"]).status.code(), Some(127));
    assert_eq!(best(&["/etc/passwd"]).status.code(), Some(126));
    assert_eq!(
        std::os::unix::process::ExitStatusExt::signal(&best(&["sh", "-c", "kill -TERM $$"]).status),
        Some(15)
    );
}

#[test]
fn help_before_the_limit_is_that_of_run() {
    let help = limited(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    assert!(text(&help.stdout).contains("LIMIT"), "{}", text(&help.stdout));
}
