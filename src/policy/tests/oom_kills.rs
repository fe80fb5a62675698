//! Kills by the kernel's OOM killer are reported once, and attributed correctly.

use super::*;
use crate::model::CgroupMemory;

fn cgroup(pid: i32, killed: u64) -> CgroupMemory {
    CgroupMemory {
        path: format!("/agents.slice/agent-claude-{pid}.scope").into(),
        alone: true,
        charge: Charge::default(),
        current: Bytes::ZERO,
        cache: Bytes::ZERO,
        max: Some(Bytes::gib(2)),
        high: None,
        high_events: 0,
        killed,
    }
}

fn two() -> World {
    let mut world = World::new()
        .agent(100, Bytes::mib(200))
        .child(100, 101, "node", Bytes::gib(1))
        .child(100, 102, "rg", Bytes::mib(3))
        .agent(200, Bytes::mib(200))
        .child(200, 201, "cargo", Bytes::gib(3));
    world.snapshot.agents[0].cgroup = Some(cgroup(100, 7));
    world.snapshot.oom_kills = Some(40);
    world.step();
    world
}

fn oom(step: &Step) -> Vec<String> {
    reported(step).into_iter().filter(|t| t.contains("kernel")).collect()
}

#[test]
fn earlier_kills_are_not_reported() {
    assert!(oom(&two().step()).is_empty());
}

#[test]
fn a_kill_in_an_agents_cgroup_is_attributed_to_it() {
    let mut world = two();
    world.end(101);
    world.snapshot.agents[0].cgroup = Some(cgroup(100, 8));
    world.snapshot.oom_kills = Some(41);
    assert_eq!(oom(&world.step()), ["the kernel took 1: 101 of claude-100"]);
    assert!(oom(&world.step()).is_empty());
    // The system-wide counter is only read at times.
    world.end(102);
    world.snapshot.agents[0].cgroup = Some(cgroup(100, 9));
    world.snapshot.oom_kills = None;
    assert_eq!(oom(&world.step()), ["the kernel took 1: 102 of claude-100"]);
    world.snapshot.oom_kills = Some(42);
    assert!(oom(&world.step()).is_empty());
}

#[test]
fn a_kill_between_two_readings_is_reported_once() {
    let mut world = two();
    world.end(101);
    world.snapshot.agents[0].cgroup = Some(cgroup(100, 8));
    assert_eq!(oom(&world.step()), ["the kernel took 1: 101 of claude-100"]);
    world.snapshot.oom_kills = Some(41);
    for _ in 0..30 {
        assert!(oom(&world.step()).is_empty());
    }
}

#[test]
fn a_slow_exit_is_waited_for() {
    let mut world = two();
    world.snapshot.agents[0].cgroup = Some(cgroup(100, 8));
    world.snapshot.oom_kills = Some(41);
    assert!(oom(&world.step()).is_empty());
    world.end(101);
    assert_eq!(oom(&world.step()), ["the kernel took 1: 101 of claude-100"]);
    // Its parent may have been counted, and no process is missing: it is still reported.
    world.snapshot.agents[0].cgroup = Some(cgroup(100, 10));
    world.snapshot.oom_kills = Some(43);
    let reported: Vec<_> = (0..40).flat_map(|_| oom(&world.step())).collect();
    assert_eq!(reported, ["the kernel took 2: an unknown process of claude-100"]);
}

#[test]
fn a_system_wide_kill_is_attributed_to_the_missing_process() {
    let mut world = two();
    world.end(201);
    world.snapshot.oom_kills = Some(41);
    assert_eq!(oom(&world.step()), ["the kernel took 1: 201 of claude-200"]);
    world.end(200);
    world.snapshot.oom_kills = Some(42);
    assert_eq!(oom(&world.step()), ["the kernel took 1: 200 of claude-200"]);
    world.snapshot.oom_kills = Some(43);
    let reported: Vec<_> = (0..40).flat_map(|_| oom(&world.step())).collect();
    assert_eq!(reported, ["the kernel took 1: an unknown process of no agent"]);
}

#[test]
fn ordinary_exits_are_no_kills() {
    let mut world = two();
    world.end(201);
    world.end(102);
    assert!(oom(&world.step()).is_empty());
}
