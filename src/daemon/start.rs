//! From options to a supervisor that runs, and its socket beside it.

use std::os::unix::net::UnixListener;
use std::time::Duration;

use tracing_subscriber::layer::SubscriberExt;

use super::config_load::LoadedConfig;
use super::control_loop::Supervisor;
use super::error::DaemonError;
use super::options::Options;
use super::report::journal::Reporter;
use super::report::log::Relay;
use super::serve::listener::{self, PassedError};
use super::serve::thread::SocketServer;
use crate::history;
use crate::linux::process::{capability, malloc};
use crate::model::Uid;

/// How long the last reports may take when we leave.
const LAST_REPORT: Duration = Duration::from_secs(1);

/// Supervises until a signal asks it to end.
///
/// # Errors
/// Where it cannot start.
pub fn run(options: &Options) -> Result<(), DaemonError> {
    let uid = Uid::new(rustix::process::geteuid().as_raw());
    capability::obey_file_modes();
    malloc::give_back_large_blocks();
    // One huge page is three times all that we hold (668K or 2.6M on kernel 6.1, as luck had it). Without: as before.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    let passed = listener::passed();
    let loaded = LoadedConfig::first(options, uid).inspect_err(|_| {
        if let Ok(Some(listener)) = &passed {
            listener::reply_unconfigured(listener);
        }
    })?;
    abort_on_panic();
    let (reporter, told) = Reporter::start()?;
    // Set once, here: a test that runs two supervisors in a process keeps the first.
    let _ =
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(Relay(reporter.clone())));
    let result = supervise(options, uid, loaded, passed, &reporter);
    // A journal that is stuck is not waited for.
    if reporter.close() {
        let _ = told.recv_timeout(LAST_REPORT);
    }
    result
}

/// A thread of ours that is gone without the others would be missed only when it is needed: with one, all end, and the
/// service manager starts us again. Only the record's thread may fail for what it reads, and takes care of that.
fn abort_on_panic() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().name() == Some(history::THREAD) {
            return;
        }
        tell(panic);
        std::process::abort();
    }));
}

fn supervise(
    options: &Options,
    uid: Uid,
    loaded: LoadedConfig,
    passed: Result<Option<UnixListener>, PassedError>,
    reporter: &Reporter,
) -> Result<(), DaemonError> {
    let mut supervisor = Supervisor::new(options, uid, loaded, reporter.clone())?;
    let server = SocketServer {
        handlers: supervisor.handlers(options, uid),
        waker: supervisor.calls(),
        passed,
        path: options.socket.clone(),
        uid,
        reporter: reporter.clone(),
    };
    let socket_thread = server.start()?;
    supervisor.run();
    socket_thread.stop();
    Ok(())
}
