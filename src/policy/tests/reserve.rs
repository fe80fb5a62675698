//! The configured guard.

use super::*;

fn guest(guard: GuardSettings) -> World {
    let mut world =
        World::with(ActionSettings::default(), guard).agent(100, Bytes::gib(2)).agent(200, Bytes::gib(6));
    world.snapshot.guest.mem_total = Bytes::gib(16);
    world
}

/// Memory remaining when the guard first acts, while agent 200 grows slowly.
fn left_at_the_act(guard: GuardSettings) -> Bytes {
    let mut world = guest(guard);
    world.step();
    for step in 1..2000 {
        world.grow(200, Bytes::gib(6) + Bytes::mib(step * 5));
        let step = world.after(Duration::from_secs(1));
        if step.events.iter().any(|e| matches!(e.kind, EventKind::Acted(_))) {
            return world.snapshot.guest.mem_available;
        }
    }
    panic!("it did not act");
}

#[test]
fn the_guard_acts_at_the_configured_reserve() {
    let usual = left_at_the_act(GuardSettings::default());
    let more = left_at_the_act(GuardSettings { reserve: Some(Bytes::mib(1600)), ..GuardSettings::default() });
    assert!(usual < Bytes::mib(900) && usual > Bytes::mib(400), "{usual}");
    assert!(more < Bytes::mib(1600) && more > Bytes::mib(1500), "{more}");
}

#[test]
fn a_disabled_guard_reports_once_and_thresholds_still_apply() {
    let mut world = guest(GuardSettings { enabled: false, ..GuardSettings::default() });
    world.elsewhere = Bytes::mib(100);
    world.grow(200, Bytes::gib(9) + Bytes::mib(700));
    let reported: Vec<_> = (0..100).flat_map(|_| reported(&world.step())).collect();
    assert_eq!(reported, ["found", "found", "warned", "danger: Off"]);
    world.grow(200, Bytes::gib(13));
    assert!(world.step().signals.is_some());
}

#[test]
fn a_new_reserve_applies_at_once() {
    let mut world = guest(GuardSettings::default());
    world.grow(200, Bytes::gib(7));
    assert!(world.step().signals.is_none());
    let thresholds = Thresholds { warn: Bytes::gib(8), kill: Bytes::gib(13) };
    world.engine.reconfigure(
        thresholds,
        ActionSettings::default(),
        GuardSettings { reserve: Some(Bytes::gib(4)), ..GuardSettings::default() },
    );
    assert!(world.after(Duration::from_secs(1)).signals.is_some());
}
