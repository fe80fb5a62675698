//! Attribution of processes to agents, and of shared memory to processes. Pure.

pub mod membership;
pub mod shared_memory;
