//! Capabilities that only one kind of read needs.

use rustix::thread::{CapabilitySet, capabilities, set_capabilities};

/// Drops the right to ignore file modes from this thread, and those that it starts, except in [`reading_any_file`]. Does
/// nothing without that right.
pub fn obey_file_modes() {
    set(false);
}

/// Runs `read` with the right to read files whatever their mode: `/proc/PID/environ` is readable by its owner only, also
/// for root without `CAP_DAC_OVERRIDE`.
pub fn reading_any_file<T>(read: impl FnOnce() -> T) -> T {
    set(true);
    let result = read();
    set(false);
    result
}

/// The capability stays permitted; it is effective only while it is needed.
fn set(effective: bool) {
    let Ok(mut sets) = capabilities(None) else { return };
    let wanted = CapabilitySet::DAC_READ_SEARCH & sets.permitted;
    let before = sets.effective;
    sets.effective.set(wanted, effective);
    if sets.effective != before {
        // Cannot fail for a permitted capability; if it does, one file is not read.
        let _ = set_capabilities(None, sets);
    }
}
