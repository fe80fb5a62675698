//! The supervisor: sampler, engine, executor, and who is told. Wiring only; decisions are made in `policy`.

mod act;
mod control_loop;
mod error;
pub(crate) mod report;
mod serve;
mod shutdown_signals;
mod standalone;
mod start;

pub use act::executor::Executor;
pub use act::throttle::lift_brakes;
pub use control_loop::config_rules::rules;
pub use error::DaemonError;
pub use report::status::one_look;
pub use serve::limit::limit_alone;
pub use serve::listener::PassedError;
pub use standalone::explain::explain_alone;
pub use standalone::matches::{RunningMatch, running_matches};
pub use start::{Options, run};
