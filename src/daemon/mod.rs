//! The supervisor: sampler, engine, executor, and who is told. Wiring only; decisions are made in `policy`.

mod error;
mod executor;
mod ledger;
mod log;
mod message;
mod publish;
mod reporter;
mod rules;
mod sampler;
mod signals;
mod supervisor;

pub use error::DaemonError;
pub use publish::one_look;
pub use rules::rules;
pub use supervisor::{Options, run};
