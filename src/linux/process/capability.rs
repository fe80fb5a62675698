//! Rights that only one kind of read needs.

use rustix::thread::{CapabilitySet, capabilities, set_capabilities};

/// Makes this thread, and those that it starts, obey file modes until [`reading_any_file`]. Nothing changes where we
/// have no right beyond them.
pub fn obey_file_modes() {
    set(false);
}

/// Runs `read` with the right to read files whatever their mode: `/proc/PID/environ` is its owner's alone, and root
/// without `CAP_DAC_OVERRIDE` is held to that.
pub fn reading_any_file<T>(read: impl FnOnce() -> T) -> T {
    set(true);
    let result = read();
    set(false);
    result
}

/// What is permitted stays so; it is only in effect while it is needed.
fn set(effective: bool) {
    let Ok(mut sets) = capabilities(None) else { return };
    let wanted = CapabilitySet::DAC_READ_SEARCH & sets.permitted;
    let before = sets.effective;
    sets.effective.set(wanted, effective);
    if sets.effective != before {
        // Within what is permitted this cannot be refused; should it be, one file is not read.
        let _ = set_capabilities(None, sets);
    }
}
