//! Acts: sends the signals of a decision, throttles cgroups.

pub(crate) mod executor;
pub(crate) mod throttle;
