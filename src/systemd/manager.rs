//! The manager of units, over D-Bus: scopes with a limit, and the slice that holds them.

mod bus;
mod error;

use std::time::Duration;

use zbus::Variant;
use zbus::connection::Builder;
use zbus::export::ordered_stream::OrderedStreamExt;

use crate::model::{Bytes, Pid};
use bus::{JobRemovedStream, ManagerProxy, SliceProxy};
pub use error::ManagerError;

/// So long a single call may take, and a job. Fifty scopes at once took 21 s in all in an emulated guest, four at a time.
const PATIENCE: Duration = Duration::from_secs(20);

/// No limit, as D-Bus says it.
const INFINITY: u64 = u64::MAX;

/// Whose units they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The system's.
    System,
    /// Those of the user's own manager.
    User,
}

/// A scope that is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Its name, ending in `.scope`.
    pub name: String,
    /// The slice above it.
    pub slice: String,
    /// What `systemctl status` shows.
    pub description: String,
    /// The process that it begins with.
    pub pid: Pid,
    /// `MemoryMax=`.
    pub memory_max: Bytes,
    /// `MemorySwapMax=`.
    pub swap_max: Bytes,
}

/// A connection to a manager.
pub struct Manager {
    connection: zbus::Connection,
    proxy: ManagerProxy<'static>,
    jobs: JobRemovedStream,
}

impl Manager {
    /// Connects, and listens for the ends of jobs before there is any.
    ///
    /// # Errors
    /// Where there is no bus, or nobody who manages units on it.
    pub async fn connect(which: Which) -> Result<Self, ManagerError> {
        let builder = match which {
            Which::System => Builder::system(),
            Which::User => Builder::session(),
        };
        let absent = |source| ManagerError::Absent { source };
        let connection = builder.method_timeout(PATIENCE).build().await.map_err(absent)?;
        let proxy = ManagerProxy::new(&connection).await.map_err(absent)?;
        // Signals go to subscribers only (org.freedesktop.systemd1(5)).
        proxy.subscribe().await.map_err(absent)?;
        let jobs = proxy.receive_job_removed().await.map_err(absent)?;
        Ok(Self { connection, proxy, jobs })
    }

    /// Starts a scope, and comes back when its process is in it.
    ///
    /// # Errors
    /// [`ManagerError::Exists`] where a scope of that name is there already; others where it is refused or fails.
    pub async fn start(&mut self, scope: &Scope) -> Result<(), ManagerError> {
        let started = match self.start_unit(scope, true).await {
            // Scopes have had an OOMPolicy since systemd 253; before, one child's OOM ends nothing but the child.
            Err(error) if error::is_unknown_property(&error) => self.start_unit(scope, false).await,
            started => started,
        };
        let job = started.map_err(|source| ManagerError::of(&scope.name, source))?;
        let ended = async {
            while let Some(signal) = self.jobs.next().await {
                let Ok(removed) = signal.args() else { continue };
                if removed.job.as_str() == job.as_str() {
                    return removed.result.to_owned();
                }
            }
            "disconnected".to_owned()
        };
        match tokio::time::timeout(PATIENCE, ended).await {
            Ok(result) if result == "done" => Ok(()),
            Ok(result) => Err(ManagerError::Job { unit: scope.name.clone(), result }),
            Err(_) => Err(ManagerError::Job { unit: scope.name.clone(), result: "timeout".to_owned() }),
        }
    }

    async fn start_unit(&self, scope: &Scope, policy: bool) -> zbus::Result<zbus::OwnedObjectPath> {
        let pid = u32::try_from(scope.pid.get()).unwrap_or_default();
        let mut properties = vec![
            ("Description", Variant::from(scope.description.as_str())),
            ("Slice", Variant::from(scope.slice.as_str())),
            ("PIDs", Variant::from(vec![pid])),
            ("MemoryAccounting", Variant::from(true)),
            ("MemoryMax", Variant::from(scope.memory_max.get())),
            ("MemorySwapMax", Variant::from(scope.swap_max.get())),
            ("CollectMode", Variant::from("inactive-or-failed")),
        ];
        if policy {
            // With the default (`stop`) one child's OOM ends the whole scope.
            properties.push(("OOMPolicy", Variant::from("continue")));
        }
        self.proxy.start_transient_unit(&scope.name, "fail", &properties, &[]).await
    }

    /// Sets the limits of a unit until the next boot.
    ///
    /// # Errors
    /// Where that is refused.
    pub async fn set_memory(
        &self,
        unit: &str,
        max: Bytes,
        swap_max: Option<Bytes>,
    ) -> Result<(), ManagerError> {
        let mut properties = vec![("MemoryMax", Variant::from(max.get()))];
        properties.extend(swap_max.map(|swap| ("MemorySwapMax", Variant::from(swap.get()))));
        let set = self.proxy.set_unit_properties(unit, true, &properties).await;
        set.map_err(|source| ManagerError::of(unit, source))
    }

    /// `MemoryMax=` of a slice, whether it is active or not; `None`: no limit.
    ///
    /// # Errors
    /// Where that cannot be read.
    pub async fn memory_max(&self, slice: &str) -> Result<Option<Bytes>, ManagerError> {
        let of = |source| ManagerError::of(slice, source);
        let path = self.proxy.load_unit(slice).await.map_err(of)?;
        let unit = SliceProxy::builder(&self.connection).path(path).build().await.map_err(of)?;
        let max = unit.memory_max().await.map_err(of)?;
        Ok((max != INFINITY).then_some(Bytes::new(max)))
    }
}
