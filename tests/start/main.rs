//! How the binary starts: with the socket that it is handed, and on machines that lack something; how it brings to an
//! end what it has begun.

#![allow(clippy::unwrap_used, reason = "in a test it is the message")]

mod activation;
mod missing_features;
mod under_way;
mod world;
