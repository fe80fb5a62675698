//! What cannot be ended: it is set aside, and what else its agent does is not.

use super::*;

/// An agent with a child of so much that outlives `KILL`, and is told to have failed; another child waits.
fn with_one_stuck(held: Bytes) -> World {
    let mut world = World::new().agent(100, Bytes::mib(240)).child(100, 101, "stuck", held).child(
        100,
        102,
        "node",
        Bytes::mib(100),
    );
    assert_eq!(told(&world.step())[0], "TERM 101");
    for _ in 0..22 {
        if told(&world.after(Duration::from_secs(1))).contains(&"failed: Survivors(1)".to_owned()) {
            return world;
        }
    }
    panic!("it did not fail");
}

#[test]
fn another_child_that_leaks_is_ended_though_the_first_is_stuck() {
    let mut world = with_one_stuck(Bytes::gib(13));
    world.grow(102, Bytes::gib(12));
    assert!(told(&world.step()).is_empty(), "by itself it is below the line, and would not bring it below");
    world.grow(102, Bytes::gib(13));
    assert_eq!(told(&world.step()), ["TERM 102", "act on node 102"]);
    world.end(102);
    assert_eq!(told(&world.step()), ["ended, 13G freed"]);
    for _ in 0..15 {
        assert!(told(&world.after(Duration::from_secs(1))).is_empty(), "and nothing is told over and over");
    }
}

#[test]
fn what_covers_the_whole_shortfall_is_ended_at_the_line_that_counts_all() {
    let mut world = with_one_stuck(Bytes::gib(13));
    world.grow(101, Bytes::gib(7));
    world.grow(102, Bytes::gib(7));
    assert_eq!(told(&world.step())[0], "TERM 102");
}

#[test]
fn the_guard_chooses_among_the_others_of_the_same_agent() {
    let mut world = with_one_stuck(Bytes::gib(13));
    world.snapshot.guest.mem_total = Bytes::gib(32);
    world.elsewhere = Bytes::gib(3);
    world.step();
    let told: Vec<String> = (1..110)
        .flat_map(|n| {
            world.grow(102, Bytes::mib(100 * n));
            super::told(&world.step())
        })
        .collect();
    assert!(told.iter().any(|t| t.ends_with(" 102")), "{told:?}");
    assert!(!told.iter().any(|t| t.starts_with("danger")), "{told:?}");
}

#[test]
fn the_stuck_one_is_tried_again_after_a_while() {
    let mut world = with_one_stuck(Bytes::gib(13));
    let waves = |world: &mut World, seconds| {
        (0..seconds).filter_map(|_| world.after(Duration::from_secs(1)).signals).collect::<Vec<_>>()
    };
    assert!(waves(&mut world, 29).is_empty());
    assert_eq!(waves(&mut world, 3)[0].targets, [key(101)]);
}

#[test]
fn an_agent_over_its_line_for_a_multiplexer_is_within_the_reach_of_the_guard() {
    let mut world = World::new().agent(100, Bytes::mib(300)).child(100, 101, "tmux", Bytes::gib(14)).child(
        100,
        102,
        "node",
        Bytes::mib(100),
    );
    world.snapshot.guest.mem_total = Bytes::gib(32);
    assert_eq!(told(&world.step()), ["found", "warned", "failed: Protected"]);
    let told: Vec<String> = (1..130)
        .flat_map(|n| {
            world.grow(102, Bytes::mib(100 * n));
            super::told(&world.step())
        })
        .collect();
    let acted = told.iter().position(|t| t.ends_with("act on node 102"));
    assert!(acted.is_some(), "{told:?}");
    assert!(!told.iter().any(|t| t.starts_with("danger")), "{told:?}");
}

#[test]
fn what_is_out_of_reach_is_told_each_half_minute_at_most() {
    let mut world = World::new()
        .agent(100, Bytes::mib(300))
        .child(100, 101, "tmux", Bytes::gib(14))
        .agent(200, Bytes::ZERO);
    let mut failed = 0;
    for _ in 0..59 {
        let step = world.after(Duration::from_secs(1));
        failed += step.events.iter().filter(|e| matches!(e.kind, EventKind::Failed { .. })).count();
        assert!(
            step.next_poll >= Duration::from_millis(100),
            "and nobody hurries for it: {:?}",
            step.next_poll
        );
    }
    assert_eq!(failed, 2);
    world.grow(200, Bytes::gib(13));
    assert_eq!(told(&world.step())[0], "TERM 200", "others are acted on though it costs more");
}

#[test]
fn a_guest_that_fills_does_not_wait_for_one_that_is_stuck_until_it_is_full() {
    let mut world = World::new().agent(100, Bytes::gib(6)).agent(200, Bytes::gib(1));
    world.snapshot.guest.mem_total = Bytes::gib(16);
    world.step();
    // The one fills the guest, is asked to end and killed, and hangs; then the other takes 500 MiB/s.
    let grow = |world: &mut World| {
        let more = world.member(200).charge.anon + Bytes::mib(50);
        world.grow(200, more);
        world.step().signals
    };
    world.grow(100, Bytes::mib(9_900));
    let mut waves = vec![world.step().signals];
    while world.snapshot.guest.allocatable() > Bytes::ZERO {
        waves.push(grow(&mut world));
    }
    let targets: Vec<_> = waves.into_iter().flatten().map(|w| (w.signal, w.targets)).collect();
    assert!(targets.iter().any(|(_, t)| *t == [key(200)]), "{targets:?}");
}

#[test]
fn one_that_gives_its_memory_back_is_waited_for() {
    let mut world = World::new().agent(100, Bytes::gib(6)).agent(200, Bytes::gib(1));
    world.snapshot.guest.mem_total = Bytes::gib(16);
    world.step();
    world.grow(100, Bytes::mib(9_900));
    assert_eq!(world.step().signals.unwrap().targets, [key(100)]);
    // As much comes back as the other takes.
    for n in 1..=40 {
        world.grow(100, Bytes::mib(9_900).saturating_sub(Bytes::mib(40 * n)));
        world.grow(200, Bytes::gib(1) + Bytes::mib(50 * n));
        let signals = world.step().signals;
        assert!(signals.as_ref().is_none_or(|w| w.targets == [key(100)]), "{signals:?}");
    }
}

#[test]
fn what_is_stuck_makes_the_rest_of_its_agent_no_more_guilty_than_another_that_grows() {
    let mut world = World::new()
        .agent(100, Bytes::gib(4))
        .child(100, 101, "stuck", Bytes::gib(1))
        .agent(200, Bytes::gib(3));
    world.snapshot.guest.mem_total = Bytes::gib(24);
    world.step();
    world.grow(101, Bytes::gib(9));
    let mut events = Vec::new();
    while !events.contains(&"failed: Survivors(1)".to_owned()) {
        events.extend(told(&world.after(Duration::from_secs(1))));
    }
    let mut targets = Vec::new();
    for n in 1..=60 {
        world.grow(101, Bytes::gib(9) + Bytes::mib(60 * n));
        world.grow(200, Bytes::gib(3) + Bytes::mib(30 * n));
        targets.extend(world.step().signals.map(|w| w.targets));
    }
    assert!(!targets.is_empty() && targets.iter().all(|t| *t == [key(200)]), "{targets:?}");
}
