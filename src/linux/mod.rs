//! The interface to Linux: `/proc`, cgroups, processes and signals, memory alarms, the clock. It reads and acts, and
//! decides nothing.

pub mod cgroup;
pub mod clock;
pub mod eventfd;
pub mod machine_id;
pub mod memory_alarm;
pub mod platform;
pub mod process;
pub mod procfs;

/// For a test that cannot run on this machine: says so, and fails in CI, where every test is to run.
#[cfg(test)]
pub(crate) fn skip(reason: &str) {
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "skipped in CI: {reason}");
    eprintln!("skipped: {reason}");
}
