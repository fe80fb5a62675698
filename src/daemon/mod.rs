//! The supervisor: sampler, engine, executor, and who is told. Wiring only; decisions are made in `policy`.

mod calls;
mod deadlines;
mod error;
mod executor;
mod explain;
mod freshness;
mod ledger;
mod limiter;
mod log;
mod matches;
mod message;
mod occasion;
mod publish;
mod publisher;
mod refusals;
mod reload;
mod reporter;
mod requests;
mod rules;
mod sampler;
mod service;
mod signals;
mod socket;
mod start;
mod supervisor;
mod timer;
mod told;

pub use error::DaemonError;
pub use executor::Executor;
pub use explain::explain_alone;
pub use limiter::limit_alone;
pub use matches::{RunningMatch, running_matches};
pub use publish::one_look;
pub use rules::rules;
pub use socket::PassedError;
pub use start::{Options, run};
