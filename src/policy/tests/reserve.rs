//! What the user wants of the guard.

use super::*;

fn guest(guard: GuardSettings) -> World {
    let mut world =
        World::with(ActionSettings::default(), guard).agent(100, Bytes::gib(2)).agent(200, Bytes::gib(6));
    world.snapshot.guest.mem_total = Bytes::gib(16);
    world
}

/// What is left of the guest when the guard acts first, while agent 200 grows slowly.
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
fn it_acts_where_the_user_wants_it_to() {
    let usual = left_at_the_act(GuardSettings::default());
    let more = left_at_the_act(GuardSettings { reserve: Some(Bytes::mib(1600)), ..GuardSettings::default() });
    assert!(usual < Bytes::mib(900) && usual > Bytes::mib(400), "{usual}");
    assert!(more < Bytes::mib(1600) && more > Bytes::mib(1500), "{more}");
}

#[test]
fn switched_off_it_says_so_once_and_the_lines_still_count() {
    let mut world = guest(GuardSettings { enabled: false, ..GuardSettings::default() });
    world.elsewhere = Bytes::mib(100);
    world.grow(200, Bytes::gib(9) + Bytes::mib(700));
    let told: Vec<_> = (0..100).flat_map(|_| told(&world.step())).collect();
    assert_eq!(told, ["found", "found", "warned", "danger: Off"]);
    world.grow(200, Bytes::gib(13));
    assert!(world.step().signals.is_some());
}

#[test]
fn another_reserve_counts_at_once() {
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
