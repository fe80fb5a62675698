//! One TOML file, checked against the schema by itself, so that every message has its position.

use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;

use serde::Deserialize;
use strsim::levenshtein;
use toml::de::{DeTable, DeValue, Deserializer};
use toml::{Spanned, Table, Value};

use super::error::{ConfigError, Position, clip};
use super::{Config, SettingOrigin, key};
use crate::rules::rule::{RulePatch, RuleProblem, check_name};

/// The settings of one file.
#[derive(Debug)]
pub(super) struct TomlLayer {
    pub(super) values: Table,
    /// The keys in it, dotted, with their lines.
    pub(super) keys: Vec<(String, usize)>,
}

/// Reads `text`, the content of `path`.
pub(super) fn read(path: &Path, text: &str) -> Result<TomlLayer, ConfigError> {
    let file = TomlText { path, text };
    let tree = DeTable::parse(text).map_err(|error| file.syntax(&error))?;
    let known = KnownKeys::known();
    let mut leaves = Vec::new();
    file.leaves(tree.get_ref(), known.root(), "", &mut leaves)?;
    if let Some(unknown) = leaves.iter().filter(|leaf| !leaf.known).min_by_key(|leaf| leaf.key_at) {
        let nearest = known.nearest(&unknown.key);
        return Err(ConfigError::UnknownKey {
            position: file.position(unknown.key_at),
            key: clip(&unknown.key),
            nearest,
        });
    }
    Config::deserialize(Deserializer::from(tree.clone())).map_err(|error| file.value(&error, &leaves))?;
    let values = Table::deserialize(Deserializer::from(tree)).map_err(|error| file.syntax(&error))?;
    let keys = leaves.into_iter().map(|leaf| (leaf.key, file.position(leaf.key_at).line)).collect();
    Ok(TomlLayer { values, keys })
}

struct TomlText<'a> {
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

impl TomlText<'_> {
    /// Collects the keys, following the schema as far as it goes.
    fn leaves(
        &self,
        found: &DeTable<'_>,
        schema: &Table,
        above: &str,
        leaves: &mut Vec<Leaf>,
    ) -> Result<(), ConfigError> {
        for (name, value) in found {
            let key = format!("{above}{}", bare_or_quoted(name.get_ref()));
            let named_by_user = KnownKeys::has_user_names(schema);
            if named_by_user {
                check_name(name.get_ref()).map_err(|problem| self.rule(name, problem))?;
            }
            match (value.get_ref(), KnownKeys::child(schema, name.get_ref())) {
                (DeValue::Table(table), Some(Value::Table(child))) => {
                    self.leaves(table, child, &format!("{key}."), leaves)?;
                    // After its keys, so that an error finds them first.
                    if named_by_user {
                        let (key_at, value) = (name.span().start, value.span());
                        leaves.push(Leaf { key, key_at, value, known: true, is_table: true });
                    }
                }
                (_, Some(Value::Table(_))) => {
                    let expected = if named_by_user {
                        format!("a table for each rule: a line `[{above}my-agent]`, and its keys below")
                    } else {
                        format!("a table: a line `[{key}]`, and its keys below")
                    };
                    return Err(self.invalid_value(value.span(), key, self.slice(&value.span()), expected));
                }
                (found, child) => leaves.push(Leaf {
                    key: if child.is_some() { key } else { first_leaf(key, found) },
                    key_at: name.span().start,
                    value: value.span(),
                    known: child.is_some(),
                    is_table: found.is_table(),
                }),
            }
        }
        Ok(())
    }

    fn rule(&self, name: &Spanned<Cow<'_, str>>, problem: RuleProblem) -> ConfigError {
        let line = self.position(name.span().start).line;
        let origin = SettingOrigin::File { path: self.path.to_owned(), line };
        ConfigError::Rule { origin, rule: name.get_ref().to_string(), problem }
    }

    fn position(&self, offset: usize) -> Position {
        Position::new(self.path, self.text, offset)
    }

    fn syntax(&self, error: &toml::de::Error) -> ConfigError {
        let offset = error.span().map_or(self.text.len(), |span| span.start);
        let position = self.position(offset);
        let line = clip(self.text.lines().nth(position.line - 1).unwrap_or_default().trim());
        let problem = match error.message() {
            // The commonest mistake, for which toml's own message ("expected literal string") is misleading.
            text if text.starts_with("string values must be quoted") => {
                "a size, a duration or a text must be quoted, like \"8G\"".to_owned()
            }
            text => clip(&text.replace('\n', ", ")),
        };
        ConfigError::Syntax { position, problem, line }
    }

    /// The error of a value, with the key it belongs to.
    fn value(&self, error: &toml::de::Error, leaves: &[Leaf]) -> ConfigError {
        let span = error.span().unwrap_or(0..0);
        let Some(leaf) = leaves.iter().find(|leaf| leaf.value.contains(&span.start)) else {
            return self.syntax(error);
        };
        // serde says "invalid type: FOUND, expected EXPECTED"; the text of the file is shown instead of FOUND.
        let expected =
            error.message().rsplit_once(", expected ").map_or(error.message(), |(_, expected)| expected);
        let found = if leaf.is_table { "a table".to_owned() } else { self.slice(&span) };
        self.invalid_value(span, leaf.key.clone(), found, expected.to_owned())
    }

    fn invalid_value(&self, at: Range<usize>, key: String, found: String, expected: String) -> ConfigError {
        ConfigError::Value { position: self.position(at.start), key, found, expected }
    }

    fn slice(&self, span: &Range<usize>) -> String {
        clip(self.text.get(span.clone()).unwrap_or_default())
    }
}

