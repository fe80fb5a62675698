//! The configuration: its schema, the layers that it is read from, and sentences for its errors.
//!
//! Each layer replaces single keys of those before it: built-in defaults, the file, its drop-ins (`FILE.d/*.toml`
//! sorted by name), the environment, flags. This room does not read the process: paths and the environment are passed
//! in through [`Sources`].

mod effective;
mod env;
mod error;
mod ineffective;
pub mod key;
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
pub use ineffective::Ineffective;
pub use load::{ConfigPath, Overrides, Sources, load};
pub use min_of::MinOf;
pub use origin::{Origins, SettingOrigin};
pub use schema::{Config, ThresholdSizes};
