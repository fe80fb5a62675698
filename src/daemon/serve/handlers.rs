//! Answers what comes in over the socket.

use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};
use tracing::Level;

use super::explain::Explainer;
use super::limit::Limiter;
use super::quota::{Asks, Refusals};
use super::reload::Reloader;
use super::status_cache::{self, StatusCache};
use crate::api::history::HistoryInfo;
use crate::api::status::{ActionInfo, StatusInfo};
use crate::api::{
    event_log::EventLog,
    explanation::Explanation,
    limited::{LimitInfo, LimitRequest},
};
use crate::daemon::control_loop::commands::{CommandSender, Request, Stop};
use crate::daemon::report::history::Record;
use crate::daemon::report::journal::{Report, Reporter};
use crate::daemon::report::publisher::Published;
use crate::ipc::{self, Caller, MethodError};
use crate::linux::process::peer;
use crate::model::{AgentRef, Pid, Uid};

/// What is limited becomes its command only when it is told so, 0.1 s later in an emulated guest. A look before that costs
/// it time and sees nothing yet.
const UNTIL_IT_RUNS: Duration = Duration::from_millis(200);

/// What the server asks, joined from those who know.
pub(crate) struct Service {
    pub(crate) updates: watch::Receiver<Arc<StatusInfo>>,
    pub(crate) events: watch::Receiver<Arc<EventLog>>,
    pub(crate) seen: watch::Receiver<Published>,
    pub(crate) explainer: Explainer,
    pub(crate) status_cache: StatusCache,
    pub(crate) requests: CommandSender,
    pub(crate) record: Record,
    pub(crate) reloader: Reloader,
    pub(crate) limiter: Limiter,
    pub(crate) reporter: Reporter,
    pub(crate) refusals: Refusals,
    pub(crate) asks: Asks,
    /// Whom we run as.
    pub(crate) uid: Uid,
}

impl ipc::Service for Service {
    async fn status(&self, wait: Option<Duration>) -> watch::Receiver<Arc<StatusInfo>> {
        self.status_cache.waiting(status_cache::STATUS, wait).await;
        self.updates.clone()
    }

    async fn explain(&self, pid: Pid, reader: Uid) -> Result<Explanation, MethodError> {
        self.status_cache.within(status_cache::EXPLANATION).await;
        self.explainer.explain(pid, reader).await
    }

    fn events(&self) -> watch::Receiver<Arc<EventLog>> {
        self.events.clone()
    }

    fn verify(&self, caller: Caller, socket: BorrowedFd<'_>) -> Caller {
        let ended = match peer::pidfd(socket) {
            Ok(Some(pidfd)) => !peer::is_running(&pidfd).unwrap_or(true),
            Ok(None) => false,
            Err(_) => true,
        };
        Caller { pid: caller.pid.filter(|_| !ended), ..caller }
    }

    async fn stop(&self, agent: String, by: Caller) -> Result<ActionInfo, MethodError> {
        // Who asks and leaves at once is heard all the same: nothing is waited for before it is passed on, where it is known.
        let known = match self.agent(&agent).or_else(|| self.requests.ending(&agent)) {
            Some(known) => known,
            None => {
                self.status_cache.within(status_cache::EXPLANATION).await;
                self.agent(&agent).ok_or(MethodError::NoSuchAgent { agent })?
            }
        };
        if !by.uid.may_see(known.uid) {
            self.refuse(by, &format!("end {}, which is user {}'s", known.id, known.uid));
            return Err(MethodError::PermissionDenied {});
        }
        if by.uid != Uid::ROOT && !self.asks.may(by.uid, Instant::now()) {
            return Err(MethodError::Busy {});
        }
        let id = known.id.to_string();
        let (answer, ended) = oneshot::channel();
        self.requests.send(Request::Stop(Stop { agent: known, by: by.uid, answer }))?;
        // The action's own report names the user.
        self.log(Level::INFO, format!("{} asks for the end of {id}", who(by)));
        let left =
            |_| MethodError::NotStopped { agent: id, reason: "the supervisor itself is stopping".to_owned() };
        ended.await.map_err(left)?
    }

    async fn history(&self, since: Duration) -> Result<HistoryInfo, MethodError> {
        self.record.last(since).await
    }

    async fn reload(&self, by: Caller) -> Result<Vec<String>, MethodError> {
        if !by.uid.may_see(self.uid) {
            self.refuse(by, "have the configuration read anew");
            return Err(MethodError::PermissionDenied {});
        }
        let loaded = self.reloader.load().await.inspect_err(|error| {
            self.log(Level::ERROR, format!("the configuration stays as it was: {error}"));
        })?;
        let (answer, taken) = oneshot::channel();
        self.requests.send(Request::Reload(Box::new(loaded), answer))?;
        taken.await.map_err(|_| MethodError::Busy {})
    }

    async fn limit(&self, request: LimitRequest, by: Caller) -> Result<LimitInfo, MethodError> {
        let (asked, pid) = (request.limit, request.pid);
        let done = self.limiter.limit(request, by).await;
        match &done {
            Ok(LimitInfo { scope, limit, swap, .. }) => {
                self.log(
                    Level::INFO,
                    format!("{} is limited to {limit}, {swap} of swap, in {scope}", who(by)),
                );
                // It may be another one's now, and nothing else would tell that soon.
                let requests = self.requests.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(UNTIL_IT_RUNS).await;
                    requests.ring();
                });
            }
            Err(MethodError::PermissionDenied {}) => {
                let whom =
                    pid.map_or_else(|| "the scope that it is in".to_owned(), |pid| format!("process {pid}"));
                self.refuse(by, &format!("limit {whom}, which is another user's"));
            }
            Err(error) if self.refusals.is_news(by.uid, Instant::now()) => {
                self.log(Level::WARN, format!("{} is not limited to {asked}: {error}", who(by)));
            }
            Err(_) => {}
        }
        done
    }
}

impl Service {
    /// The agent of that name, or whose root has that pid.
    fn agent(&self, name: &str) -> Option<AgentRef> {
        // Not the loan: the loop waits until that is given back.
        let snapshot = Arc::clone(&self.seen.borrow().snapshot);
        let mut agents = snapshot.agents.iter().map(|sample| &sample.agent);
        agents.find(|agent| agent.is_called(name)).cloned()
    }

    fn refuse(&self, by: Caller, what: &str) {
        if self.refusals.is_news(by.uid, Instant::now()) {
            self.log(Level::WARN, format!("{} may not {what}", who(by)));
        }
    }

    fn log(&self, level: Level, text: String) {
        self.reporter.tell(Report::Log(level, text));
    }
}

/// `user 1000 (pid 4321)`.
fn who(caller: Caller) -> String {
    let user = if caller.uid == Uid::ROOT { "root".to_owned() } else { format!("user {}", caller.uid) };
    match caller.pid {
        Some(pid) => format!("{user} (pid {pid})"),
        None => user,
    }
}
