//! Locks our own pages in memory: a supervisor that is swapped out acts too late.

use std::io;

use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{Resource, getrlimit};
use rustix::thread::{CapabilitySet, capabilities};

/// The limit counts mapped memory, touched or not: stacks and arenas of ten threads are some 200 MB.
const MIN_MEMLOCK_LIMIT: u64 = 1 << 30;

/// Locks all present and future memory as it is touched.
///
/// `ONFAULT` because locking untouched pages too costs half as much again (3.0 against 4.4 MiB RSS, measured).
///
/// # Errors
/// If neither `CAP_IPC_LOCK` nor `RLIMIT_MEMLOCK` permits it. Not even tried under a low limit: the mapped memory fits in the
/// 8 MB of a plain user until the first threads start, and then their stacks are refused.
pub fn lock_on_fault() -> io::Result<()> {
    let privileged = capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::IPC_LOCK));
    if is_too_low(getrlimit(Resource::Memlock).current, privileged) {
        return Err(io::Error::other("the limit of locked memory is too low (RLIMIT_MEMLOCK)"));
    }
    mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT)?;
    Ok(())
}

/// `limit`: `None` is no limit.
fn is_too_low(limit: Option<u64>, privileged: bool) -> bool {
    !privileged && limit.is_some_and(|limit| limit < MIN_MEMLOCK_LIMIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_a_plain_user_is_too_low() {
        assert!(is_too_low(Some(8 << 20), false));
        assert!(!is_too_low(Some(8 << 20), true), "the limit does not apply with CAP_IPC_LOCK");
        assert!(!is_too_low(None, false));
        assert!(!is_too_low(Some(2 << 30), false));
    }
}
