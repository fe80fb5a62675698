//! Limits that hold: their names, their sizes, what a second one inside of the first does.

mod error;
mod memory_limits;
mod name;
mod placement;
mod plan;
mod scope;

pub use error::LimitError;
pub use memory_limits::{DEFAULT, MemoryLimits, RequestedLimits, cap, default_swap};
pub use name::Name;
pub use placement::{CgroupNode, Placement, find_placement};
pub use plan::{CurrentScope, Plan, plan};
pub use scope::{SLICE, any_scope_of, is_scope, root_of, scope_name, scope_of};
