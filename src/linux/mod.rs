//! What Linux tells and does: `/proc`, cgroups, pidfds, alarms, memory locking, the clock. Reads and does, decides
//! nothing.

pub mod alarm;
pub mod bell;
pub mod brake;
pub mod broken_pipe;
pub mod capability;
pub mod cgroup;
pub mod cgroup_kill;
pub mod child;
pub mod clock;
pub mod confines;
pub mod details;
pub mod fill_rate;
pub mod heap;
pub mod identity;
pub mod inbox;
pub mod inherited;
mod kept;
mod keyed;
pub mod meminfo;
pub mod memlock;
pub mod mrelease;
pub mod newest;
pub mod peer;
pub mod pidfd;
pub mod proc;
pub mod rollup;
pub mod slow;
pub mod stat;
pub mod status;
pub mod subtree;
pub mod surroundings;
pub mod swap;
pub mod toll;
pub mod vmstat;
pub mod zoneinfo;
