//! Plain values that every other room speaks in. No I/O, no clock, no async.

pub mod action_settings;
pub mod agent;
pub mod bytes;
pub mod charge;
pub mod event;
pub(crate) mod flag;
pub mod forecast;
pub(crate) mod grace;
pub mod match_trace;
pub mod missing_feature;
pub mod process;
pub mod process_identity;
pub mod series;
pub mod size;
pub mod snapshot;
pub mod system_memory;
#[cfg(test)]
pub(crate) mod testing;
pub mod thresholds;
pub mod time;

pub use action_settings::{ActionSettings, GuardSettings};
pub use agent::{AgentId, AgentRef, Recognised, Role, SpawnOrigin};
pub use bytes::{Bytes, BytesPerSecond};
pub use charge::Charge;
pub use event::{Event, Signal};
pub use missing_feature::MissingFeature;
pub use process::{Pid, ProcessKey, Uid};
pub use process_identity::ProcessIdentity;
pub use size::{Size, SizeError};
pub use snapshot::{AgentSample, CgroupMemory, Member, MembershipReason, Snapshot};
pub use system_memory::{Pressure, SystemMemory};
pub use thresholds::Thresholds;
pub use time::Boottime;
