//! Settings without effect.

use super::world::World;

fn warnings(world: &World) -> String {
    let config = world.load().expect("loaded");
    let lines: Vec<String> =
        config.ineffective.iter().map(|ineffective| world.local(&ineffective.to_string())).collect();
    assert!(lines.iter().all(|line| line.lines().count() == 1), "{lines:?}");
    lines.join("\n")
}

#[test]
fn each_warning_names_its_origin() {
    let world = World::new()
        .file(
            "[thresholds]\nwarn = ['9G', '8G', '60%']\n[guard]\nreserve = ['4%', '4%']\n[rules.mine]\nexe = ['mine']\n\
             enabled = false\n[rules.goose]\n",
        )
        .drop_in("50-local.toml", "rules.mine.exe = ['mine']\n")
        .drop_in("60-local.conf", "thresholds.warn = '1G'\n")
        .drop_in("README", "")
        .drop_in(".60.toml.swp", "")
        .variable("WATCHDOG_KILL_MB", " ");
    insta::assert_snapshot!(warnings(&world));
}

#[test]
fn effective_settings_cause_no_warning() {
    let shipped = include_str!("../../../config/claude-watchdog.toml");
    let world = World::new()
        .file(shipped)
        .drop_in("50.toml", "thresholds.warn = '6G'")
        .variable("WATCHDOG_WARN_MB", "1");
    assert_eq!(
        warnings(&world),
        "",
        "a default that is repeated and a value that a later layer replaces are usual"
    );
}

#[test]
fn overridden_origins_are_known() {
    let world = World::new()
        .file("thresholds.warn = '3G'")
        .drop_in("50.toml", "thresholds.warn = '4G'")
        .variable("WATCHDOG_WARN_MB", "5000");
    let config = world.load().expect("loaded");
    let overridden: Vec<String> =
        config.origins.overridden("thresholds.warn").map(|o| world.local(&o.to_string())).collect();
    assert_eq!(overridden, ["/etc/config.toml.d/50.toml:1", "/etc/config.toml:1"]);
    assert_eq!(config.origins.overridden("thresholds.kill").count(), 0);
}
