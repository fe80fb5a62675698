//! The service manager.

pub mod activation;
pub mod manager;
pub mod notify;

/// Whether systemd runs this machine (`sd_booted(3)`).
#[must_use]
pub fn is_booted() -> bool {
    sd_notify::booted().unwrap_or(false)
}
