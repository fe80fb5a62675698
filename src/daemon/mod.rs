//! The daemon: joins the rooms, decides nothing. One folder for each stage of a tick, one for the socket.
//!
//! ```text
//!   start ── assembles everything, starts the threads
//!     ├── control_loop   the loop's thread: a tick from poll to report
//!     │      ├── act     signals and throttles
//!     │      └── report  status, events, forecasts; threads of the journal and of the history
//!     └── serve          the socket's thread: clients, reload, explain, limit
//!            └── control_loop::{commands, waker, active_config}, report
//!   standalone ── the commands' own work when no daemon answers
//! ```

pub(crate) mod act;
mod config_load;
mod control_loop;
mod error;
mod options;
mod report;
mod serve;
mod shutdown_signals;
pub mod standalone;
mod start;

pub use act::executor::Executor;
pub use act::throttle::{CgroupThrottles, release_throttles};
pub use config_load::rules;
pub use error::DaemonError;
pub use options::Options;
pub use serve::listener::PassedError;
pub use start::run;
