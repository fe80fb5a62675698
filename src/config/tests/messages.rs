//! What is said of a file that is wrong, word for word.

use super::world::World;

/// The messages for these files, a line each.
fn messages(files: &[&str]) -> String {
    files.iter().map(|text| World::new().file(text).error() + "\n").collect()
}

#[test]
fn unknown_keys_name_the_nearest_one() {
    insta::assert_snapshot!(messages(&[
        "\n[lines]\n  kil = '8G'",
        "kill = '8G'",
        "[line]\nkill = '8G'",
        "[act.grace_period]\n[lines]\nkill = '8G'",
        "[acts]",
        "\"lines.kill\" = 1",
        "[act]\n\"\\u001b[2J\" = 1",
        "zzz = 1\naaa = 1",
    ]), @r#"
    /etc/config.toml:3:3: unknown key `lines.kil`; the nearest known key is `lines.kill`
    /etc/config.toml:1:1: unknown key `kill`; the nearest known key is `lines.kill`
    /etc/config.toml:1:2: unknown key `line.kill`; the nearest known key is `lines.kill`
    /etc/config.toml:1:6: unknown key `act.grace_period`; the nearest known key is `act.grace`
    /etc/config.toml:1:2: unknown key `acts`; the nearest known key is `act.grace`
    /etc/config.toml:1:1: unknown key `"lines.kill"`; the nearest known key is `lines.kill`
    /etc/config.toml:2:1: unknown key `act."\u{1b}[2J"`; the nearest known key is `act.brake`
    /etc/config.toml:1:1: unknown key `zzz`; the nearest known key is `lines.kill`
    "#);
}

#[test]
fn wrong_values_say_what_would_be_right() {
    insta::assert_snapshot!(messages(&[
        "[lines]\nkill = true",
        "[lines]\nkill = 13",
        "[lines]\nkill = '8GB'",
        "[lines]\nkill = ['8G', 5.5]",
        "[lines]\nkill = [\n  '8G',\n  '0%']",
        "[lines]\nkill = []",
        "[lines.kill]\nsize = 1",
        "lines.kill.size = 1",
        "[[lines]]\nkill = 1",
        "lines = 5",
        "act.dry_run = 'yes'",
        "act.grace = 10",
        "act = { grace = '1h' }",
        &format!("act.grace = '{}'", "x".repeat(500)),
        "act.grace = '''1\n2'''",
    ]), @r#"
    /etc/config.toml:2:8: `lines.kill` is true, but it takes a size like "8G" or "55%", or a list of sizes of which the smallest counts
    /etc/config.toml:2:8: `lines.kill` is 13, but it takes at least "1M" or "1%" (a plain number counts bytes: 13 GiB is "13G")
    /etc/config.toml:2:8: `lines.kill` is '8GB', but it takes a size like "8G" or "55%"
    /etc/config.toml:2:15: `lines.kill` is 5.5, but it takes a size like "8G" or "55%"
    /etc/config.toml:4:3: `lines.kill` is '0%', but it takes at least "1M" or "1%" (a plain number counts bytes: 13 GiB is "13G")
    /etc/config.toml:2:8: `lines.kill` is [], but it takes at least one size
    /etc/config.toml:1:1: `lines.kill` is a table, but it takes a size like "8G" or "55%", or a list of sizes of which the smallest counts
    /etc/config.toml:1:7: `lines.kill` is a table, but it takes a size like "8G" or "55%", or a list of sizes of which the smallest counts
    /etc/config.toml:1:1: `lines` is [[lines]], but it takes a table: a line `[lines]`, and its keys below
    /etc/config.toml:1:9: `lines` is 5, but it takes a table: a line `[lines]`, and its keys below
    /etc/config.toml:1:15: `act.dry_run` is 'yes', but it takes true or false
    /etc/config.toml:1:13: `act.grace` is 10, but it takes a duration in quotes like "10s" or "1m 30s", from "0s" to "10m"
    /etc/config.toml:1:17: `act.grace` is '1h', but it takes a duration in quotes like "10s" or "1m 30s", from "0s" to "10m"
    /etc/config.toml:1:13: `act.grace` is 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…, but it takes a duration in quotes like "10s" or "1m 30s", from "0s" to "10m"
    /etc/config.toml:1:13: `act.grace` is '''1…, but it takes a duration in quotes like "10s" or "1m 30s", from "0s" to "10m"
    "#);
}

#[test]
fn what_is_no_toml_is_said_in_one_sentence() {
    insta::assert_snapshot!(messages(&[
        "[lines]\nkill = 8G",
        "[lines\n",
        "[lines]\nkill\n",
        "[lines]\nkill = '8G",
        "[lines]\nkill = '8G'\nkill = '9G'",
        "[lines]\n\n[lines]\n",
        "kill: 8G",
        "{\"lines\": {}}",
        "a = \0",
    ]), @r#"
    /etc/config.toml:2:8: a size, a duration or a text stands in quotes, like "8G", in the line `kill = 8G`
    /etc/config.toml:1:7: unclosed table, expected `]`, in the line `[lines`
    /etc/config.toml:2:5: key with no value, expected `=`, in the line `kill`
    /etc/config.toml:2:11: invalid literal string, expected `'`, in the line `kill = '8G`
    /etc/config.toml:3:1: duplicate key, in the line `kill = '9G'`
    /etc/config.toml:3:2: duplicate key, in the line `[lines]`
    /etc/config.toml:1:7: key with no value, expected `=`, in the line `kill: 8G`
    /etc/config.toml:1:1: invalid key-value pair, expected key, in the line `{"lines": {}}`
    /etc/config.toml:1:5: a size, a duration or a text stands in quotes, like "8G", in the line `a = \0`
    "#);
}

#[test]
fn the_variable_is_named() {
    insta::assert_snapshot!(World::new().variable("WATCHDOG_KILL_MB", "13G").error(), @r#"the environment variable WATCHDOG_KILL_MB is "13G", but it takes a whole number of MiB, like 13312 for 13G"#);
}
