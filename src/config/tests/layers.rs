//! The order of the layers, and the origin of values.

use crate::model::ActionSettings;
use std::time::Duration;

use super::world::{World, gib};
use crate::config::{Config, ConfigPath, EffectiveThresholds, Overrides, Sources, key, load};
use crate::model::Bytes;

#[test]
fn defaults_apply_without_a_file() {
    assert_eq!(World::new().load().expect("loaded"), Config::default());
    let nowhere =
        Sources { path: ConfigPath::NoHome, environment: &|_| None, overrides: Overrides::default() };
    assert_eq!(load(&nowhere).expect("loaded"), Config::default());
}

#[test]
fn a_later_layer_replaces_single_keys() {
    let world = World::new()
        .file("[thresholds]\nwarn = \"3G\"\nkill = \"9G\"\n[act]\ngrace = \"20s\"")
        .drop_in("60.toml", "thresholds.kill = '11G'")
        .drop_in("50.toml", "thresholds.kill = '10G'\nact.grace = '1m'")
        .drop_in("70.toml.bak", "broken")
        .drop_in(".#80.toml", "broken")
        .drop_in("README", "broken");
    let config = world.load().expect("loaded");
    assert_eq!((config.thresholds.warn, config.thresholds.kill), (gib(3), gib(11)));
    assert_eq!(config.act, ActionSettings { dry_run: false, grace: Duration::from_mins(1), throttle: true });
    assert_eq!(world.origin(key::WARN), "/etc/config.toml:2");
    assert_eq!(world.origin(key::KILL), "/etc/config.toml.d/60.toml:1");
    assert_eq!(world.origin(key::GRACE), "/etc/config.toml.d/50.toml:2");
    assert_eq!(world.origin(key::DRY_RUN), "built in");
}

#[test]
fn drop_ins_apply_in_order_of_their_names() {
    let names = ["b", "10", "e", "90", "a", "5", "d", "0", "c", "B"];
    for last in 1..names.len() {
        let world = names[..=last]
            .iter()
            .fold(World::new(), |world, name| world.drop_in(&format!("{name}.toml"), "act.dry_run = true"));
        let expected = names[..=last].iter().max().expect("one");
        assert_eq!(world.origin(key::DRY_RUN), format!("/etc/config.toml.d/{expected}.toml:1"));
    }
}

#[test]
fn flags_override_the_environment_which_overrides_files() {
    let world = World::new()
        .file("thresholds.warn = '3G'\nthresholds.kill = '9G'\nact.dry_run = false")
        .variable("WATCHDOG_WARN_MB", " 4096 ")
        .variable("WATCHDOG_KILL_MB", "")
        .dry_run();
    let config = world.load().expect("loaded");
    assert_eq!((config.thresholds.warn, config.thresholds.kill), (gib(4), gib(9)));
    assert!(config.act.dry_run);
    assert_eq!(world.origin(key::WARN), "WATCHDOG_WARN_MB");
    assert_eq!(world.origin(key::DRY_RUN), "--dry-run");
}

#[test]
fn reversed_thresholds_are_corrected_with_a_note() {
    let warnings = |world: &World| {
        let thresholds = EffectiveThresholds::resolve(&world.load().expect("loaded"), Bytes::gib(32));
        world.local(&thresholds.notes.join("\n"))
    };
    let world = World::new().file("[thresholds]\nwarn = '9G'\nkill = '8G'");
    insta::assert_snapshot!(warnings(&world), @"warn threshold: 5.2G (9G from /etc/config.toml:2 is not below the kill threshold of 8G from /etc/config.toml:3)");
    let world = World::new()
        .drop_in("5.toml", "thresholds.kill = ['8G', '50%']")
        .variable("WATCHDOG_WARN_MB", "8192");
    insta::assert_snapshot!(warnings(&world), @"warn threshold: 5.2G (8G from WATCHDOG_WARN_MB is not below the kill threshold of 8G from /etc/config.toml.d/5.toml:1)");
}

#[test]
fn one_threshold_may_be_set_without_the_other() {
    let shipped = include_str!("../../../config/claude-watchdog.toml");
    assert!(World::new().file(shipped).variable("WATCHDOG_KILL_MB", "4000").load().is_ok());
    assert!(World::new().file(shipped).variable("WATCHDOG_WARN_MB", "14000").load().is_ok());
    assert!(World::new().file(shipped).drop_in("1.toml", "thresholds.kill = ['4G', '40%']").load().is_ok());
    assert!(World::new().file(shipped).drop_in("1.toml", "thresholds.warn = ['14G', '90%']").load().is_ok());
    assert!(World::new().file("thresholds.warn = '8G'\nthresholds.kill = '60%'").load().is_ok());
}

#[test]
fn the_reserve_is_clamped() {
    let of = |reserve: &str| {
        let config = World::new().file(format!("guard.reserve = {reserve}")).load().expect("loaded");
        let thresholds = EffectiveThresholds::resolve(&config, Bytes::gib(10));
        (thresholds.reserve.share(1, 1).get() >> 20, thresholds.clamped.len())
    };
    assert_eq!(of("'4%'"), (409, 0));
    assert_eq!(of("'500M'"), (500, 0));
    assert_eq!(of("['10%', '600M']"), (600, 0));
    assert_eq!(of("'3G'"), (1024, 1));
    assert_eq!(of("'1%'"), (204, 1));
}