/// The key of an unknown table with the first key below it, which shows the intended table.
fn first_leaf(mut key: String, mut value: &DeValue<'_>) -> String {
    while let DeValue::Table(table) = value {
        let Some((name, child)) = table.iter().min_by_key(|(name, _)| name.span().start) else { break };
        key = format!("{key}.{}", bare_or_quoted(name.get_ref()));
        value = child.get_ref();
    }
    key
}

/// A name as it would be written in the file.
fn bare_or_quoted(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(bare) { name.to_owned() } else { format!("{name:?}") }
}

/// Any name in the schema: rules are named by the user.
const ANY_NAME: &str = "*";

/// The keys of the schema, taken from the built-in configuration: there is no second list to maintain.
pub(super) struct KnownKeys(Table);

impl KnownKeys {
    pub(super) fn known() -> Self {
        let mut root = Table::try_from(Config::default()).unwrap_or_default();
        let rule = Table::try_from(complete_rule()).unwrap_or_default();
        root.insert(
            key::RULES.to_owned(),
            Value::Table(Table::from_iter([(ANY_NAME.to_owned(), Value::Table(rule))])),
        );
        Self(root)
    }

    /// The tables of the schema and, below them, its keys.
    pub(super) fn root(&self) -> &Table {
        &self.0
    }

    /// The value at `name` in a table of the schema.
    pub(super) fn child<'a>(table: &'a Table, name: &str) -> Option<&'a Value> {
        table.get(name).or_else(|| table.get(ANY_NAME))
    }

    /// Whether the names in this table are the user's.
    pub(super) fn has_user_names(table: &Table) -> bool {
        table.contains_key(ANY_NAME)
    }

    /// All keys, dotted; a name given by the user is `*`.
    pub(super) fn all(&self) -> Vec<String> {
        let mut keys = Vec::new();
        collect(&self.0, "", &mut keys);
        keys
    }

    /// The key with the spelling most similar to `unknown`, including keys of other tables.
    pub(super) fn nearest(&self, unknown: &str) -> String {
        let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
        let far = |key: &String| {
            // A rule outside of the table of rules.
            if key.strip_prefix(key::RULES).and_then(|rule| rule.strip_prefix('.')) == Some(unknown) {
                return 0;
            }
            levenshtein(unknown, key).min(1 + levenshtein(&last(unknown), &last(key)))
        };
        // A rule keeps its name; within a rule only its own keys are candidates.
        let parts: Vec<&str> = unknown.split('.').collect();
        let (name, in_rule) = match parts[..] {
            [table, name, _, ..] => (Some(name), levenshtein(table, key::RULES) <= 2),
            [name, _] => (Some(name), false),
            _ => (None, false),
        };
        let fits = |key: &String| if key.contains(ANY_NAME) { name.is_some() } else { !in_rule };
        let near =
            self.all().into_iter().filter(fits).map(|key| key.replace(ANY_NAME, name.unwrap_or(ANY_NAME)));
        near.min_by_key(far).unwrap_or_default()
    }
}

/// A rule with all its keys: a missing one does not compile.
fn complete_rule() -> RulePatch {
    RulePatch {
        enabled: Some(true),
        exe: Some(Vec::new()),
        script: Some(Vec::new()),
        module: Some(Vec::new()),
        argv0: Some(Vec::new()),
        not_argv0: Some(Vec::new()),
        resume: Some(String::new()),
        launcher: Some(false),
        service: Some(false),
    }
}

fn collect(table: &Table, above: &str, keys: &mut Vec<String>) {
    for (name, value) in table {
        let key = format!("{above}{name}");
        match value {
            Value::Table(child) => collect(child, &format!("{key}."), keys),
            _ => keys.push(key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_has_every_key_constant() {
        let all = KnownKeys::known().all();
        let (of_rules, others): (Vec<_>, Vec<_>) = all.iter().partition(|key| key.starts_with(key::RULES));
        assert_eq!(
            others,
            [key::DRY_RUN, key::GRACE, key::THROTTLE, key::GUARD, key::RESERVE, key::KILL, key::WARN]
        );
        assert_eq!(of_rules.len(), 9);
        assert!(of_rules.contains(&&"rules.*.exe".to_owned()), "{of_rules:?}");
    }

    #[test]
    fn the_nearest_key_is_suggested() {
        let cases = [
            ("thresholds.wran", "thresholds.warn"),
            ("line.kill", "thresholds.kill"),
            ("kill", "thresholds.kill"),
            ("dry-run", "act.dry_run"),
            ("lines.dry_run", "act.dry_run"),
            ("act.grace_period", "act.grace"),
            ("Thresholds.Kill", "thresholds.kill"),
            ("rules.claude.exec", "rules.claude.exe"),
            ("rules.my-agent.kill", "rules.my-agent.exe"),
            ("rule.claude.argv", "rules.claude.argv0"),
            ("claude.resume", "rules.claude.resume"),
            ("rules.x.service.y", "rules.x.service"),
        ];
        for (unknown, meant) in cases {
            assert_eq!(KnownKeys::known().nearest(unknown), meant, "{unknown}");
        }
    }
}
