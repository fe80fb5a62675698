//! docs/configuration.md has every key and variable with its default, and no other.

use std::collections::BTreeMap;

use crate::config::Config;
use crate::config::env::VARIABLES;
use crate::config::toml_layer::KnownKeys;

const DOCUMENTATION: &str = include_str!("../../../docs/configuration.md");

/// The cells of the rows that begin with such a word in backticks.
fn rows(is_one: impl Fn(&str) -> bool) -> Vec<Vec<&'static str>> {
    let cells = |line: &'static str| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>();
    let rows = DOCUMENTATION.lines().filter(|line| line.starts_with("| `")).map(cells);
    rows.filter(|row| is_one(row[0].trim_matches('`'))).collect()
}

#[test]
fn every_key_is_documented_with_its_default() {
    let table = toml::Table::try_from(Config::default()).expect("written");
    let default = |key: &str| {
        let (section, name) = key.split_once('.')?;
        table.get(section)?.get(name).map(ToString::to_string)
    };
    let rows = rows(|word| word.contains('.') && !word.contains('/'));
    let documented: BTreeMap<String, &str> = rows
        .iter()
        .map(|row| (row[0].trim_matches('`').replace("NAME", "*"), row[2].trim_matches('`')))
        .collect();
    let mut known = KnownKeys::known().all();
    known.sort();
    assert_eq!(documented.keys().cloned().collect::<Vec<_>>(), known);
    for key in known.iter().filter(|key| !key.contains('*')) {
        assert_eq!(documented.get(key).copied().map(str::to_owned), default(key), "{key}");
    }
}

#[test]
fn every_variable_is_documented_with_its_key() {
    let rows = rows(|word| word.starts_with("WATCHDOG_"));
    let documented: Vec<(&str, &str)> = rows
        .iter()
        .map(|row| (row[0].trim_matches('`'), row[1].split('`').nth(1).unwrap_or_default()))
        .collect();
    assert_eq!(documented, VARIABLES);
}
