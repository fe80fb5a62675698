//! Why a `Limit` request fails, typed up to the socket.

use std::io;
use std::path::PathBuf;

use crate::ipc::MethodError;
use crate::limit::LimitError;
#[cfg(feature = "standalone")]
use crate::linux::cgroup::tree::ChangeError;
use crate::linux::procfs::ReadError;
use crate::model::{Bytes, Pid};
use crate::systemd::manager::ManagerError;

/// Why a request fails.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApplyError {
    #[error("only its owner and root may do that")]
    PermissionDenied,
    #[error("there is no process {pid}")]
    NoSuchProcess { pid: Pid },
    #[error("the calling process has exited, or is in another pid namespace")]
    UnknownCaller,
    #[error("the calling process is in another pid namespace: its pids are not valid here")]
    OtherPidNamespace,
    #[error("the supervisor is shutting down")]
    ShuttingDown,
    #[error("cannot start a thread for the request: {0}")]
    Thread(io::Error),
    #[error("cannot start a runtime for the request: {0}")]
    Runtime(io::Error),
    #[error("cgroup v2 is not available on this machine")]
    NoCgroups,
    #[error("limits without systemd need a build with the Cargo feature `standalone`")]
    #[cfg(not(feature = "standalone"))]
    NoSystemd,
    #[error("cannot choose a name: two scopes of this process exist already")]
    NameTaken,
    #[error("{scope} no longer exists")]
    ScopeGone { scope: String },
    #[error("the process is not in {scope} but in {}", found.display())]
    NotMoved { scope: String, found: PathBuf },
    #[error("{scope} has no memory controller: nothing limits it")]
    NoController { scope: String },
    #[error("{scope} has {}, not {expected}", found.map_or_else(|| "no limit".to_owned(), |max| format!("a limit of {max}")))]
    WrongMax { scope: String, found: Option<Bytes>, expected: Bytes },
    #[error("{scope} has {}, not {expected}", found.map_or_else(|| "no limit of swap".to_owned(), |max| format!("{max} of swap")))]
    WrongSwapMax { scope: String, found: Option<Bytes>, expected: Bytes },
    #[error("cannot disable memory.oom.group of {scope}: {source}")]
    OomGroup { scope: String, source: io::Error },
    #[error(transparent)]
    Limit(#[from] LimitError),
    #[error(transparent)]
    Manager(#[from] ManagerError),
    #[error(transparent)]
    #[cfg(feature = "standalone")]
    Manual(#[from] ManualError),
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl From<ApplyError> for MethodError {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::PermissionDenied => Self::PermissionDenied {},
            ApplyError::NoSuchProcess { pid } => Self::NoSuchProcess { pid },
            other => Self::NotLimited { reason: other.to_string() },
        }
    }
}

/// Why no cgroup can be created.
#[cfg(feature = "standalone")]
#[derive(Debug, thiserror::Error)]
pub(crate) enum ManualError {
    #[error(
        "systemd is not running, and {0}: cgroups can only be read; start the container with a writable /sys/fs/cgroup (as \
         `--privileged` does), or with a memory limit for the whole container"
    )]
    ReadOnly(#[source] ChangeError),
    #[error("systemd is not running, and cgroups cannot be created below {}: {source}", path.display())]
    NotWritable { path: PathBuf, source: ChangeError },
    #[error("systemd is not running, and {} has no memory controller: enable it in cgroup.subtree_control of the cgroup \
             above", path.display())]
    NoController { path: PathBuf },
    #[error("systemd is not running, and {} has processes that cannot be migrated ({reason}), which prevents limits below it: \
             move them into a cgroup of their own", path.display())]
    NotMigratable { path: PathBuf, reason: String },
    #[error(
        "systemd is not running, and the cgroup of the process is not visible: mount /sys/fs/cgroup anew, in the cgroup \
         namespace of the process"
    )]
    Outside,
    #[error("the kernel refuses {0}")]
    Change(#[from] ChangeError),
    #[error(transparent)]
    Read(#[from] ReadError),
}
