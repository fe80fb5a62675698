//! A directory with a program that logs the signals it receives, and the monitor of that program.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Keeps a broken test from hanging.
pub(super) const TEST_TIMEOUT: Duration = Duration::from_mins(1);

/// Logs its pid and each signal; runs until it receives `USR2`, then exits with 5.
pub(super) const NOTES: &str = r#"
for signal in INT TERM HUP QUIT USR1 WINCH ALRM CONT; do trap "echo $signal >>log" "$signal"; done
trap 'exit 5' USR2
echo "started $$ $PPID $(ps -o pgid= -p $$)" >>log
while :; do sleep 0.02; done
"#;

pub(super) struct World {
    dir: TempDir,
    /// The daemon socket; most tests have no daemon.
    socket: PathBuf,
}

impl World {
    /// Creates it with a bash script `prog`.
    pub(super) fn new(script: &str) -> Self {
        let dir = TempDir::new().unwrap();
        let socket = dir.path().join("socket");
        let world = Self { dir, socket };
        world.program("prog", script);
        world
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }

    pub(super) fn program(&self, name: &str, script: &str) {
        fs::write(self.path(name), format!("#!/bin/bash\n{script}\n")).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// The command line that runs `command` with a monitor.
    pub(super) fn line(&self, options: &str, command: &str) -> String {
        let binary = env!("CARGO_BIN_EXE_claude-watchdog");
        let socket = self.socket.display();
        format!("{binary} run --socket {socket} --report --best-effort {options} 300M {command}")
    }

    /// A shell that runs `script`.
    pub(super) fn shell(&self, script: &str) -> Command {
        let mut shell = Command::new("bash");
        shell.args(["-c", script]).current_dir(self.dir.path()).stdin(Stdio::null());
        shell
    }

    /// The monitor in its own process group.
    pub(super) fn monitor(&self, options: &str, command: &str) -> Command {
        use std::os::unix::process::CommandExt;
        let mut shell = self.shell(&format!("exec {}", self.line(options, command)));
        shell.process_group(0).stderr(Stdio::piped()).stdout(Stdio::piped());
        shell
    }

    pub(super) fn run(&self, options: &str, command: &str) -> Output {
        self.monitor(options, command).output().unwrap()
    }

    /// The lines that the program has logged so far.
    pub(super) fn log(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("log")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    pub(super) fn noted(&self, event: &str) -> usize {
        self.log().iter().filter(|line| *line == event).count()
    }

    pub(super) fn wait_for(&self, event: &str) {
        until(&format!("{event} in the log"), || self.noted(event) > 0);
    }

    /// The program, its monitor and the process group of both, once it has started.
    pub(super) fn started(&self) -> [Pid; 3] {
        until("it starts", || self.log().iter().any(|line| line.starts_with("started ")));
        let log = self.log();
        let line = log.iter().find(|line| line.starts_with("started ")).unwrap();
        let pids: Vec<Pid> = line.split_whitespace().skip(1).map(|word| pid(word.parse().unwrap())).collect();
        pids.try_into().unwrap()
    }
}

pub(super) fn pid(number: i32) -> Pid {
    Pid::from_raw(number).unwrap()
}

pub(super) fn pid_of(child: &Child) -> Pid {
    pid(i32::try_from(child.id()).unwrap())
}

pub(super) fn send(pid: Pid, signal: Signal) {
    kill_process(pid, signal).unwrap();
}

/// The state letter in `/proc/PID/stat`; `None`: the process is gone.
pub(super) fn state(pid: Pid) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

pub(super) fn until(event: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + TEST_TIMEOUT;
    while !holds() {
        assert!(Instant::now() < end, "timeout: {event}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Reports a test that cannot run here. CI has all that is needed, so there it fails.
pub(super) fn skip(reason: &str) {
    eprintln!("skipped: {reason}");
    assert!(std::env::var_os("CI").is_none(), "skipped in CI: {reason}");
}
