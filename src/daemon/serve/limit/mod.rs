//! Limits for those who ask for one, on threads aside: a bus is nowhere near the loop.

mod apply;
mod backend;
mod manual;
mod queue;
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
use crate::systemd::manager::{ManagerFeatures, Which};
use queue::LimitQueue;
use target::LimitTarget;

/// The bus needs more of a stack than reading does; what is not touched costs nothing.
const STACK: usize = 1 << 20;

/// Limits processes.
#[derive(Debug)]
pub(crate) struct Limiter {
    context: LimitContext,
    queue: LimitQueue,
    /// Whom we run as.
    uid: Uid,
}

/// What makes the cgroups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Backend {
    Manager(Which),
    /// Nobody but us: systemd does not run.
    ManualBackend,
}

/// What a thread needs.
#[derive(Clone, Debug)]
struct LimitContext {
    proc: PathBuf,
    cgroup: PathBuf,
    means: Backend,
    /// Whom we run as.
    uid: Uid,
    features: Arc<ManagerFeatures>,
    /// Between what a scope has and what it gets nobody else may tighten it, or the later one widens it again.
    turn: Arc<Mutex<()>>,
}

impl Limiter {
    pub(crate) fn new(options: &Options, uid: Uid) -> Self {
        let context = LimitContext::new(options.proc.clone(), options.cgroup.clone(), uid);
        Self { context, queue: LimitQueue::default(), uid }
    }

    /// Limits what `request` names, as far as that is `by`'s to limit.
    ///
    /// # Errors
    /// [`MethodError::PermissionDenied`] where it is another user's, [`MethodError::NoSuchProcess`], and [`MethodError::NotLimited`].
    pub(crate) async fn limit(&self, request: LimitRequest, by: Caller) -> Result<LimitInfo, MethodError> {
        if !by.uid.may_see(self.uid) && self.uid != Uid::ROOT {
            return Err(MethodError::PermissionDenied {});
        }
        let permit = self.queue.acquire(by.uid).await.ok_or(MethodError::Busy {})?;
        let (told, done) = oneshot::channel();
        let context = self.context.clone();
        let working = thread::Builder::new().name("limit".to_owned()).stack_size(STACK).spawn(move || {
            let _permit = permit;
            // Whoever asked may have left.
            let _ = told.send(context.limit(&request, by));
        });
        working.map_err(|error| refused(format_args!("no thread for it: {error}")))?;
        done.await.map_err(|_| refused("the supervisor is stopping"))?
    }
}

impl LimitContext {
    fn new(proc: PathBuf, cgroup: PathBuf, uid: Uid) -> Self {
        let means = match uid {
            _ if !systemd::is_booted() => Backend::ManualBackend,
            Uid::ROOT => Backend::Manager(Which::System),
            _ => Backend::Manager(Which::User),
        };
        Self { proc, cgroup, means, uid, features: Arc::default(), turn: Arc::default() }
    }

    fn limit(&self, request: &LimitRequest, by: Caller) -> Result<LimitInfo, MethodError> {
        self.limit_one(request, &LimitTarget::find(&self.proc, request.pid, by)?, by.uid)
    }

    fn limit_one(
        &self,
        request: &LimitRequest,
        target: &LimitTarget,
        by: Uid,
    ) -> Result<LimitInfo, MethodError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| refused(format_args!("no runtime for it: {error}")))?;
        runtime.block_on(self.apply(request, target, by))
    }
}

/// The same for ourselves and without a supervisor, by whichever manager there is: the system's for root, else the user's.
/// Where systemd does not run, by what we may change of the cgroup tree.
///
/// # Errors
/// As over the socket.
pub fn limit_alone(request: &LimitRequest) -> Result<LimitInfo, MethodError> {
    let uid = Uid::new(rustix::process::geteuid().as_raw());
    let pid = i32::try_from(std::process::id()).ok().and_then(Pid::new);
    let context = LimitContext::new(PathBuf::from("/proc"), PathBuf::from("/sys/fs/cgroup"), uid);
    // Our own pid is nobody else's while we are here: no manager has to be asked whether it takes pidfds.
    let target =
        LimitTarget { pidfd: None, ..LimitTarget::find(&context.proc, request.pid, Caller { uid, pid })? };
    context.limit_one(request, &target, uid)
}

#[allow(clippy::needless_pass_by_value, reason = "errors are mapped by it")]
fn refused(reason: impl ToString) -> MethodError {
    MethodError::NotLimited { reason: reason.to_string() }
}
