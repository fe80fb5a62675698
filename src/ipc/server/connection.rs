//! One client from its first byte to its last.

use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::UnixStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::method_call::{MethodCall, parse};
use super::{Caller, ServerLimits, Service, SharedQuotas, Shutdown};
use crate::api::event_log::EventLog;
use crate::api::event_log::Unread;
use crate::api::status::StatusInfo;
use crate::ipc::MethodError;
use crate::ipc::codec::{Call, Frames, Reply, encode};
use crate::ipc::replies::{
    EventsReply, ExplainReply, HistoryReply, LimitReply, ReloadReply, StatusReply, StopReply,
};
use crate::model::{Pid, Uid};
use crate::quota::RateWindow;

/// The longest call accepted.
const MAX_CALL_LEN: usize = 64 << 10;

/// Bytes read at once.
const READ_CHUNK_LEN: usize = 4 << 10;

/// How often a client that has closed its sending half is checked. It may still read, so it keeps its stream. That it has
/// closed both halves shows in the socket's state only, and causes no wakeup.
const HALF_CLOSED_CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// A client and its unanswered calls.
pub(super) struct ClientConnection {
    stream: UnixStream,
    peer: Uid,
    limits: ServerLimits,
    shutdown: Shutdown,
    quotas: SharedQuotas,
    frames: Frames,
    /// The client has closed its sending half.
    half_closed: bool,
    /// Calls answered in the current second.
    calls: RateWindow,
}

impl ClientConnection {
    pub(super) fn new(
        stream: UnixStream,
        peer: Uid,
        limits: ServerLimits,
        shutdown: Shutdown,
        quotas: SharedQuotas,
    ) -> Self {
        Self {
            stream,
            peer,
            limits,
            shutdown,
            quotas,
            frames: Frames::new(MAX_CALL_LEN),
            half_closed: false,
            calls: RateWindow::new(Instant::now().into_std()),
        }
    }

    /// The user at the other end.
    pub(super) fn peer(&self) -> Uid {
        self.peer
    }

    /// Answers every call, in order, until the client leaves or misbehaves, or the server closes.
    pub(super) async fn serve(&mut self, service: &impl Service) -> io::Result<()> {
        while let Some(message) = self.receive().await? {
            // Not Varlink, so no reply: the client would not understand one.
            let call: Call = serde_json::from_slice(&message)?;
            match parse(&call) {
                // Carried out all the same, without a reply.
                Ok(MethodCall::Stop(agent)) if call.oneway => {
                    let by = self.caller(service);
                    let _ = self.await_while_connected(service.stop(agent, by)).await?;
                }
                Ok(MethodCall::Reload) if call.oneway => {
                    let by = self.caller(service);
                    let _ = service.reload(by).await;
                }
                _ if call.oneway => {}
                Err(error) => self.send(error).await?,
                Ok(MethodCall::Info(info)) => self.reply(info).await?,
                Ok(MethodCall::Description(description)) => self.reply(description).await?,
                Ok(MethodCall::Status(wait)) if call.more => self.stream(service.status(wait).await).await?,
                Ok(MethodCall::Status(wait)) => {
                    let newest = Arc::clone(&service.status(wait).await.borrow());
                    self.reply(self.view(&newest)).await?;
                }
                Ok(MethodCall::Explain(pid)) => {
                    let outcome = self.await_while_connected(service.explain(pid, self.peer)).await?;
                    self.reply_or_error(outcome.map(|explanation| ExplainReply { explanation })).await?;
                }
                Ok(MethodCall::Events(last)) if call.more => self.follow(service.events(), last).await?,
                Ok(MethodCall::Events(last)) => {
                    let events = service.events();
                    let unread = self.unread(&events, None, last);
                    self.reply(EventsReply::from(unread)).await?;
                }
                Ok(MethodCall::History(since)) => self.history(service, since).await?,
                Ok(MethodCall::Stop(agent)) => {
                    let by = self.caller(service);
                    let outcome = self.await_while_connected(service.stop(agent, by)).await?;
                    self.reply_or_error(outcome.map(|action| StopReply { action })).await?;
                }
                Ok(MethodCall::Reload) => {
                    let by = self.caller(service);
                    let outcome = self.await_while_connected(service.reload(by)).await?;
                    self.reply_or_error(outcome.map(|notes| ReloadReply { notes })).await?;
                }
                Ok(MethodCall::Limit(request)) => {
                    let by = self.caller(service);
                    let outcome = self.await_while_connected(service.limit(request, by)).await?;
                    self.reply_or_error(outcome.map(|limited| LimitReply { limited })).await?;
                }
            }
            self.throttle().await;
        }
        Ok(())
    }

