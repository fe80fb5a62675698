//! The server: many clients, none of which can delay another or the supervisor.

mod connection;
mod dispatch;
mod limits;

use std::io;
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};
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
use connection::Connection;
use limits::{Slot, Slots};

pub use limits::Limits;

/// Pause after a failed accept. EMFILE lasts until somebody closes something, and accept(2) fails at once until then.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long whoever was asking when we leave may still be answered.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// So many answers with the past are under way at once: each may be some megabytes, and the unit has 64.
const LARGE_ANSWERS: usize = 4;

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Whose rights it has.
    pub uid: Uid,
    /// The process that connected; `None` where that has ended, or is in a pid namespace that we cannot see.
    pub pid: Option<Pid>,
}

/// What the server asks of the supervisor.
pub trait Service {
    /// The newest status, and word of every newer one. It may take a moment to make it a fresh one, but not without
    /// bound, and no longer than `wait` where that is given. It is unfiltered: each reader's view is cut here. Whoever holds the receiver is taken for a follower.
    fn status(&self, wait: Option<Duration>) -> impl Future<Output = watch::Receiver<Arc<StatusInfo>>>;

    /// The newest events, and word of every newer one, unfiltered.
    fn events(&self) -> watch::Receiver<Arc<EventLog>>;

    /// Who is at the other end of this socket, of whom its credentials say `caller`.
    fn verify(&self, caller: Caller, _socket: BorrowedFd<'_>) -> Caller {
        caller
    }

    /// What was recorded in so long a time until now, unfiltered. It may take a moment, but not without bound.
    fn history(&self, since: Duration) -> impl Future<Output = Result<HistoryInfo, MethodError>>;

    /// Ends an agent; what became of it. It takes as long as that takes.
    fn stop(&self, agent: String, by: Caller) -> impl Future<Output = Result<ActionInfo, MethodError>>;

    /// Takes up the configuration anew; what should be known about it. It may take a moment, but not without bound.
    fn reload(&self, by: Caller) -> impl Future<Output = Result<Vec<String>, MethodError>>;

    /// Puts a process into a scope with a limit. It may take a moment, but not without bound.
    fn limit(
        &self,
        request: LimitRequest,
        by: Caller,
    ) -> impl Future<Output = Result<LimitInfo, MethodError>>;

    /// What the supervisor makes of one process, as `reader` may see it. It may take a moment, but not without bound.
    fn explain(&self, pid: Pid, reader: Uid) -> impl Future<Output = Result<Explanation, MethodError>>;
}

/// Answers on `listener` until `shutdown` completes; then nobody is taken in any more, who was asking is answered, and
/// every connection is closed. It never ends before, whatever the clients do, and soon after. It runs on the current
/// thread and brings its own [`LocalSet`].
pub async fn serve<S: Service + 'static>(
    listener: UnixListener,
    service: Rc<S>,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) {
    let (open, closing) = watch::channel(());
    let mut talks = JoinSet::new();
    let serving = async {
        tokio::select! {
            biased;
            // First: who waits in the queue then is the next supervisor's.
            () = shutdown => {}
            () = accept(&listener, service, limits, &closing, &mut talks) => {}
        }
        drop(open);
        let answered = async { while talks.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(LAST_ANSWERS, answered).await;
    };
    LocalSet::new().run_until(serving).await;
}

/// Told of nothing but its end: the server takes nobody in any more.
type Shutdown = watch::Receiver<()>;

async fn accept<S: Service + 'static>(
    listener: &UnixListener,
    service: Rc<S>,
    limits: Limits,
    shutdown: &Shutdown,
    talks: &mut JoinSet<()>,
) {
    let slots = Rc::new(Slots::new(limits));
    let large = Rc::new(Semaphore::new(LARGE_ANSWERS));
    let mut failing = false;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = talks.join_next() => continue,
        };
        match accepted.and_then(|(stream, _)| admit(stream, &slots)) {
            Ok(Some((stream, peer, slot))) => {
                let connection = Connection::new(
                    stream,
                    peer,
                    limits,
                    shutdown.clone(),
                    Rc::clone(&slots),
                    Rc::clone(&large),
                );
                talks.spawn_local(serve_connection(connection, slot, Rc::clone(&service)));
            }
            Ok(None) => tokio::task::yield_now().await,
            Err(error) => {
                // Once for a row of failures: ten lines a second help nobody.
                if !failing {
                    tracing::warn!(%error, "cannot accept connections on the socket");
                }
                failing = true;
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        }
        failing = false;
    }
}

/// The connection with its peer and its place; `None` where there is no place and the peer was told so.
fn admit(stream: UnixStream, slots: &Rc<Slots>) -> io::Result<Option<(UnixStream, Uid, Slot)>> {
    let peer = Uid::new(stream.peer_cred()?.uid());
    if let Some(slot) = Slots::take(slots, peer) {
        return Ok(Some((stream, peer, slot)));
    }
    tracing::debug!(%peer, "a connection too many");
    // The buffer of a fresh socket has room for one line; nobody waits should it not.
    let _ = stream.try_write(&encode(&MethodError::Busy {})?);
    Ok(None)
}

async fn serve_connection<S: Service>(mut connection: Connection, slot: Slot, service: Rc<S>) {
    // Garbage, a stall and a vanished client all end here, and the connection with them.
    if let Err(error) = connection.serve(&*service).await {
        tracing::debug!(peer = %connection.peer(), %error, "a connection ended early");
    }
    drop(slot);
}
