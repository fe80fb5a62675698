//! Deserialises patterns from text. Each error names the expected form.

use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};
use serde::{Serialize, Serializer};

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use super::{Name, Pattern, PatternError};

/// Parses a text as a `T`, or rejects it with the expected form.
pub(crate) fn text<'de, D: Deserializer<'de>, T: FromStr<Err = PatternError>>(
    from: D,
) -> Result<T, D::Error> {
    from.deserialize_str(TextVisitor(PhantomData))
}

/// Visits a text that is parsed as a `T`.
struct TextVisitor<T>(PhantomData<T>);

impl<T: FromStr<Err = PatternError>> Visitor<'_> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text in quotes")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(|error: PatternError| E::invalid_value(Unexpected::Str(text), &error.expected()))
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        text(from)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        text(from)
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}
