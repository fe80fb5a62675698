//! What the commands use when no daemon answers: one sample, the built-in configuration.

mod explain;
mod matches;
mod status;

pub use super::serve::limit::limit_alone as limit;
pub use explain::explain;
pub use matches::{RunningMatch, running_matches};
#[cfg(test)]
pub(crate) use status::sample;
pub use status::status;
