//! Charges that may count memory twice.

use super::*;

fn forked() -> World {
    let mut world = World::new().agent(10, Bytes::gib(1)).child(10, 11, "node", Bytes::gib(7));
    world.step();
    world
}

/// 7 GB that fork appear as 14.
fn fork(world: &mut World, unverified: Bytes) -> Vec<String> {
    if world.snapshot.agents[0].member(key(12)).is_none() {
        world.start(11, 12, "node", Bytes::gib(7));
    }
    world.snapshot.agents[0].unverified = unverified;
    reported(&world.step())
}

#[test]
fn an_action_waits_for_verification() {
    let mut world = forked();
    assert!(fork(&mut world, Bytes::gib(7)).is_empty(), "neither warned of nor acted on");
    assert_eq!(fork(&mut world, Bytes::ZERO)[0], "TERM 12", "proven");
    let mut world = forked();
    fork(&mut world, Bytes::gib(7));
    world.end(12);
    world.snapshot.agents[0].unverified = Bytes::ZERO;
    assert!(reported(&world.step()).is_empty(), "it was the same memory");
}

#[test]
fn verification_has_a_timeout() {
    let mut world = forked();
    let begun = world.snapshot.at;
    while fork(&mut world, Bytes::gib(7)).is_empty() {}
    assert_eq!(world.snapshot.at.since(begun), Duration::from_secs(3) + TICK);
}

#[test]
fn without_memory_there_is_no_verification() {
    let mut world = forked();
    world.elsewhere = world.snapshot.guest.mem_total;
    assert!(!fork(&mut world, Bytes::gib(7)).is_empty());
}

#[test]
fn irrelevant_unverified_memory_causes_no_delay() {
    let mut world = forked();
    assert!(!fork(&mut world, Bytes::mib(100)).is_empty());
}

#[test]
fn unattributed_memory_is_freed_with_the_agent() {
    let mut world = World::new().agent(10, Bytes::gib(1));
    world.step();
    // In a cgroup of its own it has written 14 GB into a memfd that is mapped nowhere.
    world.snapshot.at = world.snapshot.at + TICK;
    world.snapshot.agents[0].charge =
        Charge { anon: Bytes::gib(1), shmem: Bytes::gib(14), swap: Bytes::ZERO };
    assert_eq!(reported(&world.engine.step(&world.snapshot))[0], "TERM 10");
}
