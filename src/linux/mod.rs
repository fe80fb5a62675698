//! What Linux tells and does: `/proc`, cgroups, pidfds, alarms, memory locking, the clock. Reads and does, decides
//! nothing.

pub mod alloc_rate;
pub mod brake;
pub mod cgroup;
pub mod clock;
pub mod eventfd;
pub mod machine_id;
pub mod memory_alarm;
pub mod platform;
pub mod process;
pub mod procfs;
