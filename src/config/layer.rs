//! One file: its text checked against the schema by itself, so that every message has its place.

use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;

use serde::Deserialize;
use toml::de::{DeTable, DeValue, Deserializer};
use toml::{Spanned, Table, Value};

use super::error::{ConfigError, Spot, clip};
use super::keys::Keys;
use super::{Config, Origin};
use crate::rules::rule::RuleProblem;
use crate::rules::rule::check_name;

/// What one file sets.
#[derive(Debug)]
pub(super) struct Layer {
    pub(super) values: Table,
    /// The keys in it, dotted, with their lines.
    pub(super) keys: Vec<(String, usize)>,
}

/// Reads `text`, the content of `path`.
pub(super) fn read(path: &Path, text: &str) -> Result<Layer, ConfigError> {
    let file = Text { path, text };
    let tree = DeTable::parse(text).map_err(|error| file.syntax(&error))?;
    let known = Keys::known();
    let mut leaves = Vec::new();
    file.leaves(tree.get_ref(), known.root(), "", &mut leaves)?;
    if let Some(unknown) = leaves.iter().filter(|leaf| !leaf.known).min_by_key(|leaf| leaf.key_at) {
        let nearest = known.nearest(&unknown.key);
        return Err(ConfigError::UnknownKey {
            spot: file.spot(unknown.key_at),
            key: clip(&unknown.key),
            nearest,
        });
    }
    Config::deserialize(Deserializer::from(tree.clone())).map_err(|error| file.value(&error, &leaves))?;
    let values = Table::deserialize(Deserializer::from(tree)).map_err(|error| file.syntax(&error))?;
    let keys = leaves.into_iter().map(|leaf| (leaf.key, file.spot(leaf.key_at).line)).collect();
    Ok(Layer { values, keys })
}

struct Text<'a> {
    path: &'a Path,
    text: &'a str,
}

/// A key with a value, known or not.
struct Leaf {
    key: String,
    key_at: usize,
    value: Range<usize>,
    known: bool,
    is_table: bool,
}

impl Text<'_> {
    /// Follows the schema down as far as it goes.
    fn leaves(
        &self,
        found: &DeTable<'_>,
        schema: &Table,
        above: &str,
        leaves: &mut Vec<Leaf>,
    ) -> Result<(), ConfigError> {
        for (name, value) in found {
            let key = format!("{above}{}", bare_or_quoted(name.get_ref()));
            let named_by_user = Keys::is_named_by_user(schema);
            if named_by_user {
                check_name(name.get_ref()).map_err(|problem| self.rule(name, problem))?;
            }
            match (value.get_ref(), Keys::below(schema, name.get_ref())) {
                (DeValue::Table(table), Some(Value::Table(below))) => {
                    self.leaves(table, below, &format!("{key}."), leaves)?;
                    // After its keys, so that an error finds them first.
                    if named_by_user {
                        let (key_at, value) = (name.span().start, value.span());
                        leaves.push(Leaf { key, key_at, value, known: true, is_table: true });
                    }
                }
                (_, Some(Value::Table(_))) => {
                    let wanted = if named_by_user {
                        format!("a table for each rule: a line `[{above}my-agent]`, and its keys below")
                    } else {
                        format!("a table: a line `[{key}]`, and its keys below")
                    };
                    return Err(self.refused(value.span(), key, self.slice(&value.span()), wanted));
                }
                (found, below) => leaves.push(Leaf {
                    key: if below.is_some() { key } else { down(key, found) },
                    key_at: name.span().start,
                    value: value.span(),
                    known: below.is_some(),
                    is_table: found.is_table(),
                }),
            }
        }
        Ok(())
    }

    fn rule(&self, name: &Spanned<Cow<'_, str>>, problem: RuleProblem) -> ConfigError {
        let line = self.spot(name.span().start).line;
        let origin = Origin::File { path: self.path.to_owned(), line };
        ConfigError::Rule { origin, rule: name.get_ref().to_string(), problem }
    }

    fn spot(&self, offset: usize) -> Spot {
        Spot::of(self.path, self.text, offset)
    }

    fn syntax(&self, error: &toml::de::Error) -> ConfigError {
        let offset = error.span().map_or(self.text.len(), |span| span.start);
        let spot = self.spot(offset);
        let line = clip(self.text.lines().nth(spot.line - 1).unwrap_or_default().trim());
        let problem = match error.message() {
            // The commonest slip, and toml's own words for it ("expected literal string") lead astray.
            text if text.starts_with("string values must be quoted") => {
                "a size, a duration or a text stands in quotes, like \"8G\"".to_owned()
            }
            text => clip(&text.replace('\n', ", ")),
        };
        ConfigError::Syntax { spot, problem, line }
    }

    /// The error of a value, with the key it belongs to.
    fn value(&self, error: &toml::de::Error, leaves: &[Leaf]) -> ConfigError {
        let span = error.span().unwrap_or(0..0);
        let Some(leaf) = leaves.iter().find(|leaf| leaf.value.contains(&span.start)) else {
            return self.syntax(error);
        };
        // serde says "invalid type: FOUND, expected WANTED"; found is shown as it stands in the file instead.
        let wanted = error.message().rsplit_once(", expected ").map_or(error.message(), |(_, wanted)| wanted);
        let found = if leaf.is_table { "a table".to_owned() } else { self.slice(&span) };
        self.refused(span, leaf.key.clone(), found, wanted.to_owned())
    }

    fn refused(&self, at: Range<usize>, key: String, found: String, wanted: String) -> ConfigError {
        ConfigError::Value { spot: self.spot(at.start), key, found, wanted }
    }

    fn slice(&self, span: &Range<usize>) -> String {
        clip(self.text.get(span.clone()).unwrap_or_default())
    }
}

/// The key of an unknown table with the first key below it: that one tells what was meant.
fn down(mut key: String, mut value: &DeValue<'_>) -> String {
    while let DeValue::Table(table) = value {
        let Some((name, below)) = table.iter().min_by_key(|(name, _)| name.span().start) else { break };
        key = format!("{key}.{}", bare_or_quoted(name.get_ref()));
        value = below.get_ref();
    }
    key
}

/// A name as it would be written in the file.
fn bare_or_quoted(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(bare) { name.to_owned() } else { format!("{name:?}") }
}
