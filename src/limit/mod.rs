//! Limits that hold: their names, their sizes, what a second one inside of the first does.

mod brake;
mod error;
mod ground;
mod name;
mod place;
mod plan;
mod shape;

pub use brake::{Acting, Brake, Held, Order};
pub use error::LimitError;
pub use ground::{Ground, Level, ground};
pub use name::Name;
pub use place::{SLICE, any_scope_of, is_scope, root_of, scope_name, scope_of};
pub use plan::{Inside, Plan, plan};
pub use shape::{DEFAULT, Shape, Wish, cap, default_swap};
