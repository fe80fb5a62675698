//! Agents that are restarted as soon as they are killed, and forking targets.

use super::*;
use crate::model::{CgroupMemory, Signal};

/// The agent of a shell loop, for the nth time.
fn leak_again(world: &mut World, pid: i32, spawner: i32) {
    let mut fresh = World::new().agent(pid, Bytes::gib(14)).snapshot.agents;
    let sample = &mut fresh[0];
    sample.spawner = Some(key(spawner));
    let start_ticks = u64::try_from(world.snapshot.at.since_boot().as_millis() / 10).unwrap();
    (sample.agent.root.start_ticks, sample.members[0].key.start_ticks) = (start_ticks, start_ticks);
    world.snapshot.agents.extend(fresh);
}

/// A fork bomb: six of its processes are younger than a second.
fn forking() -> World {
    let mut world = World::new().agent(100, Bytes::mib(240)).child(100, 101, "bomb", Bytes::gib(13));
    world.snapshot.at = Boottime::new(Duration::from_secs(100));
    for pid in 102..108 {
        world.start(101, pid, "bomb", Bytes::ZERO);
        world.member(pid).key.start_ticks = 9_990;
    }
    world
}

/// Steps until signals are sent. Returns the time that took.
fn until_signals(world: &mut World) -> Duration {
    let begun = world.snapshot.at;
    for _ in 0..20_000 {
        if world.step().signals.is_some() {
            return world.snapshot.at.since(begun);
        }
    }
    panic!("no signals");
}

#[test]
fn the_backoff_doubles_with_each_restart() {
    let mut world = World::new();
    let mut waits = Vec::new();
    let mut reported_restarts = 0;
    for pid in 100..108 {
        leak_again(&mut world, pid, 50);
        let step = world.step();
        reported_restarts +=
            step.events.iter().filter(|e| matches!(e.kind, EventKind::RestartBackoff { .. })).count();
        waits.push(if step.signals.is_some() { 0 } else { until_signals(&mut world).as_secs() });
        world.end(pid);
        for _ in 0..5 {
            world.step();
        }
    }
    assert_eq!(waits[0], 0);
    assert!((8..=10).contains(&waits[1]), "{waits:?}");
    assert!(waits.windows(2).skip(1).all(|w| w[1] >= w[0].min(290)), "{waits:?}");
    assert!(waits.iter().all(|w| *w <= 300) && waits[7] > 250, "{waits:?}");
    assert_eq!(reported_restarts, 7, "each was reported");
}

#[test]
fn other_agents_have_no_backoff() {
    let mut world = World::new();
    leak_again(&mut world, 100, 50);
    assert!(world.step().signals.is_some());
    world.end(100);
    world.step();
    world.step();
    leak_again(&mut world, 101, 51);
    assert!(world.step().signals.is_some(), "another shell started it");
}

/// Four instances of one script at once are no restarts of one another.
#[test]
fn parallel_agents_are_no_restarts() {
    let mut world = World::new();
    for pid in 100..104 {
        leak_again(&mut world, pid, 50);
    }
    let begun = world.snapshot.at;
    for _ in 0..4 {
        let step = (0..20).map(|_| world.step()).find(|s| s.signals.is_some()).unwrap();
        world.end(step.signals.unwrap().targets[0].pid.get());
    }
    assert!(world.snapshot.at.since(begun) < Duration::from_secs(3));
}

/// An agent of its own, recognised one sample after it was stopped with another.
#[test]
fn no_process_stays_stopped() {
    let mut world = forking();
    assert_eq!(reported(&world.step())[0], "STOP 101 102 103 104 105 106 107");
    let other = world.member(107).key;
    world.end(107);
    let signals = world.step().signals.unwrap();
    assert_eq!((signals.signal, signals.resumed), (Signal::Term, vec![other]));
    assert_eq!(world.engine.finish(), None, "all have had theirs");
    // And if all of it is gone before anything else is sent.
    let mut world = forking();
    world.step();
    (101..108).for_each(|pid| world.end(pid));
    let signals = world.step().signals.unwrap();
    assert_eq!((signals.targets.len(), signals.resumed.len()), (0, 7));
}

