//! The service manager over D-Bus: scopes with a limit, and the slice that contains them.

mod bus;
mod error;

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use zbus::connection::Builder;
use zbus::export::ordered_stream::OrderedStreamExt;
use zbus::proxy::CacheProperties;
use zbus::{Connection, Fd, MatchRule, MessageStream, ObjectPath, OwnedObjectPath, Variant};

use crate::model::{Bytes, Pid};
use bus::{SystemdManagerProxy, SystemdSliceProxy};
pub use error::ManagerError;

/// Timeout of a single call, and of a job. Fifty scopes at once took 21 s in all in an emulated guest, four at a time.
const CALL_TIMEOUT: Duration = Duration::from_secs(20);

/// The D-Bus value for no limit.
const INFINITY: u64 = u64::MAX;

/// A service manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManagerKind {
    /// The system's manager.
    System,
    /// The user's own manager.
    User,
}

/// A scope to be started.
#[derive(Debug)]
pub struct TransientScope {
    /// Its name, ending in `.scope`.
    pub name: String,
    /// The slice above it.
    pub slice: String,
    /// Its description in `systemctl status`.
    pub description: String,
    /// Its first process.
    pub pid: Pid,
    /// A pidfd of that process; `None` if the kernel has no pidfds.
    pub pidfd: Option<OwnedFd>,
    /// `MemoryMax=`.
    pub memory_max: Bytes,
    /// `MemorySwapMax=`.
    pub swap_max: Bytes,
    /// `TasksMax=`; `None`: the manager's default for scopes.
    pub tasks_max: Option<u64>,
    /// `CPUQuotaPerSecUSec=`; `None`: no quota.
    pub cpu_usec_per_sec: Option<u64>,
}

/// Properties of scopes that some managers do not know. One that was refused as unknown is not sent again.
#[derive(Debug)]
pub struct ManagerFeatures {
    /// `PIDFDs=`, from systemd 255: names a process without the risk of a reused pid.
    pidfds: AtomicBool,
    /// `OOMPolicy=`, which scopes have from systemd 253; before, an OOM kill affects nothing but its victim.
    oom_policy: AtomicBool,
}

impl Default for ManagerFeatures {
    fn default() -> Self {
        Self { pidfds: AtomicBool::new(true), oom_policy: AtomicBool::new(true) }
    }
}

impl ManagerFeatures {
    /// Records that the manager refused a call with these properties because it does not know one of them. Returns whether
    /// a retry without one is possible. The manager checks properties in our order and refuses the first unknown one.
    /// Concurrent calls may record the same.
    fn drop_unknown(&self, pidfds: bool, oom_policy: bool) -> bool {
        if pidfds {
            self.pidfds.store(false, Ordering::Relaxed);
        } else if oom_policy {
            self.oom_policy.store(false, Ordering::Relaxed);
        }
        pidfds || oom_policy
    }
}

/// A connection to a manager.
pub struct Manager {
    connection: Connection,
    proxy: SystemdManagerProxy<'static>,
}

impl Manager {
    /// Connects over the bus.
    ///
    /// # Errors
    /// If the bus or the manager is absent.
    pub async fn connect(kind: ManagerKind) -> Result<Self, ManagerError> {
        let absent = |source| ManagerError::Absent { source };
        let builder = match kind {
            ManagerKind::System => Builder::system(),
            ManagerKind::User => Builder::session(),
        };
        let connection = builder.method_timeout(CALL_TIMEOUT).build().await.map_err(absent)?;
        let proxy = SystemdManagerProxy::builder(&connection).cache_properties(CacheProperties::No);
        let proxy = proxy.build().await.map_err(absent)?;
        Ok(Self { connection, proxy })
    }

