//! The service manager.

pub mod notify;
