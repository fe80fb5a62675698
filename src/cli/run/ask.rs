//! Who is asked for the limit: the supervisor, else the service manager itself.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::comeback::ReconnectWindow;
use crate::api::limited::{LimitInfo, LimitRequest};
use crate::daemon::limit_alone;
use crate::ipc::{Client, ClientError, MethodError, paths};
use crate::limit;
use crate::linux::procfs::details::Details;
use crate::systemd;

/// So long it is tried again while the supervisor is busy: it takes 16 connections of one user at a time.
const BUSY: Duration = Duration::from_secs(30);

/// Between two tries; each process waits a little longer or shorter, or all would come back at once.
const PAUSE_MS: u64 = 50;

/// Why there is no limit.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unlimited {
    /// The supervisor says no.
    #[error("{0}")]
    Refused(MethodError),
    /// Nobody can.
    #[error("no supervisor answers, and without one: {alone}{}", advice())]
    Nobody {
        /// What became of it without a supervisor.
        alone: MethodError,
    },
    #[error(transparent)]
    Client(ClientError),
}

/// What else there is to do; where systemd does not run, a supervisor could do no more.
fn advice() -> &'static str {
    if !systemd::is_booted() {
        return "";
    }
    "; start it with `systemctl start claude-watchdog`, or see `systemctl status claude-watchdog`"
}

/// Whether this process is in a scope that limits it, and not in one of the system's.
fn is_limited_by_own_manager() -> bool {
    let own = Details::of(Path::new("/proc")).own_cgroup().and_then(|path| limit::any_scope_of(&path));
    systemd::is_booted() && own.is_some_and(|scope| limit::scope_of(&scope).is_none())
}

/// Has this process limited.
pub(super) fn ask(request: &LimitRequest, socket: Option<&Path>) -> Result<LimitInfo, Unlimited> {
    // A limit that the user's own manager has given is its to tighten; the supervisor would have to lead out of it.
    if socket.is_none()
        && is_limited_by_own_manager()
        && let Ok(limited) = limit_alone(request)
    {
        return Ok(limited);
    }
    let (candidates, until) = (paths::candidates(socket), Instant::now() + BUSY);
    let mut comeback = ReconnectWindow::at(&candidates);
    let pause = Duration::from_millis(PAUSE_MS + u64::from(std::process::id()) % PAUSE_MS);
    loop {
        match Client::connect(&candidates).and_then(|mut client| client.limit(request)) {
            Ok(limited) => return Ok(limited),
            // It closes a connection that is one too many, and is started again when it is upgraded.
            Err(ClientError::Refused { error: MethodError::Busy {}, .. } | ClientError::Closed { .. })
                if Instant::now() < until =>
            {
                thread::sleep(pause);
            }
            Err(ClientError::Absent { .. }) if comeback.is_awaited(Instant::now()) => thread::sleep(pause),
            Err(
                ClientError::Absent { .. } | ClientError::Refused { error: MethodError::Unconfigured {}, .. },
            ) if socket.is_none() => {
                return limit_alone(request).map_err(|alone| Unlimited::Nobody { alone });
            }
            Err(ClientError::Refused { error, .. }) => return Err(Unlimited::Refused(error)),
            Err(error) => return Err(Unlimited::Client(error)),
        }
    }
}
