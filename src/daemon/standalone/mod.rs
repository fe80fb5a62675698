//! The commands' own work when no daemon answers, with one sample and the built-in configuration.

mod explain;
mod matches;
mod status;

pub use super::serve::limit::limit_without_daemon as limit;
pub use explain::explain;
pub use matches::{RunningMatch, running_matches};
#[cfg(test)]
pub(crate) use status::sample;
pub use status::status;
