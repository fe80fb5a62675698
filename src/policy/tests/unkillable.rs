//! Unkillable processes are excluded, the rest of their agent is not.

use super::*;

/// An agent with a child of this size that survives `KILL`, so that the action failed; another child waits.
fn with_one_unkillable(held: Bytes) -> World {
    let mut world = World::new().agent(100, Bytes::mib(240)).child(100, 101, "stuck", held).child(
        100,
        102,
        "node",
        Bytes::mib(100),
    );
    assert_eq!(reported(&world.step())[0], "TERM 101");
    for _ in 0..22 {
        if reported(&world.after(Duration::from_secs(1))).contains(&"failed: Survivors(1)".to_owned()) {
            return world;
        }
    }
    panic!("it did not fail");
}

#[test]
fn a_second_leaking_child_is_killed_beside_an_unkillable_one() {
    let mut world = with_one_unkillable(Bytes::gib(13));
    world.grow(102, Bytes::gib(12));
    assert!(reported(&world.step()).is_empty(), "by itself it is below the threshold, and too small");
    world.grow(102, Bytes::gib(13));
    assert_eq!(reported(&world.step()), ["TERM 102", "act on node 102"]);
    world.end(102);
    assert_eq!(reported(&world.step()), ["ended, 13G freed"]);
    for _ in 0..15 {
        assert!(reported(&world.after(Duration::from_secs(1))).is_empty(), "and no event is repeated");
    }
}

#[test]
fn a_killable_child_that_covers_the_shortfall_is_killed() {
    let mut world = with_one_unkillable(Bytes::gib(13));
    world.grow(101, Bytes::gib(7));
    world.grow(102, Bytes::gib(7));
    assert_eq!(reported(&world.step())[0], "TERM 102");
}

#[test]
fn the_guard_chooses_among_killable_members() {
    let mut world = with_one_unkillable(Bytes::gib(13));
    world.snapshot.guest.mem_total = Bytes::gib(32);
    world.elsewhere = Bytes::gib(3);
    world.step();
    let reported: Vec<String> = (1..110)
        .flat_map(|n| {
            world.grow(102, Bytes::mib(100 * n));
            super::reported(&world.step())
        })
        .collect();
    assert!(reported.iter().any(|t| t.ends_with(" 102")), "{reported:?}");
    assert!(!reported.iter().any(|t| t.starts_with("danger")), "{reported:?}");
}

#[test]
fn an_unkillable_process_is_retried() {
    let mut world = with_one_unkillable(Bytes::gib(13));
    let batches = |world: &mut World, seconds| {
        (0..seconds).filter_map(|_| world.after(Duration::from_secs(1)).signals).collect::<Vec<_>>()
    };
    assert!(batches(&mut world, 29).is_empty());
    assert_eq!(batches(&mut world, 3)[0].targets, [key(101)]);
}

#[test]
fn the_guard_may_act_on_an_agent_of_a_multiplexer() {
    let mut world = World::new().agent(100, Bytes::mib(300)).child(100, 101, "tmux", Bytes::gib(14)).child(
        100,
        102,
        "node",
        Bytes::mib(100),
    );
    world.snapshot.guest.mem_total = Bytes::gib(32);
    assert_eq!(reported(&world.step()), ["found", "warned", "failed: Protected"]);
    let reported: Vec<String> = (1..130)
        .flat_map(|n| {
            world.grow(102, Bytes::mib(100 * n));
            super::reported(&world.step())
        })
        .collect();
    let acted = reported.iter().position(|t| t.ends_with("act on node 102"));
    assert!(acted.is_some(), "{reported:?}");
    assert!(!reported.iter().any(|t| t.starts_with("danger")), "{reported:?}");
}

#[test]
fn unkillable_agents_are_reported_every_30_seconds_at_most() {
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
            "and it triggers no extra samples: {:?}",
            step.next_poll
        );
    }
    assert_eq!(failed, 2);
    world.grow(200, Bytes::gib(13));
    assert_eq!(reported(&world.step())[0], "TERM 200", "others are acted on though it costs more");
}

#[test]
fn an_unkillable_process_does_not_delay_the_next_action() {
    let mut world = World::new().agent(100, Bytes::gib(6)).agent(200, Bytes::gib(1));
    world.snapshot.guest.mem_total = Bytes::gib(16);
    world.step();
    // One agent fills the machine, gets its signals, and hangs; then the other takes 500 MiB/s.
    let grow = |world: &mut World| {
        let more = world.member(200).charge.anon + Bytes::mib(50);
        world.grow(200, more);
        world.step().signals
    };
    world.grow(100, Bytes::mib(9_900));
    let mut batches = vec![world.step().signals];
    while world.snapshot.guest.allocatable() > Bytes::ZERO {
        batches.push(grow(&mut world));
    }
    let targets: Vec<_> = batches.into_iter().flatten().map(|w| (w.signal, w.targets)).collect();
    assert!(targets.iter().any(|(_, t)| *t == [key(200)]), "{targets:?}");
}

#[test]
fn a_process_releasing_its_memory_is_waited_for() {
    let mut world = World::new().agent(100, Bytes::gib(6)).agent(200, Bytes::gib(1));
    world.snapshot.guest.mem_total = Bytes::gib(16);
    world.step();
    world.grow(100, Bytes::mib(9_900));
    assert_eq!(world.step().signals.unwrap().targets, [key(100)]);
    // As much is released as the other takes.
    for n in 1..=40 {
        world.grow(100, Bytes::mib(9_900).saturating_sub(Bytes::mib(40 * n)));
        world.grow(200, Bytes::gib(1) + Bytes::mib(50 * n));
        let signals = world.step().signals;
        assert!(signals.as_ref().is_none_or(|w| w.targets == [key(100)]), "{signals:?}");
    }
}

#[test]
fn unkillable_growth_is_not_counted_against_the_rest() {
    let mut world = World::new()
        .agent(100, Bytes::gib(4))
        .child(100, 101, "stuck", Bytes::gib(1))
        .agent(200, Bytes::gib(3));
    world.snapshot.guest.mem_total = Bytes::gib(24);
    world.step();
    world.grow(101, Bytes::gib(9));
    let mut events = Vec::new();
    while !events.contains(&"failed: Survivors(1)".to_owned()) {
        events.extend(reported(&world.after(Duration::from_secs(1))));
    }
    let mut targets = Vec::new();
    for n in 1..=60 {
        world.grow(101, Bytes::gib(9) + Bytes::mib(60 * n));
        world.grow(200, Bytes::gib(3) + Bytes::mib(30 * n));
        targets.extend(world.step().signals.map(|w| w.targets));
    }
    assert!(!targets.is_empty() && targets.iter().all(|t| *t == [key(200)]), "{targets:?}");
}
