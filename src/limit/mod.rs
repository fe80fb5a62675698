//! Hard memory limits: their names, their sizes, and the effect of a second limit inside of a first.

mod error;
mod memory_limits;
mod name;
#[cfg(feature = "standalone")]
mod placement;
mod plan;
mod scope;

pub use error::LimitError;
pub use memory_limits::{DEFAULT_LIMIT, MemoryLimits, RequestedLimits, default_swap, slice_cap};
pub use name::LimitName;
#[cfg(feature = "standalone")]
pub use placement::{CgroupNode, Placement, find_placement};
pub use plan::{CurrentScope, Tightening, plan_new, plan_tighten};
pub use scope::{any_scope_of, is_scope, root_of, scope_name, scope_of};

/// The slice of all limited agents, with a cap of its own.
pub const SLICE: &str = "agents.slice";
