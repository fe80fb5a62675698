//! A switch: `true` or `false`, with a message that says so.

use std::fmt;

use serde::Deserializer;
use serde::de::{Error, Visitor};

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    from.deserialize_bool(BoolVisitor)
}

/// The same for a key that need not be there.
pub(crate) fn some<'de, D: Deserializer<'de>>(from: D) -> Result<Option<bool>, D::Error> {
    deserialize(from).map(Some)
}

struct BoolVisitor;

impl Visitor<'_> for BoolVisitor {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true or false")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<bool, E> {
        Ok(value)
    }
}
