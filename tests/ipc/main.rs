//! The socket from the outside: good clients, other people's clients, hostile clients.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail by panicking")]

mod calls;
mod fuzz;
mod hostile;
mod requests;
mod socket;
mod world;
