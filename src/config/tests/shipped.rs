//! The shipped file says what is built in, all of it, and explains each key.

use crate::config::keys::Keys;
use crate::config::{Config, layer};

const SHIPPED: &str = include_str!("../../../config/claude-watchdog.toml");

#[test]
fn it_equals_what_is_built_in() {
    assert_eq!(toml::from_str::<Config>(SHIPPED).expect("valid"), Config::default());
}

#[test]
fn it_has_every_key_of_the_schema() {
    let mut keys: Vec<_> = layer::read("shipped.toml".as_ref(), SHIPPED).expect("valid").keys;
    keys.sort();
    assert_eq!(keys.into_iter().map(|(key, _)| key).collect::<Vec<_>>(), Keys::known().all());
}

#[test]
fn every_key_and_table_is_explained_above_it() {
    let lines: Vec<&str> = SHIPPED.lines().collect();
    for (i, line) in lines.iter().enumerate() {
        if !line.is_empty() && !line.starts_with('#') {
            assert!(i > 0 && lines[i - 1].starts_with('#'), "line {}: {line}", i + 1);
        }
    }
}

#[test]
fn each_comment_names_the_default_that_stands_below_it() {
    for line in SHIPPED.lines().filter(|line| !line.starts_with('#')) {
        if let Some((_, value)) = line.split_once(" = ") {
            assert!(SHIPPED.contains(&format!("Default: {value}.\n")), "{line}");
        }
    }
}

#[test]
fn the_built_in_configuration_can_be_written_and_read_back() {
    let text = toml::to_string(&Config::default()).expect("written");
    assert_eq!(toml::from_str::<Config>(&text).expect("read"), Config::default());
}
