//! The supervisor: sampler, engine, executor, and who is told. Wiring only; decisions are made in `policy`.

mod error;
mod executor;
mod explain;
mod ledger;
mod log;
mod matches;
mod message;
mod publish;
mod reporter;
mod rules;
mod sampler;
mod signals;
mod supervisor;

pub use error::DaemonError;
pub use executor::Executor;
pub use explain::explain_alone;
pub use matches::{RunningMatch, running_matches};
pub use publish::one_look;
pub use rules::rules;
pub use supervisor::{Options, run};
