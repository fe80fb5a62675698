//! Plain values that every other room speaks in. No I/O, no clock, no async.

pub mod agent;
pub mod bytes;
pub mod census;
pub mod charge;
pub mod event;
pub mod event_log;
pub mod explanation;
pub(crate) mod flag;
pub mod forecast;
pub mod guest;
pub mod lack;
pub mod lines;
pub mod pattern;
pub mod process;
pub mod rule;
pub mod sharing;
pub mod size;
pub mod snapshot;
pub mod status;
pub mod time;

pub use agent::{AgentId, AgentRef, Origin, Recognised, Role};
pub use bytes::{Bytes, BytesPerSecond};
pub use charge::Charge;
pub use event::{Event, Signal};
pub use event_log::{EventInfo, EventLog};
pub use explanation::Explanation;
pub use forecast::Forecast;
pub use guest::{Guest, Pressure};
pub use lack::Lack;
pub use lines::Lines;
pub use pattern::{Name, Pattern, PatternError};
pub use process::{Pid, ProcessKey, Uid};
pub use rule::{RuleError, RulePatch, RuleProblem};
pub use size::{Size, SizeError};
pub use snapshot::{AgentSample, CgroupMemory, Joined, Member, Snapshot};
pub use time::Boottime;
