//! Limits that hold: their names, their sizes, what a second one inside of the first does.

mod error;
mod ground;
mod name;
mod place;
mod plan;
mod shape;

pub use error::LimitError;
pub use ground::{Level, Placement, ground};
pub use name::Name;
pub use place::{SLICE, any_scope_of, is_scope, root_of, scope_name, scope_of};
pub use plan::{Inside, Plan, plan};
pub use shape::{DEFAULT, MemoryLimits, Wish, cap, default_swap};