    /// Replies with recorded history. A reply may have a megabyte, so few are written at a time.
    async fn history(&mut self, service: &impl Service, since: Duration) -> io::Result<()> {
        let Some(_permit) = self.quotas.history_replies.try_acquire(self.peer) else {
            return self.send(MethodError::Busy {}).await;
        };
        let outcome = self.await_while_connected(service.history(since)).await?;
        self.reply_or_error(outcome.map(|history| HistoryReply { history: history.seen_by(self.peer) })).await
    }

    /// Sends the status now and after every change. A client that lags gets the newest next, never a queue of old ones.
    async fn stream(&mut self, mut updates: watch::Receiver<Arc<StatusInfo>>) -> io::Result<()> {
        loop {
            // Clone the `Arc` and drop the guard: holding it would block the publisher's `send`.
            let newest = Arc::clone(&updates.borrow_and_update());
            let view = self.view(&newest);
            drop(newest);
            self.send(Reply { parameters: view, continues: true }).await?;
            if self.await_while_open(updates.changed()).await?.is_err() {
                // The publisher is gone: the last reply is the one that does not continue.
                let newest = Arc::clone(&updates.borrow());
                return self.reply(self.view(&newest)).await;
            }
        }
    }

    /// Sends the newest events, then every further one. To a client that lags too much it reports the number missed.
    async fn follow(
        &mut self,
        mut log: watch::Receiver<Arc<EventLog>>,
        last: Option<usize>,
    ) -> io::Result<()> {
        log.mark_unchanged();
        let mut unread = self.unread(&log, None, last);
        loop {
            let mut next = unread.next;
            // The first reply confirms the subscription, even without events; then only with events for this client.
            self.send(Reply { parameters: EventsReply::from(unread), continues: true }).await?;
            unread = loop {
                if self.await_while_open(log.changed()).await?.is_err() {
                    let left = self.unread(&log, Some(next), None);
                    return self.reply(EventsReply::from(left)).await;
                }
                log.mark_unchanged();
                let unread = self.unread(&log, Some(next), None);
                if !unread.events.is_empty() {
                    break unread;
                }
                next = unread.next;
            };
        }
    }

    fn unread(&self, log: &watch::Receiver<Arc<EventLog>>, from: Option<u64>, last: Option<usize>) -> Unread {
        // Clone the `Arc` and drop the guard: holding it would block the publisher's `send`.
        let log = Arc::clone(&log.borrow());
        log.read(from.unwrap_or_else(|| log.oldest()), last, self.peer)
    }

    /// [`await_while_connected`](Self::await_while_connected) for streams, which end with the server.
    async fn await_while_open<T>(&mut self, event: impl Future<Output = T>) -> io::Result<T> {
        let mut shutdown = self.shutdown.clone();
        let aborted = || io::Error::from(ErrorKind::ConnectionAborted);
        self.await_while_connected(async {
            tokio::select! {
                biased;
                happened = event => Ok(happened),
                _ = shutdown.changed() => Err(aborted()),
            }
        })
        .await?
    }

