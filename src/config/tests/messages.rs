//! Error messages, word for word.

use super::world::World;

/// The messages for these files, a line each.
fn messages(files: &[&str]) -> String {
    files.iter().map(|text| World::new().file(text).error() + "\n").collect()
}

#[test]
fn unknown_keys_name_the_nearest_one() {
    insta::assert_snapshot!(messages(&[
        "\n[thresholds]\n  kil = '8G'",
        "kill = '8G'",
        "[line]\nkill = '8G'",
        "[act.grace_period]\n[thresholds]\nkill = '8G'",
        "[acts]",
        "\"thresholds.kill\" = 1",
        "[act]\n\"\\u001b[2J\" = 1",
        "zzz = 1\naaa = 1",
    ]), @r#"
    /etc/config.toml:3:3: unknown key `thresholds.kil`; the nearest known key is `thresholds.kill`
    /etc/config.toml:1:1: unknown key `kill`; the nearest known key is `thresholds.kill`
    /etc/config.toml:1:2: unknown key `line.kill`; the nearest known key is `thresholds.kill`
    /etc/config.toml:1:6: unknown key `act.grace_period`; the nearest known key is `act.grace`
    /etc/config.toml:1:2: unknown key `acts`; the nearest known key is `act.grace`
    /etc/config.toml:1:1: unknown key `"thresholds.kill"`; the nearest known key is `thresholds.kill`
    /etc/config.toml:2:1: unknown key `act."\u{1b}[2J"`; the nearest known key is `act.dry_run`
    /etc/config.toml:1:1: unknown key `zzz`; the nearest known key is `thresholds.kill`
    "#);
}

#[test]
fn wrong_values_name_the_expected_value() {
    insta::assert_snapshot!(messages(&[
        "[thresholds]\nkill = true",
        "[thresholds]\nkill = 13",
        "[thresholds]\nkill = '8GB'",
        "[thresholds]\nkill = ['8G', 5.5]",
        "[thresholds]\nkill = [\n  '8G',\n  '0%']",
        "[thresholds]\nkill = []",
        "[thresholds.kill]\nsize = 1",
        "thresholds.kill.size = 1",
        "[[thresholds]]\nkill = 1",
        "thresholds = 5",
        "act.dry_run = 'yes'",
        "act.grace = 10",
        "act = { grace = '1h' }",
        &format!("act.grace = '{}'", "x".repeat(500)),
        "act.grace = '''1\n2'''",
    ]), @r#"
    /etc/config.toml:2:8: `thresholds.kill` is true, expected a size like "8G" or "55%", or a list of sizes of which the smallest applies
    /etc/config.toml:2:8: `thresholds.kill` is 13, expected at least "1M" or "1%" (a plain number is in bytes: 13 GiB is "13G")
    /etc/config.toml:2:8: `thresholds.kill` is '8GB', expected a size like "8G" or "55%"
    /etc/config.toml:2:15: `thresholds.kill` is 5.5, expected a size like "8G" or "55%"
    /etc/config.toml:4:3: `thresholds.kill` is '0%', expected at least "1M" or "1%" (a plain number is in bytes: 13 GiB is "13G")
    /etc/config.toml:2:8: `thresholds.kill` is [], expected at least one size
    /etc/config.toml:1:1: `thresholds.kill` is a table, expected a size like "8G" or "55%", or a list of sizes of which the smallest applies
    /etc/config.toml:1:12: `thresholds.kill` is a table, expected a size like "8G" or "55%", or a list of sizes of which the smallest applies
    /etc/config.toml:1:1: `thresholds` is [[thresholds]], expected a table: a line `[thresholds]`, and its keys below
    /etc/config.toml:1:14: `thresholds` is 5, expected a table: a line `[thresholds]`, and its keys below
    /etc/config.toml:1:15: `act.dry_run` is 'yes', expected true or false
    /etc/config.toml:1:13: `act.grace` is 10, expected a duration in quotes like "10s" or "1m 30s", from "0s" to "10m"
    /etc/config.toml:1:17: `act.grace` is '1h', expected a duration in quotes like "10s" or "1m 30s", from "0s" to "10m"
    /etc/config.toml:1:13: `act.grace` is 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…, expected a duration in quotes like "10s" or "1m 30s", from "0s" to "10m"
    /etc/config.toml:1:13: `act.grace` is '''1…, expected a duration in quotes like "10s" or "1m 30s", from "0s" to "10m"
    "#);
}

#[test]
fn syntax_errors_are_one_sentence() {
    insta::assert_snapshot!(messages(&[
        "[thresholds]\nkill = 8G",
        "[thresholds\n",
        "[thresholds]\nkill\n",
        "[thresholds]\nkill = '8G",
        "[thresholds]\nkill = '8G'\nkill = '9G'",
        "[thresholds]\n\n[thresholds]\n",
        "kill: 8G",
        "{\"thresholds\": {}}",
        "a = \0",
    ]), @r#"
    /etc/config.toml:2:8: a size, a duration or a text must be quoted, like "8G", in the line `kill = 8G`
    /etc/config.toml:1:12: unclosed table, expected `]`, in the line `[thresholds`
    /etc/config.toml:2:5: key with no value, expected `=`, in the line `kill`
    /etc/config.toml:2:11: invalid literal string, expected `'`, in the line `kill = '8G`
    /etc/config.toml:3:1: duplicate key, in the line `kill = '9G'`
    /etc/config.toml:3:2: duplicate key, in the line `[thresholds]`
    /etc/config.toml:1:7: key with no value, expected `=`, in the line `kill: 8G`
    /etc/config.toml:1:1: invalid key-value pair, expected key, in the line `{"thresholds": {}}`
    /etc/config.toml:1:5: a size, a duration or a text must be quoted, like "8G", in the line `a = \0`
    "#);
}

#[test]
fn invalid_variables_are_named() {
    insta::assert_snapshot!(World::new().variable("WATCHDOG_KILL_MB", "13G").error(), @r#"the environment variable WATCHDOG_KILL_MB is "13G", expected a whole number of MiB, like 13312 for 13G"#);
}
