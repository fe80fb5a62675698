//! One client from its first byte to its last.

use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::UnixStream;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use super::dispatch::{
    Answer, EventsReply, ExplainReply, HistoryReply, LimitReply, ReloadReply, StatusReply, StopReply,
    dispatch,
};
use super::limits::Slots;
use super::{Caller, Limits, Service, Shutdown};
use crate::api::event_log::EventLog;
use crate::api::event_log::Unread;
use crate::api::status::StatusInfo;
use crate::ipc::MethodError;
use crate::ipc::codec::{Call, Frames, Reply, encode};
use crate::model::{Pid, Uid};

/// The longest call taken.
const CALL_CAP: usize = 64 << 10;

/// So much is read at once.
const CHUNK: usize = 4 << 10;

/// How often a client that has closed its sending half is looked at. It may still read, so it keeps its stream;
/// that it went altogether shows in the socket's state only, and nothing wakes us for that.
const HALF_CLOSED_CHECK: Duration = Duration::from_secs(1);

/// A client and what it sent.
pub(super) struct Connection {
    stream: UnixStream,
    peer: Uid,
    limits: Limits,
    shutdown: Shutdown,
    slots: Rc<Slots>,
    /// Places for large answers.
    large: Rc<Semaphore>,
    frames: Frames,
    /// The client has sent its last byte.
    ended: bool,
    /// Start of the current second, and the calls answered in it.
    second: (Instant, u32),
}

impl Connection {
    pub(super) fn new(
        stream: UnixStream,
        peer: Uid,
        limits: Limits,
        shutdown: Shutdown,
        slots: Rc<Slots>,
        large: Rc<Semaphore>,
    ) -> Self {
        Self {
            stream,
            peer,
            limits,
            shutdown,
            slots,
            large,
            frames: Frames::new(CALL_CAP),
            ended: false,
            second: (Instant::now(), 0),
        }
    }

    /// Who is at the other end.
    pub(super) fn peer(&self) -> Uid {
        self.peer
    }

    /// Answers every call, in order, until the client leaves or misbehaves, or the server closes.
    pub(super) async fn serve(&mut self, service: &impl Service) -> io::Result<()> {
        while let Some(message) = self.receive().await? {
            // What is not Varlink gets no answer: there may be nobody there who would understand one.
            let call: Call = serde_json::from_slice(&message)?;
            let answer = dispatch(&call);
            match answer {
                // Done all the same, and nothing said of it.
                Ok(Answer::Stop(agent)) if call.oneway => {
                    let by = self.caller(service);
                    let _ = self.await_while_connected(service.stop(agent, by)).await?;
                }
                Ok(Answer::Reload) if call.oneway => {
                    let by = self.caller(service);
                    let _ = service.reload(by).await;
                }
                _ if call.oneway => {}
                Err(error) => self.send(error).await?,
                Ok(Answer::Info(info)) => self.reply(info).await?,
                Ok(Answer::Description(description)) => self.reply(description).await?,
                Ok(Answer::Status(wait)) if call.more => self.stream(service.status(wait).await).await?,
                Ok(Answer::Status(wait)) => {
                    let newest = Arc::clone(&service.status(wait).await.borrow());
                    self.reply(self.view(&newest)).await?;
                }
                Ok(Answer::Explain(pid)) => {
                    let told = self.await_while_connected(service.explain(pid, self.peer)).await?;
                    self.answer(told.map(|explanation| ExplainReply { explanation })).await?;
                }
                Ok(Answer::Events(last)) if call.more => self.follow(service.events(), last).await?,
                Ok(Answer::Events(last)) => {
                    let events = service.events();
                    let unread = self.unread(&events, None, last);
                    self.reply(EventsReply::from(unread)).await?;
                }
                Ok(Answer::History(since)) => self.history(service, since).await?,
                Ok(Answer::Stop(agent)) => {
                    let by = self.caller(service);
                    let done = self.await_while_connected(service.stop(agent, by)).await?;
                    self.answer(done.map(|action| StopReply { action })).await?;
                }
                Ok(Answer::Reload) => {
                    let by = self.caller(service);
                    let done = self.await_while_connected(service.reload(by)).await?;
                    self.answer(done.map(|notes| ReloadReply { notes })).await?;
                }
                Ok(Answer::Limit(request)) => {
                    let by = self.caller(service);
                    let done = self.await_while_connected(service.limit(request, by)).await?;
                    self.answer(done.map(|limited| LimitReply { limited })).await?;
                }
            }
            self.pace().await;
        }
        Ok(())
    }

    /// What was recorded. It may be a megabyte, so there are few at a time, each until its reader has it.
    async fn history(&mut self, service: &impl Service, since: Duration) -> io::Result<()> {
        let places = Rc::clone(&self.large);
        // The last one is root's.
        let is_free = self.peer == Uid::ROOT || places.available_permits() > 1;
        let Some(_place) = places.try_acquire().ok().filter(|_| is_free) else {
            return self.send(MethodError::Busy {}).await;
        };
        let told = self.await_while_connected(service.history(since)).await?;
        self.answer(told.map(|history| HistoryReply { history: history.seen_by(self.peer) })).await
    }

