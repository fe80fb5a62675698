//! The service manager.

pub mod activation;
pub mod manager;
pub mod notify;
