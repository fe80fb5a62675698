//! What the user has set: the schema, the layers it is read from, and sentences for what is wrong with it.
//!
//! Layers, each replacing single keys of those before it: built-in defaults, the file, its drop-ins
//! (`FILE.d/*.toml` in order of their names), the environment, flags. Nothing here reads the process: paths and the
//! environment come in through [`Sources`].

mod effective;
mod env;
mod error;
mod load;
mod min_of;
mod origin;
mod schema;
mod toml_layer;
mod warnings;

#[cfg(test)]
mod tests;

pub use effective::EffectiveThresholds;
pub use env::{ENVIRONMENT_FILE, lookup_variable, unknown_variables};
pub use error::{ConfigError, Position};
pub use load::{ConfigPath, Overrides, Sources, load};
pub use min_of::MinOf;
pub use origin::{Origin, Origins};
pub use schema::{Config, ThresholdSizes, key};
pub use warnings::Ineffective;
