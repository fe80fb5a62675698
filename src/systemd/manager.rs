//! The manager of units, over D-Bus: scopes with a limit, and the slice that holds them.

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
use bus::{ManagerProxy, SliceProxy};
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
#[derive(Debug)]
pub struct Scope {
    /// Its name, ending in `.scope`.
    pub name: String,
    /// The slice above it.
    pub slice: String,
    /// What `systemctl status` shows.
    pub description: String,
    /// The process that it begins with.
    pub pid: Pid,
    /// The same, pinned; `None` where the kernel has no pidfd.
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

/// Properties of a scope that not every manager knows; what it is found not to know is not said again.
#[derive(Debug)]
pub struct ManagerFeatures {
    /// `PIDFDs=`, from systemd 255: a process that is pinned, where a pid may have become another's.
    pidfds: AtomicBool,
    /// `OOMPolicy=`, which scopes have from systemd 253; before, one child's OOM ends nothing but the child.
    policy: AtomicBool,
}

impl Default for ManagerFeatures {
    fn default() -> Self {
        Self { pidfds: AtomicBool::new(true), policy: AtomicBool::new(true) }
    }
}

impl ManagerFeatures {
    /// Takes in that a property is unknown to the manager, of a call that had these; whether there is one to do without.
    /// The manager looks at them in our order and refuses the first that it does not know. Others may find the same out
    /// at the same time.
    fn lessen(&self, pidfds: bool, policy: bool) -> bool {
        if pidfds {
            self.pidfds.store(false, Ordering::Relaxed);
        } else if policy {
            self.policy.store(false, Ordering::Relaxed);
        }
        pidfds || policy
    }
}

/// A connection to a manager.
pub struct Manager {
    connection: Connection,
    proxy: ManagerProxy<'static>,
}

impl Manager {
    /// Connects.
    ///
    /// # Errors
    /// Where nobody manages units.
    pub async fn connect(which: Which) -> Result<Self, ManagerError> {
        let absent = |source| ManagerError::Absent { source };
        let builder = match which {
            Which::System => Builder::system(),
            Which::User => Builder::session(),
        };
        let connection = builder.method_timeout(PATIENCE).build().await.map_err(absent)?;
        let proxy = ManagerProxy::builder(&connection).cache_properties(CacheProperties::No);
        let proxy = proxy.build().await.map_err(absent)?;
        Ok(Self { connection, proxy })
    }

    /// Starts a scope, and comes back when its process is in it.
    ///
    /// # Errors
    /// [`ManagerError::Exists`] where a scope of that name is there already; others where it is refused or fails.
    pub async fn start(&self, scope: &Scope, knowledge: &ManagerFeatures) -> Result<(), ManagerError> {
        let of = |source| ManagerError::of(&scope.name, source);
        // Before there is any. Who asked for a job is told of its end without a subscription (`bus_foreach_bus` of
        // systemd's dbus.c).
        let mut ends = self.ends_of_jobs().await.map_err(of)?;
        let job = loop {
            let pidfd = scope.pidfd.as_ref().filter(|_| knowledge.pidfds.load(Ordering::Relaxed));
            let policy = knowledge.policy.load(Ordering::Relaxed);
            match self.start_unit(scope, pidfd, policy).await {
                Err(error)
                    if error::is_unknown_property(&error) && knowledge.lessen(pidfd.is_some(), policy) => {}
                started => break started.map_err(of)?,
            }
        };
        let ended = async {
            while let Some(message) = ends.next().await {
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
        match tokio::time::timeout(PATIENCE, ended).await {
            Ok(result) if result == "done" => Ok(()),
            Ok(result) => Err(ManagerError::Job { unit: scope.name.clone(), result }),
            Err(_) => Err(ManagerError::Job { unit: scope.name.clone(), result: "timeout".to_owned() }),
        }
    }

    async fn ends_of_jobs(&self) -> zbus::Result<MessageStream> {
        let proxy = self.proxy.inner();
        let rule = MatchRule::builder().msg_type(zbus::message::Type::Signal).sender(proxy.destination());
        let rule = rule.path(proxy.path()).interface(proxy.interface()).member("JobRemoved").build()?;
        MessageStream::for_match_rule(rule, &self.connection, None).await
    }

    async fn start_unit(
        &self,
        scope: &Scope,
        pidfd: Option<&OwnedFd>,
        policy: bool,
    ) -> zbus::Result<OwnedObjectPath> {
        let mut properties = Vec::with_capacity(10);
        match pidfd {
            Some(pidfd) => properties.push(("PIDFDs", Variant::from(vec![Fd::from(pidfd)]))),
            None => {
                let pid = u32::try_from(scope.pid.get()).unwrap_or_default();
                properties.push(("PIDs", Variant::from(vec![pid])));
            }
        }
        if policy {
            // With the default (`stop`) one child's OOM ends the whole scope.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_who_find_the_same_out_both_do_without() {
        let knowledge = ManagerFeatures::default();
        assert!(knowledge.lessen(true, true) && knowledge.lessen(true, true));
        assert!(knowledge.policy.load(Ordering::Relaxed), "it was not looked at");
        assert!(knowledge.lessen(false, true) && knowledge.lessen(false, true));
        assert!(!knowledge.lessen(false, false), "nothing is left to do without");
        assert!(!knowledge.pidfds.load(Ordering::Relaxed) && !knowledge.policy.load(Ordering::Relaxed));
    }
}
