//! Which process belongs to which agent, and what shared memory is counted for it. Pure.

pub mod membership;
pub mod shared_memory;