    /// Waits for `event` and reads further calls meanwhile. Fails if the client disconnects.
    async fn await_while_connected<T>(&mut self, event: impl Future<Output = T>) -> io::Result<T> {
        tokio::pin!(event);
        loop {
            tokio::select! {
                // First: the call is carried out even if the client has disconnected already.
                biased;
                happened = &mut event => return Ok(happened),
                read = self.fill(), if !self.half_closed => {
                    read?;
                    // Calls may queue behind a slow one, but not without bound.
                    if self.frames.is_overfull() {
                        return Err(ErrorKind::InvalidData.into());
                    }
                    if self.half_closed && self.is_gone().await {
                        return Err(ErrorKind::ConnectionReset.into());
                    }
                }
                () = sleep(HALF_CLOSED_CHECK_INTERVAL), if self.half_closed => if self.is_gone().await {
                    return Err(ErrorKind::ConnectionReset.into());
                },
            }
        }
    }

    fn caller(&self, service: &impl Service) -> Caller {
        let pid = self.stream.peer_cred().ok().and_then(|peer| peer.pid()).and_then(Pid::new);
        service.verify(Caller { uid: self.peer, pid }, self.stream.as_fd())
    }

    async fn reply_or_error<P: Serialize>(&mut self, outcome: Result<P, MethodError>) -> io::Result<()> {
        match outcome {
            Ok(parameters) => self.reply(parameters).await,
            Err(error) => self.send(error).await,
        }
    }

    /// The status filtered for this client.
    fn view(&self, status: &StatusInfo) -> StatusReply {
        StatusReply { status: status.clone().seen_by(self.peer) }
    }

    async fn reply<P: Serialize>(&mut self, parameters: P) -> io::Result<()> {
        self.send(Reply { parameters, continues: false }).await
    }

    /// Sends a message. A client of a user with too many unread bytes gets [`MethodError::Busy`] and is disconnected.
    async fn send(&mut self, message: impl Serialize) -> io::Result<()> {
        // While the client reads, only the text is kept in memory.
        let bytes = encode(&message)?;
        drop(message);
        let Some(_permit) = self.quotas.unread_reply_bytes.try_acquire_many(self.peer, bytes.len()) else {
            drop(bytes);
            self.write(&encode(&MethodError::Busy {})?).await?;
            return Err(ErrorKind::QuotaExceeded.into());
        };
        self.write(&bytes).await
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        timeout(self.limits.write_timeout, self.stream.write_all(bytes)).await?
    }

    /// The next message; `None` after the client's last one, or if the server shuts down between messages.
    async fn receive(&mut self) -> io::Result<Option<Vec<u8>>> {
        // One deadline for the whole message: a byte now and then does not keep a connection open.
        let deadline = Instant::now() + self.limits.idle_timeout;
        loop {
            let next =
                self.frames.next_message().map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
            if next.is_some() || self.half_closed {
                return Ok(next);
            }
            let mut shutdown = self.shutdown.clone();
            tokio::select! {
                biased;
                read = timeout_at(deadline, self.fill()) => read??,
                // A message that has begun is still received, within the server's own timeout.
                _ = shutdown.changed(), if self.frames.is_empty() => return Ok(None),
            }
        }
    }

    /// Reads the bytes that have arrived. Cancelling it loses nothing.
    async fn fill(&mut self) -> io::Result<()> {
        loop {
            self.stream.readable().await?;
            let buffer = self.frames.buffer();
            buffer.reserve(READ_CHUNK_LEN);
            match self.stream.try_read_buf(buffer) {
                Ok(count) => {
                    self.half_closed = count == 0;
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether both directions are closed (EPOLLHUP); a client that only stopped sending still reads.
    async fn is_gone(&self) -> bool {
        // Polls the known state once, without waiting.
        let ready = timeout(Duration::ZERO, self.stream.ready(Interest::WRITABLE)).await;
        matches!(ready, Ok(Ok(state)) if state.is_write_closed())
    }

    /// Yields to other connections. A client over its rate waits until its window ends.
    async fn throttle(&mut self) {
        if let Some(wait) = self.calls.record(self.limits.calls, Instant::now().into_std()) {
            sleep(wait).await;
        }
        tokio::task::yield_now().await;
    }
}
