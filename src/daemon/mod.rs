//! The supervisor: sampler, engine, executor, and who is told. Wiring only; decisions are made in `policy`.

mod act;
mod config_load;
mod control_loop;
mod error;
mod options;
pub(crate) mod report;
mod serve;
mod shutdown_signals;
mod standalone;
mod start;

pub use act::executor::Executor;
pub use act::throttle::{CgroupThrottles, release_throttles};
pub use config_load::rules;
pub use error::DaemonError;
pub use options::Options;
pub use report::status::one_look;
pub use serve::limit::limit_alone;
pub use serve::listener::PassedError;
pub use standalone::explain::explain_alone;
pub use standalone::matches::{RunningMatch, running_matches};
pub use start::run;
