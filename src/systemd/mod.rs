//! The service manager.

pub mod activation;
pub mod notify;
