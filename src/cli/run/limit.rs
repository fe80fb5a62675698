//! Has the limit applied to this process: by the daemon, else by the service manager directly.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::messages::{fail, say};
use crate::api::limited::{LimitInfo, LimitRequest};
use crate::cli::exit;
use crate::cli::terminal::escape_for_terminal;
use crate::daemon::standalone;
use crate::ipc::paths::SYSTEM_SOCKET;
use crate::ipc::{Client, ClientError, MethodError, paths};
use crate::limit;
use crate::linux::procfs::Proc;
use crate::systemd;

/// How long a busy daemon is retried: it accepts 16 connections per user at a time.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// Minimum pause between two tries. Each process adds a part of its own, so that they do not all retry at once.
const RETRY_INTERVAL_MS: u64 = 50;

/// How long a daemon that is being restarted is waited for. A restart takes its socket away for some ten milliseconds.
/// If the daemon was stopped, each limited command is delayed by this much before it does without.
const RECONNECT_TIMEOUT: Duration = Duration::from_millis(1500);

/// Why there is no limit.
#[derive(Debug, thiserror::Error)]
enum RunLimitError {
    /// The daemon refused.
    #[error("{0}")]
    Refused(MethodError),
    /// No daemon, and it failed without one.
    #[error("the claude-watchdog daemon is not running, and without it: {standalone}{}", start_hint())]
    NoDaemon {
        /// Why it failed without a daemon.
        standalone: MethodError,
    },
    #[error(transparent)]
    Client(ClientError),
}

/// The hint to start the daemon. Without systemd, a daemon could do no more than this process.
fn start_hint() -> &'static str {
    if !systemd::is_booted() {
        return "";
    }
    "; start it with `systemctl start claude-watchdog`, or see `systemctl status claude-watchdog`"
}

/// The precondition for running the command.
#[derive(Clone, Copy, Debug)]
pub(super) struct LimitSetup<'a> {
    pub(super) request: &'a LimitRequest,
    /// The command may run without a limit.
    pub(super) best_effort: bool,
    pub(super) socket: Option<&'a Path>,
}

impl LimitSetup<'_> {
    /// Has this process limited; `None`: there is no limit, as `best_effort` allows. Prints warnings. An error is the
    /// exit code, and its message is printed.
    pub(super) fn apply(&self) -> Result<Option<LimitInfo>, u8> {
        match request_limit(self.request, self.socket) {
            Ok(limited) => {
                limited.notes.iter().for_each(|note| say(&escape_for_terminal(note)));
                Ok(Some(limited))
            }
            Err(error) if self.best_effort => {
                let error = escape_for_terminal(&error.to_string());
                say(&format!("{error}; running without a memory limit"));
                Ok(None)
            }
            Err(error) => {
                let error = escape_for_terminal(&error.to_string());
                Err(fail(&format!("{error}; the command was not run"), exit::UNLIMITED))
            }
        }
    }
}

/// Whether this process is in a scope that limits it and that the user's own manager made.
fn is_limited_by_user_manager() -> bool {
    let proc = Proc::open(Path::new("/proc")).ok();
    let own = proc.and_then(|proc| limit::any_scope_of(&proc.own_cgroup()?));
    systemd::is_booted() && own.is_some_and(|scope| limit::scope_of(&scope).is_none())
}

fn request_limit(request: &LimitRequest, socket: Option<&Path>) -> Result<LimitInfo, RunLimitError> {
    // Only the user's own manager can tighten a limit that it set; the daemon would have to move us out of it.
    if socket.is_none()
        && is_limited_by_user_manager()
        && let Ok(limited) = standalone::limit(request)
    {
        return Ok(limited);
    }
    let (candidates, until) = (paths::candidates(socket), Instant::now() + BUSY_TIMEOUT);
    let mut reconnect = ReconnectWindow::new(&candidates);
    let pause = Duration::from_millis(RETRY_INTERVAL_MS + u64::from(std::process::id()) % RETRY_INTERVAL_MS);
    loop {
        match Client::connect(&candidates).and_then(|mut client| client.limit(request)) {
            Ok(limited) => return Ok(limited),
            // It closes a connection over its limit, and all of them when it is restarted for an upgrade.
            Err(ClientError::Refused { error: MethodError::Busy {}, .. } | ClientError::Closed { .. })
                if Instant::now() < until =>
            {
                thread::sleep(pause);
            }
            Err(ClientError::Absent { .. }) if reconnect.is_open(Instant::now()) => thread::sleep(pause),
            Err(
                ClientError::Absent { .. } | ClientError::Refused { error: MethodError::Unconfigured {}, .. },
            ) if socket.is_none() => {
                return standalone::limit(request)
                    .map_err(|standalone| RunLimitError::NoDaemon { standalone });
            }
            Err(ClientError::Refused { error, .. }) => return Err(RunLimitError::Refused(error)),
            Err(error) => return Err(RunLimitError::Client(error)),
        }
    }
}

/// The time in which a restarting daemon may come back: its socket is gone for a moment (`PartOf=` of the socket unit).
#[derive(Debug)]
struct ReconnectWindow {
    /// There is a unit that may come back.
    is_possible: bool,
    /// When no daemon answered for the first time.
    absent_since: Option<Instant>,
}

impl ReconnectWindow {
    /// For the daemon that listens at one of `candidates`.
    fn new(candidates: &[PathBuf]) -> Self {
        Self::with(Path::new(SYSTEM_SOCKET), systemd::is_booted(), candidates)
    }

    /// The unit's directory outlives its service until the next boot (`RuntimeDirectoryPreserve=`): without it, the
    /// service has not run.
    fn with(system: &Path, booted: bool, candidates: &[PathBuf]) -> Self {
        let has_run = system.parent().is_some_and(Path::is_dir) && booted;
        let is_possible = has_run && candidates.iter().any(|candidate| candidate == system);
        Self { is_possible, absent_since: None }
    }

    /// No daemon answers: whether to retry in a moment.
    fn is_open(&mut self, now: Instant) -> bool {
        let since = *self.absent_since.get_or_insert(now);
        self.is_possible && now.saturating_duration_since(since) < RECONNECT_TIMEOUT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_unit_that_has_run_is_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let place = |name: &str| directory.path().join(name);
        let (system, user) = (place("run/socket"), place("user"));
        let now = Instant::now();
        let is_open = |candidates: &[&PathBuf], now| {
            let candidates: Vec<PathBuf> = candidates.iter().map(|path| (*path).clone()).collect();
            ReconnectWindow::with(&system, true, &candidates).is_open(now)
        };
        assert!(!is_open(&[&system], now), "it has never run");
        std::fs::create_dir(place("run")).unwrap();
        assert!(is_open(&[&system, &user], now));
        assert!(!is_open(&[&user], now), "another socket is used");
        let mut reconnect = ReconnectWindow::with(&system, true, std::slice::from_ref(&system));
        assert!(reconnect.is_open(now) && reconnect.is_open(now + RECONNECT_TIMEOUT / 2));
        assert!(!reconnect.is_open(now + RECONNECT_TIMEOUT));
        let mut unbooted = ReconnectWindow::with(&system, false, std::slice::from_ref(&system));
        assert!(!unbooted.is_open(now), "no systemd that would start it");
    }
}
