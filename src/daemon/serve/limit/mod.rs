//! Handles `Limit` requests, each on a thread of its own: the bus never delays the control loop.
//!
//! A request is planned by [`crate::limit`], applied by a [`CgroupBackend`](backend::CgroupBackend) and read back from the
//! kernel.

mod apply;
mod backend;
mod error;
#[cfg(feature = "standalone")]
mod manual_backend;
mod queue;
mod systemd_backend;
mod target;

use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use tokio::sync::{Mutex, oneshot};

use crate::api::limited::{LimitInfo, LimitRequest};
use crate::daemon::options::Options;
use crate::ipc::{Caller, MethodError};
use crate::model::{Pid, Uid};
use crate::systemd;
use crate::systemd::manager::{ManagerFeatures, ManagerKind};
use error::ApplyError;
use queue::LimitQueue;
use target::LimitTarget;

/// Stack of a request's thread. D-Bus needs more than the readers of `/proc`; untouched pages cost nothing.
const THREAD_STACK_SIZE: usize = 1 << 20;

/// Limits processes for the socket's clients.
#[derive(Debug)]
pub(crate) struct Limiter {
    context: LimitContext,
    queue: LimitQueue,
}

/// Shared by the requests' threads.
#[derive(Clone, Debug)]
struct LimitContext {
    proc: PathBuf,
    cgroup: PathBuf,
    /// The service manager that creates the scopes; `None` if systemd does not run.
    manager: Option<ManagerKind>,
    /// The user that we run as.
    uid: Uid,
    features: Arc<ManagerFeatures>,
    /// Held from reading a scope's limits to changing them: of two concurrent requests, the later could widen the scope again.
    tighten_lock: Arc<Mutex<()>>,
}

impl Limiter {
    pub(crate) fn new(options: &Options, uid: Uid) -> Self {
        let context = LimitContext::new(options.proc.clone(), options.cgroup.clone(), uid);
        Self { context, queue: LimitQueue::default() }
    }

    /// Limits the process that `request` names, if it belongs to `by`.
    ///
    /// # Errors
    /// [`MethodError::PermissionDenied`] for another user's process, [`MethodError::NoSuchProcess`], [`MethodError::Busy`], and
    /// [`MethodError::NotLimited`] with a reason.
    pub(crate) async fn limit(&self, request: LimitRequest, by: Caller) -> Result<LimitInfo, MethodError> {
        let uid = self.context.uid;
        if !by.uid.may_see(uid) && uid != Uid::ROOT {
            return Err(MethodError::PermissionDenied {});
        }
        let permit = self.queue.acquire(by.uid).await.ok_or(MethodError::Busy {})?;
        let (sender, result) = oneshot::channel();
        let context = self.context.clone();
        let builder = thread::Builder::new().name("limit".to_owned()).stack_size(THREAD_STACK_SIZE);
        let thread = builder.spawn(move || {
            let _permit = permit;
            // The client may have disconnected.
            let _ = sender.send(context.handle_request(&request, by));
        });
        thread.map_err(ApplyError::Thread)?;
        Ok(result.await.map_err(|_| ApplyError::ShuttingDown)??)
    }
}

impl LimitContext {
    fn new(proc: PathBuf, cgroup: PathBuf, uid: Uid) -> Self {
        let kind = if uid == Uid::ROOT { ManagerKind::System } else { ManagerKind::User };
        let manager = systemd::is_booted().then_some(kind);
        Self { proc, cgroup, manager, uid, features: Arc::default(), tighten_lock: Arc::default() }
    }

    fn handle_request(&self, request: &LimitRequest, by: Caller) -> Result<LimitInfo, ApplyError> {
        self.limit_target(request, &LimitTarget::find(&self.proc, request.pid, by)?, by.uid)
    }

    fn limit_target(
        &self,
        request: &LimitRequest,
        target: &LimitTarget,
        by: Uid,
    ) -> Result<LimitInfo, ApplyError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(ApplyError::Runtime)?.block_on(self.apply(request, target, by))
    }
}

/// Limits the calling process without a daemon: by the system's manager for root, else by the user's own. Without systemd,
/// a build with the feature `standalone` creates the cgroups itself.
///
/// # Errors
/// As over the socket.
pub fn limit_without_daemon(request: &LimitRequest) -> Result<LimitInfo, MethodError> {
    let uid = Uid::new(rustix::process::geteuid().as_raw());
    let pid = i32::try_from(std::process::id()).ok().and_then(Pid::new);
    let context = LimitContext::new(PathBuf::from("/proc"), PathBuf::from("/sys/fs/cgroup"), uid);
    let target = LimitTarget::find(&context.proc, request.pid, Caller { uid, pid })?;
    // Our own pid cannot be reused while we run, so no manager has to be probed for pidfds.
    let target = LimitTarget { pidfd: None, ..target };
    Ok(context.limit_target(request, &target, uid)?)
}
