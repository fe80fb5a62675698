//! What the user has set: the schema, the layers it is read from, and sentences for what is wrong with it.
//!
//! Layers, each replacing single keys of those before it: built-in defaults, the file, its drop-ins
//! (`FILE.d/*.toml` in order of their names), the environment, flags. Nothing here reads the process: paths and the
//! environment come in through [`Sources`].

mod effective;
mod environment;
mod error;
mod files;
mod inert;
mod keys;
mod layer;
mod load;
mod merged;
mod origin;
mod service;
mod settings;
mod smallest;
mod sources;
mod spelling;
mod told;

#[cfg(test)]
mod tests;

pub use effective::EffectiveThresholds;
pub use error::{ConfigError, Spot};
pub use inert::Ineffective;
pub use load::load;
pub use origin::{Origin, Origins};
pub use service::{ENVIRONMENT_FILE, lookup, unread};
pub use settings::{Config, ThresholdSizes, key};
pub use smallest::MinOf;
pub use sources::{Overrides, Place, Sources};
