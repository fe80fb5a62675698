//! The server: many clients, none of which can delay another or the supervisor.

mod connection;
mod limits;
mod method_call;

use std::io;
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::{JoinSet, LocalSet};

use super::MethodError;
use super::codec::encode;
use crate::api::history::HistoryInfo;
use crate::api::status::{ActionInfo, StatusInfo};
use crate::api::{
    event_log::EventLog,
    explanation::Explanation,
    limited::{LimitInfo, LimitRequest},
};
use crate::model::{Pid, Uid};
use crate::quota::{Permit, Quota};
use connection::ClientConnection;

pub use limits::ServerLimits;

/// Pause after a failed accept. EMFILE lasts until a descriptor is closed, and accept(2) fails at once until then.
const ACCEPT_RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// How long calls that are in progress at shutdown may still be answered.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// The process that calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Its user.
    pub uid: Uid,
    /// The process that connected; `None` if it has exited, or is in a pid namespace that is not visible here.
    pub pid: Option<Pid>,
}

/// The methods of the interface, as the supervisor implements them.
pub trait Service {
    /// The newest status, and a notification of every newer one. It may wait for a fresh one, but only for a bounded time,
    /// and no longer than `max_wait` if given. Unfiltered: each client's view is cut here. A receiver that is held counts as
    /// a subscriber.
    fn status(&self, max_wait: Option<Duration>) -> impl Future<Output = watch::Receiver<Arc<StatusInfo>>>;

    /// The newest events, and a notification of every newer one, unfiltered.
    fn events(&self) -> watch::Receiver<Arc<EventLog>>;

    /// Checks `caller`, which the socket's credentials name, against the socket itself.
    fn verify(&self, caller: Caller, _socket: BorrowedFd<'_>) -> Caller {
        caller
    }

    /// The history recorded in the last `since`, unfiltered. May take a bounded time.
    fn history(&self, since: Duration) -> impl Future<Output = Result<HistoryInfo, MethodError>>;

    /// Stops an agent and returns the result. Takes as long as the agent takes to exit.
    fn stop(&self, agent: String, by: Caller) -> impl Future<Output = Result<ActionInfo, MethodError>>;

    /// Reloads the configuration and returns its warnings. May take a bounded time.
    fn reload(&self, by: Caller) -> impl Future<Output = Result<Vec<String>, MethodError>>;

    /// Moves a process into a scope with a limit. May take a bounded time.
    fn limit(
        &self,
        request: LimitRequest,
        by: Caller,
    ) -> impl Future<Output = Result<LimitInfo, MethodError>>;

    /// Explains why a process does or does not belong to an agent, as `reader` may see it. May take a bounded time.
    fn explain(&self, pid: Pid, reader: Uid) -> impl Future<Output = Result<Explanation, MethodError>>;
}

/// Answers on `listener` until `shutdown` completes. Then it accepts no further connection, answers the calls in progress
/// and closes every connection. Clients can neither end it earlier nor delay its end. It runs on the current thread and
/// brings its own [`LocalSet`].
pub async fn serve<S: Service + 'static>(
    listener: UnixListener,
    service: Rc<S>,
    limits: ServerLimits,
    shutdown: impl Future<Output = ()>,
) {
    let (accepting, closed) = watch::channel(());
    let mut connections = JoinSet::new();
    let serving = async {
        tokio::select! {
            biased;
            // First: connections still in the queue are left to the next supervisor.
            () = shutdown => {}
            () = accept(&listener, service, limits, &closed, &mut connections) => {}
        }
        drop(accepting);
        let answered = async { while connections.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(SHUTDOWN_TIMEOUT, answered).await;
    };
    LocalSet::new().run_until(serving).await;
}

/// Shutdown signal: the channel closes when the server stops accepting connections.
type Shutdown = watch::Receiver<()>;

/// Quotas that all connections share.
#[derive(Clone, Debug)]
struct SharedQuotas {
    connections: Quota,
    unread_reply_bytes: Quota,
    history_replies: Quota,
}

async fn accept<S: Service + 'static>(
    listener: &UnixListener,
    service: Rc<S>,
    limits: ServerLimits,
    shutdown: &Shutdown,
    connections: &mut JoinSet<()>,
) {
    let quotas = SharedQuotas {
        connections: Quota::new(limits.connections),
        unread_reply_bytes: Quota::new(limits.unread_reply_bytes),
        history_replies: Quota::new(limits.history_replies),
    };
    let mut failing = false;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        match accepted.and_then(|(stream, _)| admit(stream, &quotas.connections)) {
            Ok(Some((stream, peer, permit))) => {
                let connection =
                    ClientConnection::new(stream, peer, limits, shutdown.clone(), quotas.clone());
                connections.spawn_local(serve_connection(connection, permit, Rc::clone(&service)));
            }
            Ok(None) => tokio::task::yield_now().await,
            Err(error) => {
                // Logged once for a series of failures: ten lines a second help no reader.
                if !failing {
                    tracing::warn!(%error, "cannot accept connections on the socket");
                }
                failing = true;
                tokio::time::sleep(ACCEPT_RETRY_INTERVAL).await;
                continue;
            }
        }
        failing = false;
    }
}

/// The connection with its peer and its permit; `None` if the quota is used up and the peer got [`MethodError::Busy`].
fn admit(stream: UnixStream, quota: &Quota) -> io::Result<Option<(UnixStream, Uid, Permit)>> {
    let peer = Uid::new(stream.peer_cred()?.uid());
    if let Some(permit) = quota.try_acquire(peer) {
        return Ok(Some((stream, peer, permit)));
    }
    tracing::debug!(%peer, "connection refused: quota used up");
    // The buffer of a fresh socket has room for one line; if it had none, the reply is dropped rather than waited for.
    let _ = stream.try_write(&encode(&MethodError::Busy {})?);
    Ok(None)
}

async fn serve_connection<S: Service>(mut connection: ClientConnection, permit: Permit, service: Rc<S>) {
    // Garbage, a stall and a vanished client all end here, and the connection with them.
    if let Err(error) = connection.serve(&*service).await {
        tracing::debug!(peer = %connection.peer(), %error, "connection closed early");
    }
    drop(permit);
}
