//! Layers laid upon one another, key by key.

use std::path::Path;

use serde::Deserialize;
use toml::{Table, Value};

use super::layer::Layer;
use super::{Config, ConfigError, Ineffective, Origin, Origins, inert, key};

/// All layers so far.
#[derive(Default)]
pub(super) struct Merged {
    values: Table,
    origins: Origins,
    inert: Vec<Ineffective>,
}

impl Merged {
    /// A file: each of its keys replaces that key only.
    pub(super) fn lay(&mut self, path: &Path, layer: Layer) {
        for (key, line) in layer.keys {
            let origin = Origin::File { path: path.to_owned(), line };
            // Of rules only: the shipped file spells all other defaults out, to be repeated at will.
            let value =
                at(&layer.values, &key).filter(|value| key.starts_with(key::RULES) && !value.is_table());
            if value.is_some() && value == at(&self.values, &key) {
                let before = self.origins.of(&key).clone();
                self.inert.push(Ineffective::RestartCommand {
                    origin: origin.clone(),
                    key: key.clone(),
                    before,
                });
            }
            self.origins.set(key, origin);
        }
        lay(&mut self.values, layer.values);
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
            .map_err(|error| ConfigError::SliceGuard { problem: error.message().to_owned() })?;
        let mut config = Config { origins: self.origins, inert: self.inert, ..config };
        config.inert.extend(inert::of(&config));
        Ok(config)
    }

    /// Something that a layer has to no effect.
    pub(super) fn passes_over(&mut self, inert: impl IntoIterator<Item = Ineffective>) {
        self.inert.extend(inert);
    }
}

/// The value of a dotted key. Names that need quotes are found nowhere, and are no known ones.
fn at<'a>(table: &'a Table, key: &str) -> Option<&'a Value> {
    let mut names = key.split('.');
    let first = table.get(names.next()?);
    names.fold(first, |value, name| value?.get(name))
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
