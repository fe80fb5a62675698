//! One process: pidfds, signals, forks, credentials, and settings of our own process.

pub mod capability;
pub mod fork;
pub mod inherited_fd;
pub mod malloc;
pub mod memlock;
pub mod mrelease;
pub mod peer;
pub mod pidfd;
pub mod signalfd;
pub mod sigpipe;
