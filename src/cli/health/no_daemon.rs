//! The status if the daemon does not answer, from `/proc`.

use std::path::Path;

use crate::api::status::{GuestInfo, StatusInfo, Verdict};
use crate::daemon::standalone;
use crate::ipc::ClientError;
use crate::linux::procfs::{Proc, ReadError};
use crate::model::Uid;

/// The agents that `/proc` shows, with `error` as the first note.
pub(super) fn status(error: &ClientError) -> Result<StatusInfo, ReadError> {
    let uid = Uid::new(rustix::process::geteuid().as_raw());
    let mut status = standalone::status(Path::new("/proc"), (uid != Uid::ROOT).then_some(uid))?;
    status.notes.insert(0, error.to_string());
    Ok(status)
}

/// The machine's memory without its agents: a scan of all processes takes longer than `--oneline` may.
pub(super) fn machine_only(error: &ClientError) -> Result<StatusInfo, ReadError> {
    let guest = Proc::open(Path::new("/proc"))?.guest()?;
    let note = match error {
        ClientError::Absent { .. } => "the claude-watchdog daemon is not running".to_owned(),
        ClientError::Silent { after, .. } => {
            format!("the daemon did not reply within {}", humantime::format_duration(*after))
        }
        other => other.to_string(),
    };
    Ok(StatusInfo {
        version: StatusInfo::VERSION,
        verdict: Verdict::Unknown,
        guest: GuestInfo {
            mem_total: guest.mem_total,
            mem_available: guest.mem_available,
            swap_total: guest.swap_total,
            swap_free: guest.swap_free,
            pressure: None,
            forecast: None,
        },
        agents: Vec::new(),
        actions: Vec::new(),
        notes: vec![note],
        supervisor: None,
    })
}
