//! A supervisor over a `/proc` of files, with one agent in it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use claude_watchdog::api::status::{ActionInfo, StatusInfo};
use claude_watchdog::ipc::{Client, ClientError, INTERFACE};
use tempfile::TempDir;

/// Pid of the agent; no kernel gives out such a pid.
const AGENT: u32 = 2_000_000_001;

/// Only keeps a broken test from hanging.
const GUARD: Duration = Duration::from_mins(1);

pub(super) struct World {
    dir: TempDir,
}

impl World {
    /// A guest of 32 GiB with a Claude Code of the present user, and nothing else.
    pub(super) fn new() -> Self {
        let world = Self { dir: TempDir::new().unwrap() };
        let uid = rustix::process::geteuid().as_raw();
        let agent = format!("proc/{AGENT}");
        let stat = format!("{AGENT} (claude) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 500 0 0 0 1 1\n");
        let status = format!("Name:\tclaude\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\nRssAnon:\t245760 kB\n");
        let world = world
            .file("config.toml", "")
            .file("proc/meminfo", "MemTotal: 33554432 kB\nMemFree: 8388608 kB\nMemAvailable: 16777216 kB\n")
            .file(&format!("{agent}/stat"), &stat)
            .file(&format!("{agent}/status"), &status)
            .file(&format!("{agent}/cmdline"), "claude\0");
        let program = "/x/@anthropic-ai/claude-code/bin/claude.exe";
        std::os::unix::fs::symlink(program, world.path(&agent).join("exe")).unwrap();
        world
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(super) fn file(self, name: &str, text: &str) -> Self {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), text).unwrap();
        self
    }

    /// Writes a file anew.
    pub(super) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// The agent exits, and its memory is not available yet.
    pub(super) fn end_agent(&self) {
        fs::remove_dir_all(self.path(&format!("proc/{AGENT}"))).unwrap();
    }

    /// The machine runs out of memory.
    pub(super) fn fill_up(&self) {
        self.write("proc/meminfo", "MemTotal: 33554432 kB\nMemFree: 0 kB\nMemAvailable: 0 kB\n");
    }

    /// The memory of the agent becomes available.
    pub(super) fn give_back(&self) {
        let text = "MemTotal: 33554432 kB\nMemFree: 16777216 kB\nMemAvailable: 25165824 kB\n";
        self.write("proc/meminfo", text);
    }

    /// The command line to start it, without a socket.
    fn arguments(&self) -> Vec<String> {
        let place = |name: &str| self.path(name).to_str().unwrap().to_owned();
        let binary = env!("CARGO_BIN_EXE_claude-watchdog");
        let [proc, cgroup, config, state] = ["proc", "cgroup", "config.toml", "state"].map(place);
        [binary, "daemon", "--proc", &proc, "--cgroup", &cgroup, "--config", &config, "--state-dir", &state]
            .map(str::to_owned)
            .into()
    }

    /// A supervisor that listens at its own socket.
    pub(super) fn daemon(&self) -> Daemon {
        let arguments = self.arguments();
        let mut command = Command::new(&arguments[0]);
        let socket = self.path(INTERFACE);
        command.args(&arguments[1..]).arg("--socket").arg(&socket);
        Daemon::start(command, socket)
    }

    /// A supervisor that can write files of at most `kib`, as on a full disk.
    pub(super) fn cramped(&self, kib: u32) -> Daemon {
        let mut command = Command::new("bash");
        command.args(["-c", &format!("trap '' XFSZ; ulimit -f {kib}; exec \"$@\"")]).arg("bash");
        command.args(self.arguments()).arg("--socket").arg(self.path(INTERFACE));
        Daemon::start(command, self.path(INTERFACE))
    }

    /// A supervisor that is handed `passed` as descriptor 3 by a service manager that names `pid` (a shell's word)
    /// as the one it is for.
    pub(super) fn activated(&self, passed: OwnedFd, pid: &str, socket: PathBuf, more: &[&str]) -> Daemon {
        let mut command = Command::new("sh");
        let script = format!("exec 3<&0 </dev/null; export LISTEN_PID={pid} LISTEN_FDS=1; exec \"$@\"");
        command.args(["-c", &script, "sh"]).args(self.arguments()).args(more).stdin(passed);
        // The default socket must not be used.
        command.env("XDG_RUNTIME_DIR", self.path("runtime"));
        Daemon::start(command, socket)
    }
}

pub(super) struct Daemon {
    child: Child,
    socket: PathBuf,
}

impl Daemon {
    fn start(mut command: Command, socket: PathBuf) -> Self {
        command.env_remove("CLAUDE_WATCHDOG_SOCKET").stderr(Stdio::piped());
        Self { child: command.spawn().unwrap(), socket }
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn status(&self) -> StatusInfo {
        let until = Instant::now() + GUARD;
        loop {
            match Client::connect(std::slice::from_ref(&self.socket)).and_then(|mut c| c.status()) {
                Ok(status) => return status,
                Err(e) if Instant::now() > until => panic!("{e}"),
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    /// The first status after three more samples that is as `wanted`.
    pub(super) fn status_when(&self, wanted: impl Fn(&StatusInfo) -> bool) -> StatusInfo {
        let samples = |status: &StatusInfo| status.supervisor.unwrap().samples;
        let (until, before) = (Instant::now() + GUARD, samples(&self.status()));
        loop {
            let status = self.status();
            if samples(&status) >= before + 3 && wanted(&status) {
                return status;
            }
            assert!(Instant::now() < until, "{status:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(super) fn client(&self) -> Client {
        Client::connect(std::slice::from_ref(&self.socket)).unwrap()
    }

    /// Requests to stop the agent.
    pub(super) fn stop(&self) -> JoinHandle<Result<ActionInfo, ClientError>> {
        let mut client = self.client();
        std::thread::spawn(move || client.stop(&format!("claude-{AGENT}")))
    }

    /// Terminates it and returns its standard error.
    pub(super) fn end(mut self) -> Vec<String> {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.child.wait().unwrap();
        BufReader::new(self.child.stderr.take().unwrap()).lines().map(Result::unwrap).collect()
    }

    /// Its exit code, once it exits by itself.
    pub(super) fn code(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    /// Waits for a line with `wanted`; returns all lines up to it.
    pub(super) fn says(&mut self, wanted: &str) -> Vec<String> {
        let mut said = Vec::new();
        for line in BufReader::new(self.child.stderr.as_mut().unwrap()).lines() {
            said.push(line.unwrap());
            if said.last().unwrap().contains(wanted) {
                return said;
            }
        }
        panic!("it never said {wanted:?}, but {said:?}");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Number of lines with `wanted`.
pub(super) fn count(said: &[String], wanted: &str) -> usize {
    said.iter().filter(|line| line.contains(wanted)).count()
}

/// Whether `path` exists.
pub(super) fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}