#[test]
fn a_child_that_leaks_again_is_killed_at_once() {
    let mut world = World::new().agent(100, Bytes::mib(240));
    for pid in 101..105 {
        world.start(100, pid, "node", Bytes::gib(13));
        let step = world.step();
        assert_eq!(step.signals.unwrap().targets, [key(pid)]);
        world.end(pid);
        world.step();
        world.step();
    }
}

#[test]
fn the_guard_ignores_the_backoff() {
    let mut world = World::new();
    leak_again(&mut world, 100, 50);
    assert!(world.step().signals.is_some());
    world.end(100);
    for _ in 0..3 {
        world.step();
    }
    leak_again(&mut world, 101, 50);
    assert!(world.step().signals.is_none());
    for gib in 15..50 {
        world.grow(101, Bytes::gib(gib));
        assert!(world.after(Duration::from_millis(150)).signals.is_none(), "{gib}");
    }
    world.grow(101, Bytes::mib(59_000));
    let step = world.step();
    assert_eq!(reported(&step)[0], "KILL 101");
}

#[test]
fn a_forking_target_is_stopped_then_killed() {
    let mut world = World::new().agent(100, Bytes::mib(240)).child(100, 101, "bomb", Bytes::gib(13));
    assert_eq!(reported(&world.step())[0], "TERM 101");
    world.start(101, 102, "bomb", Bytes::ZERO);
    let mut batches = vec![reported(&world.after(Duration::from_secs(10)))];
    world.start(102, 103, "bomb", Bytes::ZERO);
    batches.push(reported(&world.step()));
    batches.push(reported(&world.step()));
    assert_eq!(batches.concat(), ["STOP 101 102", "STOP 101 102 103", "KILL 101 102 103", "3 to kill"]);
}

#[test]
fn forks_outpacing_kills_escalate_to_the_parent() {
    let mut world = World::new().agent(100, Bytes::mib(240)).child(100, 101, "bash", Bytes::mib(4)).child(
        101,
        102,
        "bomb",
        Bytes::gib(13),
    );
    assert_eq!(reported(&world.step())[0], "TERM 102");
    let (mut all, mut pid) = (Vec::new(), 1000);
    world.after(Duration::from_secs(9));
    world.snapshot.at = world.snapshot.at + Duration::from_secs(1);
    for _ in 0..60 {
        world.start(102, pid, "bomb", Bytes::ZERO);
        pid += 1;
        all.extend(reported(&world.step()));
    }
    assert_eq!(all.iter().filter(|t| t.starts_with("STOP")).count(), 10, "in bounded rounds");
    let escalated: Vec<_> = all.iter().filter(|t| t.starts_with("escalated")).collect();
    assert_eq!(escalated, ["escalated to 101", "escalated to the agent"]);
    assert!(all.iter().rev().find(|t| t.starts_with("KILL")).unwrap().starts_with("KILL 100 "), "{all:?}");
}

fn killable_cgroup() -> CgroupMemory {
    CgroupMemory {
        alone: true,
        path: "/agents.slice/a.scope".into(),
        charge: Charge::default(),
        current: Bytes::ZERO,
        cache: Bytes::ZERO,
        max: None,
        high: None,
        high_events: 0,
        killed: 0,
    }
}

