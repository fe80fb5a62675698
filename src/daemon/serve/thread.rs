//! The socket's thread, which also receives the shutdown signals. Clients are never served on the control
//! loop's thread, which only its clock and its waker wake.

use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use rustix::process::{getpriority_process, setpriority_process};
use tokio::sync::oneshot;

use super::handlers::Handlers;
use super::listener::{self, PassedError};
use crate::daemon::control_loop::waker::Waker;
use crate::daemon::error::DaemonError;
use crate::daemon::report::journal::Reporter;
use crate::daemon::shutdown_signals::ShutdownSignals;
use crate::ipc;
use crate::model::Uid;

/// The socket server before its start.
pub(crate) struct SocketServer {
    pub(crate) handlers: Handlers,
    /// Woken on a shutdown signal.
    pub(crate) waker: Arc<Waker>,
    /// The socket passed by the service manager.
    pub(crate) passed: Result<Option<UnixListener>, PassedError>,
    /// Path to listen on; `None`: the default.
    pub(crate) path: Option<PathBuf>,
    pub(crate) uid: Uid,
    pub(crate) reporter: Reporter,
}

/// The running thread.
#[derive(Debug)]
pub(crate) struct SocketThread {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl SocketServer {
    /// Starts the thread and returns once it listens.
    ///
    /// # Errors
    /// If it cannot listen or be started.
    pub(crate) fn start(self) -> Result<SocketThread, DaemonError> {
        let (stop, stopped) = oneshot::channel();
        let (ready, listens) = sync_channel(1);
        let stopped = async {
            // A dropped sender means stop, too.
            let _ = stopped.await;
        };
        let thread =
            thread::Builder::new().name("socket".to_owned()).spawn(move || self.run(&ready, stopped))?;
        // A panic of the thread aborts the process.
        listens.recv().unwrap_or(Ok(()))?;
        Ok(SocketThread { stop, thread })
    }

    fn run(self, ready: &SyncSender<Result<(), DaemonError>>, stopped: impl Future<Output = ()>) {
        reset_priority();
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return drop(ready.send(Err(error.into()))),
        };
        runtime.block_on(async {
            if let Err(error) = self.serve(ready, stopped).await {
                let _ = ready.send(Err(error));
            }
        });
    }

    async fn serve(
        self,
        ready: &SyncSender<Result<(), DaemonError>>,
        stopped: impl Future<Output = ()>,
    ) -> Result<(), DaemonError> {
        let mut shutdown_signals = ShutdownSignals::listen()?;
        let listening = listener::listen(self.passed, self.path.as_deref(), self.uid, &self.reporter)?;
        let _ = ready.send(Ok(()));
        let forward_signals = async {
            shutdown_signals.requested().await;
            self.waker.shut_down();
            // The other branch gives calls in progress their time.
            std::future::pending::<()>().await;
        };
        let serve = async {
            match listening {
                Some((listener, file)) => {
                    ipc::serve(listener, Rc::new(self.handlers), ipc::ServerLimits::default(), stopped).await;
                    drop(file);
                }
                None => stopped.await,
            }
        };
        tokio::select! {
            () = forward_signals => {}
            () = serve => {}
        }
        Ok(())
    }
}

/// Gives up a raised priority from the unit, so that the control loop precedes this thread. Threads that this one starts
/// inherit that.
fn reset_priority() {
    if getpriority_process(None).is_ok_and(|nice| nice < 0) {
        // If refused, both threads keep the same priority.
        let _ = setpriority_process(None, 0);
    }
}

impl SocketThread {
    /// Accepts no further connection, lets calls in progress finish for a moment, and removes the socket if it is ours.
    pub(crate) fn stop(self) {
        let _ = self.stop.send(());
        // Either way the thread has exited.
        let _ = self.thread.join();
    }
}
