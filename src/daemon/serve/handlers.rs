//! Handlers of the socket's methods.

use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};
use tracing::Level;

use super::explain::Explainer;
use super::limit::Limiter;
use super::reload::Reloader;
use super::status_cache::{self, StatusCache};
use crate::api::history::HistoryInfo;
use crate::api::status::{ActionInfo, StatusInfo};
use crate::api::{
    event_log::EventLog,
    explanation::Explanation,
    limited::{LimitInfo, LimitRequest},
};
use crate::daemon::control_loop::active_config::Settings;
use crate::daemon::control_loop::commands::{CommandSender, LoopCommand, Stop};
use crate::daemon::control_loop::waker::Waker;
use crate::daemon::options::Options;
use crate::daemon::report::history::HistoryRecorder;
use crate::daemon::report::journal::{Report, Reporter};
use crate::daemon::report::publisher::Published;
use crate::ipc::{self, Caller, MethodError};
use crate::linux::process::peer;
use crate::model::{AgentRef, Pid, Uid};
use crate::quota::{REFUSAL_LOG, RateLimiter, STOP_REQUESTS};

/// Delay of the sample after a limit. The limited process calls exec only when it has the reply, 0.1 s later in an emulated
/// guest; an earlier sample would delay it and not see the command yet.
const SAMPLE_DELAY_AFTER_LIMIT: Duration = Duration::from_millis(200);

/// The handlers' connections to the control loop and the reports.
pub(crate) struct HandlerInputs<'a> {
    pub(crate) status: watch::Receiver<Arc<StatusInfo>>,
    pub(crate) events: watch::Receiver<Arc<EventLog>>,
    pub(crate) published: watch::Receiver<Published>,
    pub(crate) settings: watch::Receiver<Arc<Settings>>,
    pub(crate) waker: Arc<Waker>,
    pub(crate) commands: CommandSender,
    pub(crate) history: HistoryRecorder,
    pub(crate) reporter: Reporter,
    pub(crate) options: &'a Options,
    /// The user that the daemon runs as.
    pub(crate) uid: Uid,
}

/// Answers the socket's methods.
pub(crate) struct Handlers {
    status: watch::Receiver<Arc<StatusInfo>>,
    events: watch::Receiver<Arc<EventLog>>,
    published: watch::Receiver<Published>,
    explainer: Explainer,
    status_cache: StatusCache,
    commands: CommandSender,
    history: HistoryRecorder,
    reloader: Reloader,
    limiter: Limiter,
    reporter: Reporter,
    refusal_log: RateLimiter,
    stop_requests: RateLimiter,
    /// The user that the daemon runs as.
    uid: Uid,
}

impl ipc::Service for Handlers {
    async fn status(&self, max_wait: Option<Duration>) -> watch::Receiver<Arc<StatusInfo>> {
        self.status_cache.refresh_if_older_than(status_cache::STATUS_MAX_AGE, max_wait).await;
        self.status.clone()
    }

    async fn explain(&self, pid: Pid, reader: Uid) -> Result<Explanation, MethodError> {
        self.status_cache.refresh_if_older_than(status_cache::EXPLANATION_MAX_AGE, None).await;
        self.explainer.explain(pid, reader).await
    }

    fn events(&self) -> watch::Receiver<Arc<EventLog>> {
        self.events.clone()
    }

    fn verify(&self, caller: Caller, socket: BorrowedFd<'_>) -> Caller {
        let has_exited = match peer::pidfd(socket) {
            Ok(Some(pidfd)) => !peer::is_running(&pidfd).unwrap_or(true),
            Ok(None) => false,
            Err(_) => true,
        };
        Caller { pid: caller.pid.filter(|_| !has_exited), ..caller }
    }

    async fn stop(&self, agent: String, by: Caller) -> Result<ActionInfo, MethodError> {
        // A request takes effect even if its client disconnects at once: a known agent is passed on before the first wait.
        let target = match self.agent(&agent).or_else(|| self.commands.stopping(&agent)) {
            Some(known) => known,
            None => {
                self.status_cache.refresh_if_older_than(status_cache::EXPLANATION_MAX_AGE, None).await;
                self.agent(&agent).ok_or(MethodError::NoSuchAgent { agent })?
            }
        };
        if !by.uid.may_see(target.uid) {
            self.log_denial(by, &format!("stop {}, owned by {}", target.id, user(target.uid)));
            return Err(MethodError::PermissionDenied {});
        }
        if by.uid != Uid::ROOT && !self.stop_requests.allow(by.uid, Instant::now()) {
            return Err(MethodError::Busy {});
        }
        let id = target.id.to_string();
        let (answer, result) = oneshot::channel();
        self.commands.send(LoopCommand::Stop(Stop { agent: target, by: by.uid, reply: answer }))?;
        // The report of the action names the user; this adds the process.
        self.log(Level::INFO, format!("{} requested to stop {id}", process_of(by)));
        let shutting_down =
            |_| MethodError::NotStopped { agent: id, reason: "the supervisor itself is stopping".to_owned() };
        result.await.map_err(shutting_down)?
    }

