//! Layers laid upon one another, key by key.

use std::path::Path;

use serde::Deserialize;
use toml::{Table, Value};

use super::layer::Layer;
use super::{Config, ConfigError, Origin, Origins};

/// All layers so far.
#[derive(Default)]
pub(super) struct Merged {
    values: Table,
    origins: Origins,
}

impl Merged {
    /// A file: each of its keys replaces that key only.
    pub(super) fn lay(&mut self, path: &Path, layer: Layer) {
        lay(&mut self.values, layer.values);
        for (key, line) in layer.keys {
            self.origins.set(key, Origin::File { path: path.to_owned(), line });
        }
    }

    /// One value that does not come from a file.
    pub(super) fn set(&mut self, key: &'static str, value: impl Into<Value>, origin: Origin) {
        let mut value = value.into();
        for name in key.rsplit('.') {
            value = Value::Table(Table::from_iter([(name.to_owned(), value)]));
        }
        if let Value::Table(table) = value {
            lay(&mut self.values, table);
        }
        self.origins.set(key, origin);
    }

    pub(super) fn into_config(self) -> Result<Config, ConfigError> {
        let config = Config::deserialize(self.values)
            .map_err(|error| ConfigError::Together { problem: error.message().to_owned() })?;
        Ok(Config { origins: self.origins, ..config })
    }
}

fn lay(below: &mut Table, above: Table) {
    for (name, value) in above {
        match (below.get_mut(&name), value) {
            (Some(Value::Table(below)), Value::Table(above)) => lay(below, above),
            (_, value) => {
                below.insert(name, value);
            }
        }
    }
}
