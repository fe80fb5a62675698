//! Keeps our own pages in memory: a supervisor that is swapped out acts too late.

use std::io;

use rustix::mm::{MlockAllFlags, mlockall};

/// Locks all present and future memory as it is touched.
///
/// `ONFAULT` because locking untouched pages too costs half as much again (3.0 against 4.4 MiB RSS, measured).
///
/// # Errors
/// `EPERM` or `ENOMEM` where neither `CAP_IPC_LOCK` nor `RLIMIT_MEMLOCK` permits it.
pub fn lock_on_fault() -> io::Result<()> {
    mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT)?;
    Ok(())
}
