//! The methods and properties of `org.freedesktop.systemd1(5)` that we call.

use zbus::proxy;
use zbus::{OwnedObjectPath, Variant};

/// An auxiliary unit of a transient one; always empty here.
type Auxiliary<'a> = (&'a str, Vec<(&'a str, Variant<'a>)>);

#[proxy(
    interface = "org.freedesktop.systemd1.Manager",
    default_service = "org.freedesktop.systemd1",
    default_path = "/org/freedesktop/systemd1"
)]
pub(super) trait SystemdManager {
    fn load_unit(&self, name: &str) -> zbus::Result<OwnedObjectPath>;

    fn start_transient_unit(
        &self,
        name: &str,
        mode: &str,
        properties: &[(&str, Variant<'_>)],
        auxiliary: &[Auxiliary<'_>],
    ) -> zbus::Result<OwnedObjectPath>;

    fn set_unit_properties(
        &self,
        name: &str,
        runtime: bool,
        properties: &[(&str, Variant<'_>)],
    ) -> zbus::Result<()>;
}

#[proxy(interface = "org.freedesktop.systemd1.Slice", default_service = "org.freedesktop.systemd1")]
pub(super) trait SystemdSlice {
    #[zbus(property(emits_changed_signal = "false"))]
    fn memory_max(&self) -> zbus::Result<u64>;
}
