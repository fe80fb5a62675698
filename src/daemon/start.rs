//! From options to a supervisor that runs, and its socket beside it.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use tracing::Level;
use tracing_subscriber::layer::SubscriberExt;

use super::error::DaemonError;
use super::log::Relay;
use super::reload::Loaded;
use super::reporter::{Report, Reporter};
use super::signals::Ending;
use super::supervisor::Supervisor;
use crate::ipc;
use crate::ipc::paths::{SYSTEM_SOCKET, user_socket};
use crate::linux::capability;
use crate::model::Uid;

/// How long the last reports may take when we leave.
const LAST_REPORT: Duration = Duration::from_secs(1);

/// What the supervisor is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// The configuration file; `None`: the usual one, where it is.
    pub config: Option<PathBuf>,
    /// The socket; `None`: the usual one.
    pub socket: Option<PathBuf>,
    /// Where `/proc` is.
    pub proc: PathBuf,
    /// Where cgroups are.
    pub cgroup: PathBuf,
    /// Say all, send nothing.
    pub dry_run: bool,
}

/// Supervises until a signal asks it to end.
///
/// # Errors
/// Where it cannot start.
pub fn run(options: &Options) -> Result<(), DaemonError> {
    let uid = Uid::new(rustix::process::geteuid().as_raw());
    capability::obey_file_modes();
    let loaded = Loaded::first(options, uid)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (reporter, told) = Reporter::start()?;
    // Set once, here: a test that runs two supervisors in a process keeps the first.
    let _ =
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(Relay(reporter.clone())));
    let result = runtime.block_on(supervise(options, uid, loaded, &reporter));
    // A journal that is stuck is not waited for.
    if reporter.close() {
        let _ = told.recv_timeout(LAST_REPORT);
    }
    result
}

async fn supervise(
    options: &Options,
    uid: Uid,
    loaded: Loaded,
    reporter: &Reporter,
) -> Result<(), DaemonError> {
    let mut ending = Ending::listen()?;
    let mut supervisor = Supervisor::new(options, uid, loaded, reporter.clone())?;
    let service = Rc::new(supervisor.service(options, uid));
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let stopped = async {
        // Also where the sender is dropped: either way it is over.
        let _ = stopped.await;
    };
    let socket = bind(options.socket.as_deref(), uid, reporter)?;
    let serve = async {
        match socket {
            Some((listener, file)) => {
                ipc::serve(listener, service, ipc::Limits::default(), stopped).await;
                drop(file);
            }
            None => stopped.await,
        }
    };
    let tick = async {
        supervisor.until(ending.requested()).await;
        drop(stop);
    };
    tokio::join!(serve, tick);
    Ok(())
}

fn bind(
    socket: Option<&Path>,
    uid: Uid,
    reporter: &Reporter,
) -> Result<Option<(tokio::net::UnixListener, ipc::SocketFile)>, DaemonError> {
    let usual = || if uid == Uid::ROOT { Some(PathBuf::from(SYSTEM_SOCKET)) } else { user_socket() };
    let Some(path) = socket.map(Path::to_owned).or_else(usual) else {
        let text = "XDG_RUNTIME_DIR is not set: nobody can ask us over a socket; name one with --socket";
        reporter.tell(Report::Log(Level::WARN, text.to_owned()));
        return Ok(None);
    };
    match ipc::bind(&path) {
        Ok((listener, file)) => Ok(Some((tokio::net::UnixListener::from_std(listener)?, file))),
        // A full or missing directory is no reason to leave the guest alone, unless that very socket was asked for.
        Err(error @ ipc::BindError::System { .. }) if socket.is_none() => {
            reporter.tell(Report::Log(Level::ERROR, format!("supervising without a socket: {error}")));
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}
