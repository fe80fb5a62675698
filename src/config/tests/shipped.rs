//! The shipped file shows every default and explains each key.

use std::collections::BTreeSet;

use crate::config::toml_layer::KnownKeys;
use crate::config::{Config, key, toml_layer};

const SHIPPED: &str = include_str!("../../../config/claude-watchdog.toml");

#[test]
fn the_shipped_file_equals_the_defaults() {
    assert_eq!(toml::from_str::<Config>(SHIPPED).expect("valid"), Config::default());
}

#[test]
fn the_shipped_file_has_every_key() {
    let mut keys: Vec<_> = toml_layer::read("shipped.toml".as_ref(), SHIPPED).expect("valid").keys;
    keys.sort();
    let of_no_rule = |key: &String| !key.starts_with(key::RULES);
    let known: Vec<String> = KnownKeys::known().all().into_iter().filter(of_no_rule).collect();
    assert_eq!(keys.into_iter().map(|(key, _)| key).collect::<Vec<_>>(), known);
}

/// The lines of the example, which starts at its table and ends with the comment.
fn example() -> String {
    let lines = SHIPPED.lines().skip_while(|line| *line != "# [rules.my-agent]");
    let lines = lines.take_while(|line| line.starts_with('#'));
    let lines = lines.map(|line| line.trim_start_matches('#').trim_start());
    // All other lines explain a setting.
    let is_setting = |line: &&str| {
        line.starts_with('[') || line.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '))
    };
    lines.filter(is_setting).map(|line| line.to_owned() + "\n").collect()
}

#[test]
fn the_example_rule_has_every_key() {
    let example = example();
    let layer = toml_layer::read("example.toml".as_ref(), &example).expect(&example);
    let given: BTreeSet<String> = layer
        .keys
        .into_iter()
        .map(|(key, _)| key.replace("my-agent", "*"))
        .filter(|key| key != "rules.*")
        .collect();
    let known: BTreeSet<String> =
        KnownKeys::known().all().into_iter().filter(|key| key.starts_with(key::RULES)).collect();
    assert_eq!(given, known);
}

#[test]
fn every_key_and_table_has_a_comment() {
    let lines: Vec<&str> = SHIPPED.lines().collect();
    for (i, line) in lines.iter().enumerate() {
        if !line.is_empty() && !line.starts_with('#') {
            assert!(i > 0 && lines[i - 1].starts_with('#'), "line {}: {line}", i + 1);
        }
    }
}

#[test]
fn each_comment_names_the_default() {
    for line in SHIPPED.lines().filter(|line| !line.starts_with('#')) {
        if let Some((_, value)) = line.split_once(" = ") {
            assert!(SHIPPED.contains(&format!("Default: {value}.\n")), "{line}");
        }
    }
}

#[test]
fn the_default_configuration_round_trips() {
    let text = toml::to_string(&Config::default()).expect("written");
    assert_eq!(toml::from_str::<Config>(&text).expect("read"), Config::default());
}