    /// Starts a scope and returns once its process is in it.
    ///
    /// # Errors
    /// [`ManagerError::Exists`] if a scope of that name exists; others if the manager refuses it or fails.
    pub async fn start(
        &self,
        scope: &TransientScope,
        features: &ManagerFeatures,
    ) -> Result<(), ManagerError> {
        let of = |source| ManagerError::new(&scope.name, source);
        // Listen before starting the job. The client that started a job receives its signal without a subscription
        // (`bus_foreach_bus` of systemd's dbus.c).
        let mut removed_jobs = self.removed_jobs().await.map_err(of)?;
        let job = loop {
            let pidfd = scope.pidfd.as_ref().filter(|_| features.pidfds.load(Ordering::Relaxed));
            let oom_policy = features.oom_policy.load(Ordering::Relaxed);
            match self.start_unit(scope, pidfd, oom_policy).await {
                Err(error)
                    if error::is_unknown_property(&error)
                        && features.drop_unknown(pidfd.is_some(), oom_policy) => {}
                started => break started.map_err(of)?,
            }
        };
        let finished = async {
            while let Some(message) = removed_jobs.next().await {
                let Ok(message) = message else { break };
                let body = message.body();
                let Ok((_, path, _, result)) = body.deserialize::<(u32, ObjectPath<'_>, &str, &str)>() else {
                    continue;
                };
                if path == job.as_ref() {
                    return result.to_owned();
                }
            }
            "disconnected".to_owned()
        };
        match tokio::time::timeout(CALL_TIMEOUT, finished).await {
            Ok(result) if result == "done" => Ok(()),
            Ok(result) => Err(ManagerError::Job { unit: scope.name.clone(), result }),
            Err(_) => Err(ManagerError::Job { unit: scope.name.clone(), result: "timeout".to_owned() }),
        }
    }

    async fn removed_jobs(&self) -> zbus::Result<MessageStream> {
        let proxy = self.proxy.inner();
        let rule = MatchRule::builder().msg_type(zbus::message::Type::Signal).sender(proxy.destination());
        let rule = rule.path(proxy.path()).interface(proxy.interface()).member("JobRemoved").build()?;
        MessageStream::for_match_rule(rule, &self.connection, None).await
    }

    async fn start_unit(
        &self,
        scope: &TransientScope,
        pidfd: Option<&OwnedFd>,
        oom_policy: bool,
    ) -> zbus::Result<OwnedObjectPath> {
        let mut properties = Vec::with_capacity(10);
        match pidfd {
            Some(pidfd) => properties.push(("PIDFDs", Variant::from(vec![Fd::from(pidfd)]))),
            None => {
                let pid = u32::try_from(scope.pid.get()).unwrap_or_default();
                properties.push(("PIDs", Variant::from(vec![pid])));
            }
        }
        if oom_policy {
            // With the default (`stop`), one OOM kill stops the whole scope.
            properties.push(("OOMPolicy", Variant::from("continue")));
        }
        properties.extend([
            ("Description", Variant::from(scope.description.as_str())),
            ("Slice", Variant::from(scope.slice.as_str())),
            ("MemoryAccounting", Variant::from(true)),
            ("MemoryMax", Variant::from(scope.memory_max.get())),
            ("MemorySwapMax", Variant::from(scope.swap_max.get())),
            ("CollectMode", Variant::from("inactive-or-failed")),
        ]);
        properties.extend(scope.tasks_max.map(|tasks| ("TasksMax", Variant::from(tasks))));
        properties.extend(scope.cpu_usec_per_sec.map(|usec| ("CPUQuotaPerSecUSec", Variant::from(usec))));
        self.proxy.start_transient_unit(&scope.name, "fail", &properties, &[]).await
    }

    /// Sets the limits of a unit until the next boot.
    ///
    /// # Errors
    /// If the manager refuses.
    pub async fn set_memory(
        &self,
        unit: &str,
        max: Bytes,
        swap_max: Option<Bytes>,
    ) -> Result<(), ManagerError> {
        let mut properties = vec![("MemoryMax", Variant::from(max.get()))];
        properties.extend(swap_max.map(|swap| ("MemorySwapMax", Variant::from(swap.get()))));
        let set = self.proxy.set_unit_properties(unit, true, &properties).await;
        set.map_err(|source| ManagerError::new(unit, source))
    }

    /// `MemoryMax=` of a slice, active or not; `None`: no limit.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn memory_max(&self, slice: &str) -> Result<Option<Bytes>, ManagerError> {
        let of = |source| ManagerError::new(slice, source);
        let path = self.proxy.load_unit(slice).await.map_err(of)?;
        let unit = SystemdSliceProxy::builder(&self.connection).path(path).build().await.map_err(of)?;
        let max = unit.memory_max().await.map_err(of)?;
        Ok((max != INFINITY).then_some(Bytes::new(max)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn concurrent_calls_may_find_the_same_property_unknown() {
        let features = ManagerFeatures::default();
        assert!(features.drop_unknown(true, true) && features.drop_unknown(true, true));
        assert!(features.oom_policy.load(Ordering::Relaxed), "it was not checked");
        assert!(features.drop_unknown(false, true) && features.drop_unknown(false, true));
        assert!(!features.drop_unknown(false, false), "nothing is left to drop");
        assert!(!features.pidfds.load(Ordering::Relaxed) && !features.oom_policy.load(Ordering::Relaxed));
    }
}
