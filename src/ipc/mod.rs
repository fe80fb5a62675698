//! The Varlink interface `io.moltdown.Watchdog` over a Unix socket: codec, server, client.
//!
//! The codec is our own: with the crate tried first, five clients that did not read froze the server, and the
//! descriptor limit terminated it. The cost is this folder; any Varlink client can use the socket.

pub mod client;
pub mod codec;
pub mod method_error;
pub mod parameters;
pub mod paths;
pub mod server;
pub mod socket;

mod connect;
mod replies;

pub use client::{Client, ClientError};
pub use method_error::MethodError;
pub use replies::EventsReply;
pub use server::{Caller, ServerLimits, Service, serve};
pub use socket::{BindError, SocketFile, bind};

/// The name of our interface.
pub const INTERFACE: &str = "io.moltdown.Watchdog";

/// Its description, as `GetInterfaceDescription` returns it.
pub const DESCRIPTION: &str = include_str!("io.moltdown.Watchdog.varlink");

/// The name of the interface that every Varlink service has.
pub(crate) const VARLINK: &str = "org.varlink.service";

/// Its description.
pub(crate) const VARLINK_DESCRIPTION: &str = include_str!("org.varlink.service.varlink");
