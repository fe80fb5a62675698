//! The socket's thread, which hears the signals that end us, too. Whoever asks, how much and how often, is nowhere near
//! the loop: that is a thread of its own, and is woken by nothing else than its clock and its calls.

use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use rustix::process::{getpriority_process, setpriority_process};
use tokio::sync::oneshot;

use super::handlers::Service;
use super::listener::{self, PassedError};
use crate::daemon::control_loop::waker::Waker;
use crate::daemon::error::DaemonError;
use crate::daemon::report::journal::Reporter;
use crate::daemon::shutdown_signals::Ending;
use crate::ipc;
use crate::model::Uid;

/// What the thread works with.
pub(crate) struct Server {
    /// Who answers.
    pub(crate) service: Service,
    /// Rung when a signal asks us to end.
    pub(crate) calls: Arc<Waker>,
    /// What the service manager passed.
    pub(crate) passed: Result<Option<UnixListener>, PassedError>,
    /// Where to listen; `None`: the usual place.
    pub(crate) named: Option<PathBuf>,
    pub(crate) uid: Uid,
    pub(crate) reporter: Reporter,
}

/// The thread.
#[derive(Debug)]
pub(crate) struct Serving {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Server {
    /// Starts the thread, and comes back when it listens.
    ///
    /// # Errors
    /// Where it cannot listen, or not be started.
    pub(crate) fn start(self) -> Result<Serving, DaemonError> {
        let (stop, stopped) = oneshot::channel();
        let (ready, listens) = sync_channel(1);
        let stopped = async {
            // Also where the sender is dropped: either way it is over.
            let _ = stopped.await;
        };
        let thread =
            thread::Builder::new().name("socket".to_owned()).spawn(move || self.run(&ready, stopped))?;
        // A thread that panics takes us all along.
        listens.recv().unwrap_or(Ok(()))?;
        Ok(Serving { stop, thread })
    }

    fn run(self, ready: &SyncSender<Result<(), DaemonError>>, stopped: impl Future<Output = ()>) {
        step_back();
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
        let mut ending = Ending::listen()?;
        let listening = listener::listen(self.passed, self.named.as_deref(), self.uid, &self.reporter)?;
        let _ = ready.send(Ok(()));
        let hear = async {
            ending.requested().await;
            self.calls.end();
            // Those who are being answered are given time by the other one.
            std::future::pending::<()>().await;
        };
        let answer = async {
            match listening {
                Some((listener, file)) => {
                    ipc::serve(listener, Rc::new(self.service), ipc::Limits::default(), stopped).await;
                    drop(file);
                }
                None => stopped.await,
            }
        };
        tokio::select! {
            () = hear => {}
            () = answer => {}
        }
        Ok(())
    }
}

/// Where both want the processor the loop goes first, whatever the unit gave us. Threads that this one starts do so, too.
fn step_back() {
    if getpriority_process(None).is_ok_and(|nice| nice < 0) {
        // Refused, both are equals as before.
        let _ = setpriority_process(None, 0);
    }
}

impl Serving {
    /// Answers nobody new, gives those who are being answered a moment, and removes the socket where it is ours.
    pub(crate) fn stop(self) {
        let _ = self.stop.send(());
        // It has ended, however it did.
        let _ = self.thread.join();
    }
}