    async fn history(&self, since: Duration) -> Result<HistoryInfo, MethodError> {
        self.history.last(since).await
    }

    async fn reload(&self, by: Caller) -> Result<Vec<String>, MethodError> {
        if !by.uid.may_see(self.uid) {
            self.log_denial(by, "reload the configuration");
            return Err(MethodError::PermissionDenied {});
        }
        let loaded = self.reloader.load().await.inspect_err(|error| {
            self.log(
                Level::ERROR,
                format!("configuration not reloaded, the previous one stays in force: {error}"),
            );
        })?;
        let (answer, warnings) = oneshot::channel();
        self.commands.send(LoopCommand::Reload(Box::new(loaded), answer))?;
        warnings.await.map_err(|_| MethodError::Busy {})
    }

    async fn limit(&self, request: LimitRequest, by: Caller) -> Result<LimitInfo, MethodError> {
        let (requested, pid) = (request.limit, request.pid);
        let result = self.limiter.limit(request, by).await;
        match &result {
            Ok(LimitInfo { scope, limit, swap, .. }) => {
                self.log(
                    Level::INFO,
                    format!("{} is limited to {limit}, {swap} of swap, in {scope}", process_of(by)),
                );
                // The process may belong to another agent now, and no other wakeup would show that soon.
                let commands = self.commands.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(SAMPLE_DELAY_AFTER_LIMIT).await;
                    commands.request_sample();
                });
            }
            Err(MethodError::PermissionDenied {}) => {
                let target = pid.map_or_else(|| "its scope".to_owned(), |pid| format!("process {pid}"));
                self.log_denial(by, &format!("limit {target}, owned by another user"));
            }
            Err(error) if self.refusal_log.allow(by.uid, Instant::now()) => {
                self.log(Level::WARN, format!("{} is not limited to {requested}: {error}", process_of(by)));
            }
            Err(_) => {}
        }
        result
    }
}

impl Handlers {
    pub(crate) fn new(inputs: HandlerInputs<'_>) -> Self {
        let HandlerInputs {
            status,
            events,
            published,
            settings,
            waker,
            commands,
            history,
            reporter,
            options,
            uid,
        } = inputs;
        Self {
            status,
            events,
            explainer: Explainer::new(settings, published.clone()),
            status_cache: StatusCache::new(published.clone(), waker),
            published,
            commands,
            history,
            reloader: Reloader::new(options, uid),
            limiter: Limiter::new(options, uid),
            reporter,
            refusal_log: RateLimiter::new(REFUSAL_LOG),
            stop_requests: RateLimiter::new(STOP_REQUESTS),
            uid,
        }
    }

    /// The agent with that id, or with that pid as its root.
    fn agent(&self, name: &str) -> Option<AgentRef> {
        // Clone the `Arc` and drop the guard: holding it would block the control loop's `send`.
        let snapshot = Arc::clone(&self.published.borrow().snapshot);
        let mut agents = snapshot.agents.iter().map(|sample| &sample.agent);
        agents.find(|agent| agent.is_called(name)).cloned()
    }

    fn log_denial(&self, by: Caller, action: &str) {
        if self.refusal_log.allow(by.uid, Instant::now()) {
            self.log(Level::WARN, format!("denied: {} tried to {action}", process_of(by)));
        }
    }

    fn log(&self, level: Level, text: String) {
        self.reporter.report(Report::Log(level, text));
    }
}

/// `root`, or `user 1000`.
fn user(uid: Uid) -> String {
    if uid == Uid::ROOT { "root".to_owned() } else { format!("user {uid}") }
}

/// `user 1000 (pid 4321)`.
fn process_of(caller: Caller) -> String {
    let user = user(caller.uid);
    match caller.pid {
        Some(pid) => format!("{user} (pid {pid})"),
        None => user,
    }
}