#[test]
fn an_agent_alone_in_a_cgroup_is_killed_through_it() {
    let mut world = World::new().agent(100, Bytes::gib(14)).child(100, 101, "bash", Bytes::mib(4));
    world.snapshot.agents[0].cgroup = Some(killable_cgroup());
    assert_eq!(world.step().signals.unwrap().cgroup, None, "asked first");
    let killed = world.after(Duration::from_secs(10)).signals.unwrap();
    assert_eq!(killed.cgroup.unwrap().to_str(), Some("/agents.slice/a.scope"));
    let mut world = World::new().agent(100, Bytes::gib(14)).child(100, 101, "bash", Bytes::mib(4));
    world.snapshot.agents[0].cgroup = Some(CgroupMemory { alone: false, ..killable_cgroup() });
    world.step();
    assert_eq!(
        world.after(Duration::from_secs(10)).signals.unwrap().cgroup,
        None,
        "other processes may be in it"
    );
    let mut world = World::new().agent(100, Bytes::gib(14)).child(100, 101, "tmux", Bytes::mib(4));
    world.snapshot.agents[0].cgroup = Some(killable_cgroup());
    world.step();
    assert_eq!(
        world.after(Duration::from_secs(10)).signals.unwrap().cgroup,
        None,
        "something in it is spared"
    );
}

#[test]
fn a_forking_target_is_stopped_before_sigterm() {
    let mut world = forking();
    let step = world.step();
    assert_eq!(reported(&step)[0], "STOP 101 102 103 104 105 106 107");
    let last = world.engine.finish().unwrap();
    assert_eq!(
        (last.signal, last.targets.len()),
        (Signal::Term, 7),
        "no process stays stopped after the exit"
    );
    world.start(101, 110, "bomb", Bytes::ZERO);
    let signals = world.step().signals.unwrap();
    assert_eq!((signals.signal, signals.targets.len()), (Signal::Stop, 8));
    assert_eq!(world.step().signals.unwrap().signal, Signal::Term, "then all are asked");
    assert!(reported(&world.after(Duration::from_secs(9))).is_empty(), "with their grace");
    assert_eq!(world.after(Duration::from_secs(1)).signals.unwrap().signal, Signal::Kill);
}

#[test]
fn a_limited_agent_has_its_own_thresholds() {
    let limited = CgroupMemory { max: Some(Bytes::gib(4)), ..killable_cgroup() };
    let mut world = World::new().agent(100, Bytes::gib(1)).child(100, 101, "node", Bytes::mib(100));
    world = world.agent(200, Bytes::gib(4));
    world.snapshot.agents[0].cgroup = Some(limited);
    assert_eq!(reported(&world.step()), ["found", "found"]);
    world.grow(101, Bytes::gib(2));
    assert_eq!(reported(&world.step()), ["warned"], "2.5G: 55/85 of its kill threshold");
    world.grow(101, Bytes::mib(2950));
    let step = world.step();
    assert_eq!(reported(&step), ["TERM 101", "act on node 101"], "before the wall");
    let threshold = step.events.iter().find_map(|event| match &event.kind {
        EventKind::Acted(decision) => Some(decision.threshold),
        _ => None,
    });
    assert_eq!(threshold, Some(Bytes::mib(4096 - 128)));
    assert_eq!(world.level(200), AgentLevel::Ok, "the thresholds of others are not");
}

#[test]
fn restarts_by_a_service_manager_are_recognised_by_unit() {
    for (unit, waits) in
        [(Some("/system.slice/a.service"), true), (Some("/system.slice/b.service"), false), (None, false)]
    {
        let mut world = World::new();
        let in_unit = |unit: &str| CgroupMemory {
            path: unit.into(),
            charge: Charge { anon: Bytes::gib(14), ..Charge::default() },
            ..killable_cgroup()
        };
        leak_again(&mut world, 100, 1);
        world.snapshot.agents[0].cgroup = Some(in_unit("/system.slice/a.service"));
        assert!(world.step().signals.is_some());
        world.end(100);
        world.step();
        world.step();
        leak_again(&mut world, 200, 1);
        world.snapshot.agents[0].cgroup = unit.map(in_unit);
        assert_eq!(world.step().signals.is_none(), waits, "{unit:?}");
    }
}