    /// The status now and after every change. A reader that lags finds the newest next, never a queue of old ones.
    async fn stream(&mut self, mut updates: watch::Receiver<Arc<StatusInfo>>) -> io::Result<()> {
        loop {
            // A clone, not the loan: whoever publishes waits until a loan is given back.
            let newest = Arc::clone(&updates.borrow_and_update());
            let view = self.view(&newest);
            drop(newest);
            self.send(Reply { parameters: view, continues: true }).await?;
            if self.await_while_open(updates.changed()).await?.is_err() {
                // Nobody publishes any more: the last reply is the one that does not continue.
                let newest = Arc::clone(&updates.borrow());
                return self.reply(self.view(&newest)).await;
            }
        }
    }

    /// The newest events, then every one that comes. A reader that lags too much is told how many it missed.
    async fn follow(
        &mut self,
        mut log: watch::Receiver<Arc<EventLog>>,
        last: Option<usize>,
    ) -> io::Result<()> {
        log.mark_unchanged();
        let mut unread = self.unread(&log, None, last);
        loop {
            let mut next = unread.next;
            // The first reply tells that we listen, whatever there is; then only what is for this client.
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
        // Not the loan: whoever tells of more waits until that is given back.
        let log = Arc::clone(&log.borrow());
        log.read(from.unwrap_or_else(|| log.oldest()), last, self.peer)
    }

    /// The same for what has no end of its own: it ends with the server.
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

    /// Waits for something, and meanwhile has an eye on the client: that it left altogether is an error.
    async fn await_while_connected<T>(&mut self, event: impl Future<Output = T>) -> io::Result<T> {
        tokio::pin!(event);
        loop {
            tokio::select! {
                // First: what was asked is heard, though the client has left already.
                biased;
                happened = &mut event => return Ok(happened),
                read = self.fill(), if !self.ended => {
                    read?;
                    // Calls may wait behind a slow one, but not without bound.
                    if self.frames.is_over_cap() {
                        return Err(ErrorKind::InvalidData.into());
                    }
                    if self.ended && self.is_gone().await {
                        return Err(ErrorKind::ConnectionReset.into());
                    }
                }
                () = sleep(HALF_CLOSED_CHECK), if self.ended => if self.is_gone().await {
                    return Err(ErrorKind::ConnectionReset.into());
                },
            }
        }
    }

    fn caller(&self, service: &impl Service) -> Caller {
        let pid = self.stream.peer_cred().ok().and_then(|peer| peer.pid()).and_then(Pid::new);
        service.verify(Caller { uid: self.peer, pid }, self.stream.as_fd())
    }

    async fn answer<P: Serialize>(&mut self, answer: Result<P, MethodError>) -> io::Result<()> {
        match answer {
            Ok(parameters) => self.reply(parameters).await,
            Err(error) => self.send(error).await,
        }
    }

    /// The status as this client may see it.
    fn view(&self, status: &StatusInfo) -> StatusReply {
        StatusReply { status: status.clone().seen_by(self.peer) }
    }

    async fn reply<P: Serialize>(&mut self, parameters: P) -> io::Result<()> {
        self.send(Reply { parameters, continues: false }).await
    }

    /// Only its text waits until the client has read it. Whose user has enough that waits is told so, and cut off.
    async fn send(&mut self, message: impl Serialize) -> io::Result<()> {
        let bytes = encode(&message)?;
        drop(message);
        let Some(_waiting) = Slots::wait(&self.slots, self.peer, bytes.len()) else {
            drop(bytes);
            self.write(&encode(&MethodError::Busy {})?).await?;
            return Err(ErrorKind::QuotaExceeded.into());
        };
        self.write(&bytes).await
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        timeout(self.limits.write, self.stream.write_all(bytes)).await?
    }

    /// The next message; `None` when the client has sent its last, or nothing when the server closes.
    async fn receive(&mut self) -> io::Result<Option<Vec<u8>>> {
        // One deadline for the whole message: a byte now and then does not keep a connection.
        let deadline = Instant::now() + self.limits.idle;
        loop {
            let next =
                self.frames.next_message().map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
            if next.is_some() || self.ended {
                return Ok(next);
            }
            let mut shutdown = self.shutdown.clone();
            tokio::select! {
                biased;
                read = timeout_at(deadline, self.fill()) => read??,
                // What was begun is waited for, as long as the server does.
                _ = shutdown.changed(), if self.frames.is_empty() => return Ok(None),
            }
        }
    }

    /// Reads what has come in. Cancelling it loses nothing.
    async fn fill(&mut self) -> io::Result<()> {
        loop {
            self.stream.readable().await?;
            let buffer = self.frames.buffer();
            buffer.reserve(CHUNK);
            match self.stream.try_read_buf(buffer) {
                Ok(count) => {
                    self.ended = count == 0;
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether both directions are closed (EPOLLHUP); a client that only stopped sending still reads.
    async fn is_gone(&self) -> bool {
        // Asks for the state as it is known now, and waits for nothing.
        let ready = timeout(Duration::ZERO, self.stream.ready(Interest::WRITABLE)).await;
        matches!(ready, Ok(Ok(state)) if state.is_write_closed())
    }

    /// Lets everybody else have a turn, and a client that floods wait for the next second.
    async fn pace(&mut self) {
        let (start, calls) = self.second;
        let end = start + Duration::from_secs(1);
        let now = Instant::now();
        self.second = if now >= end { (now, 1) } else { (start, calls + 1) };
        if self.second.1 > self.limits.calls_per_second {
            sleep_until(end).await;
        }
        tokio::task::yield_now().await;
    }
}
