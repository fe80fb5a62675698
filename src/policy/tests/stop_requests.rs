//! Stops that users requested.

use super::*;
use crate::model::event::{Cause, Failure};
use crate::model::{Event, Signal};

const ALICE: Uid = Uid::new(1000);

fn asked(step: &Step) -> Vec<(String, bool, usize)> {
    let decision = |event: &Event| match (&event.kind, &event.agent) {
        (EventKind::Acted(decision), Some(agent))
            if matches!(decision.cause, Cause::Request { by: ALICE }) =>
        {
            Some((agent.id.to_string(), decision.whole, decision.processes))
        }
        _ => None,
    };
    step.events.iter().filter_map(decision).collect()
}

fn pids(step: &Step) -> Vec<i32> {
    step.signals.iter().flat_map(|signals| signals.targets.iter().map(|key| key.pid.get())).collect()
}

#[test]
fn a_requested_stop_ends_a_small_agent_whole() {
    let mut world = World::new().agent(100, Bytes::mib(200)).child(100, 101, "node", Bytes::mib(100));
    world.step();
    world.engine.request(key(100), ALICE);
    world.engine.request(key(100), ALICE);
    let step = world.step();
    assert_eq!(asked(&step), [("claude-100".to_owned(), true, 2)]);
    assert_eq!((pids(&step), step.signals.map(|w| w.signal)), (vec![100, 101], Some(Signal::Term)));
    assert_eq!(world.level(100), AgentLevel::Acting);
    world.end(101);
    assert!(world.after(Duration::from_secs(9)).signals.is_none(), "it has its grace");
    let kill = world.after(Duration::from_secs(2));
    assert_eq!((pids(&kill), kill.signals.map(|w| w.signal)), (vec![100], Some(Signal::Kill)));
    world.end(100);
    let mut reported = Vec::new();
    for _ in 0..200 {
        reported.extend(world.step().events.into_iter().map(|e| e.kind));
    }
    assert!(
        matches!(reported.as_slice(), [EventKind::Ended { action: 1, .. }, EventKind::Gone]),
        "{reported:?}"
    );
}

#[test]
fn a_requested_stop_includes_descendants_only() {
    let mut world = World::new()
        .agent(100, Bytes::mib(200))
        .sub_agent(100, 200, Bytes::mib(100))
        .sub_agent(200, 300, Bytes::mib(50))
        .agent(400, Bytes::mib(70));
    world.step();
    world.engine.request(key(200), ALICE);
    let step = world.step();
    assert_eq!(asked(&step), [("claude-200".to_owned(), true, 2)]);
    assert_eq!(pids(&step), [200, 300]);
    // Survivors are searched among its descendants only.
    world.end(200);
    let kill = world.after(Duration::from_secs(11));
    assert_eq!((pids(&kill), kill.signals.map(|w| w.signal)), (vec![300], Some(Signal::Kill)));
    world.end(300);
    let mut ended = Vec::new();
    for _ in 0..200 {
        let step = world.step();
        assert!(step.signals.is_none());
        ended.extend(step.events.into_iter().filter(|e| matches!(e.kind, EventKind::Ended { .. })));
    }
    assert_eq!(ended.len(), 1);
    assert_eq!(ended[0].charge, Bytes::ZERO, "the survivors of the targets, not their ancestors");
}

#[test]
fn thresholds_and_dangers_go_before_requested_stops() {
    let mut world = World::new().agent(100, Bytes::gib(1)).agent(200, Bytes::gib(1));
    world.step();
    world.grow(200, Bytes::gib(14));
    world.engine.request(key(100), ALICE);
    let step = world.step();
    assert!(asked(&step).is_empty());
    assert_eq!(pids(&step), [200], "one action at a time");
    assert!(world.engine.is_requested(key(100)));
    world.end(200);
    let asked_for: Vec<_> = (0..200).flat_map(|_| asked(&world.step())).collect();
    assert_eq!(asked_for, [("claude-100".to_owned(), true, 1)]);
}

#[test]
fn a_request_for_an_exited_agent_is_dropped() {
    let mut world = World::new().agent(100, Bytes::gib(1));
    world.step();
    world.engine.request(key(100), ALICE);
    world.end(100);
    assert!(world.step().signals.is_none());
    assert!(!world.engine.is_requested(key(100)));
}

#[test]
fn protected_processes_survive_a_requested_stop() {
    let mut world = World::new().agent(100, Bytes::gib(1));
    world.member(100).protected = true;
    world.step();
    world.engine.request(key(100), ALICE);
    let step = world.step();
    assert!(step.signals.is_none());
    let failed = |e: &Event| matches!(e.kind, EventKind::Failed { why: Failure::Protected, .. });
    assert!(step.events.iter().any(failed), "{:?}", step.events);
}

#[test]
fn a_dry_run_reports_requested_stops_and_thresholds() {
    let mut world =
        World::acting(ActionSettings { dry_run: true, grace: Duration::ZERO, ..ActionSettings::default() })
            .agent(100, Bytes::gib(1));
    world.step();
    world.engine.request(key(100), ALICE);
    let step = world.step();
    assert!(step.signals.is_none());
    assert_eq!(asked(&step).len(), 1);
    world.grow(100, Bytes::gib(14));
    let threshold = |e: &Event| matches!(&e.kind, EventKind::Acted(d) if matches!(d.cause, Cause::Threshold));
    assert!(world.step().events.iter().any(threshold));
}

/// A release too small to be visible in the machine's memory is not waited for.
#[test]
fn a_small_release_is_reported_at_once() {
    let mut world = World::new().agent(100, Bytes::mib(2));
    world.step();
    world.engine.request(key(100), ALICE);
    world.step();
    world.end(100);
    world.elsewhere = Bytes::mib(100);
    let reported: Vec<_> = (0..3).flat_map(|_| reported(&world.step())).collect();
    assert_eq!(reported, ["ended, 2M freed", "gone"]);
}

/// A requested stop is no sign of a restart loop: the successor is acted on at once.
#[test]
fn a_requested_stop_causes_no_backoff() {
    let mut world = World::new().agent(100, Bytes::gib(1));
    world.step();
    world.engine.request(key(100), ALICE);
    world.step();
    world.end(100);
    (0..200).for_each(|_| drop(world.step()));
    let mut world = world.agent(101, Bytes::gib(14));
    assert_eq!(pids(&world.step()), [101]);
}

#[test]
fn new_thresholds_apply_at_once_and_actions_continue() {
    let mut world = World::new().agent(100, Bytes::gib(9)).agent(200, Bytes::gib(14));
    let step = world.step();
    assert_eq!(pids(&step), [200]);
    assert_eq!(world.level(100), AgentLevel::Warned);
    let act = ActionSettings { dry_run: false, grace: Duration::from_secs(1), ..ActionSettings::default() };
    world.engine.reconfigure(
        Thresholds { warn: Bytes::gib(11), kill: Bytes::gib(20) },
        act,
        GuardSettings::default(),
    );
    let reported = reported(&world.step());
    assert!(reported.iter().any(|t| t == "recovered"), "{reported:?}");
    assert_eq!(world.level(200), AgentLevel::Acting);
    assert!(world.after(Duration::from_secs(5)).signals.is_none(), "it keeps the grace that it was given");
    assert_eq!(pids(&world.after(Duration::from_secs(6))), [200]);
    // Nor is any event repeated.
    world.end(200);
    (0..200).for_each(|_| drop(world.step()));
    world.engine.reconfigure(
        Thresholds { warn: Bytes::gib(8), kill: Bytes::gib(13) },
        act,
        GuardSettings::default(),
    );
    assert_eq!(world.step().events.iter().filter(|e| matches!(e.kind, EventKind::Warned { .. })).count(), 1);
    assert!(world.step().events.is_empty());
}

#[test]
fn ending_a_dry_run_executes_its_action() {
    let mut world =
        World::acting(ActionSettings { dry_run: true, grace: Duration::ZERO, ..ActionSettings::default() })
            .agent(100, Bytes::gib(14));
    assert!(world.step().signals.is_none());
    let thresholds = Thresholds { warn: Bytes::gib(8), kill: Bytes::gib(13) };
    world.engine.reconfigure(
        thresholds,
        ActionSettings { dry_run: false, grace: Duration::ZERO, ..ActionSettings::default() },
        GuardSettings::default(),
    );
    assert_eq!(pids(&world.step()), [100]);
}

/// The owner of an agent could not signal its descendants of root or another user (`sudo`, `su`) either.
#[test]
fn processes_of_other_users_survive_a_requested_stop() {
    let mut world = World::new()
        .agent(100, Bytes::mib(200))
        .child(100, 101, "apt", Bytes::mib(100))
        .child(100, 102, "node", Bytes::mib(100))
        .sub_agent(100, 200, Bytes::mib(50));
    world.member(101).uid = Uid::ROOT;
    world.member(200).uid = Uid::new(1001);
    world.step();
    world.engine.request(key(100), ALICE);
    let step = world.step();
    assert_eq!(pids(&step), [100, 102]);
    assert_eq!(asked(&step), [("claude-100".to_owned(), true, 2)]);
    let kill = world.after(Duration::from_secs(11));
    assert_eq!(pids(&kill), [100, 102], "nor later");
    assert!(kill.signals.is_some_and(|signals| signals.cgroup.is_none()));
    world.end(100);
    world.end(102);
    let left: Vec<_> = (0..100).flat_map(|_| pids(&world.step())).collect();
    assert_eq!(left, [0; 0]);
    // Root may.
    let mut world = World::new().agent(100, Bytes::mib(200)).child(100, 101, "apt", Bytes::mib(100));
    world.member(101).uid = Uid::new(1001);
    world.step();
    world.engine.request(key(100), Uid::ROOT);
    assert_eq!(pids(&world.step()), [100, 101]);
}

#[test]
fn descendants_started_meanwhile_are_stopped_too() {
    let mut world = World::new().agent(100, Bytes::mib(200));
    world.step();
    world.engine.request(key(100), ALICE);
    world.step();
    let mut world = world.sub_agent(100, 300, Bytes::mib(50));
    let kill = world.after(Duration::from_secs(11));
    assert!(pids(&kill).contains(&300), "{:?}", pids(&kill));
}

/// Each of many requests takes its grace period; thresholds do not wait for all of them.
#[test]
fn many_requests_do_not_delay_thresholds() {
    let mut world = World::new()
        .agent(100, Bytes::mib(50))
        .agent(101, Bytes::mib(50))
        .agent(102, Bytes::mib(50))
        .agent(900, Bytes::gib(1));
    world.step();
    for pid in 100..103 {
        assert!(world.engine.request(key(pid), ALICE));
    }
    assert_eq!(pids(&world.step()), [100], "it listens to no TERM");
    world.grow(900, Bytes::gib(14));
    let hurried = world.step();
    assert_eq!((pids(&hurried), hurried.signals.map(|w| w.signal)), (vec![100], Some(Signal::Kill)));
    world.end(100);
    let next: Vec<_> = (0..20).map(|_| pids(&world.step())).filter(|pids| !pids.is_empty()).take(1).collect();
    assert_eq!(next, [[900]], "before the two that wait");
}

#[test]
fn pending_requests_are_limited_per_user() {
    let mut world = World::new();
    let taken = (0..100).filter(|pid| world.engine.request(key(1000 + pid), ALICE)).count();
    assert_eq!(taken, 16);
    assert!(world.engine.request(key(2000), Uid::ROOT), "root's are counted apart");
}

/// Between the end of one action and its next decision the guard waits a moment; no other action begins meanwhile.
#[test]
fn a_danger_goes_before_requests_right_after_an_action() {
    let mut world = World::new().agent(100, Bytes::gib(1)).agent(200, Bytes::gib(6));
    world.snapshot.guest.mem_total = Bytes::gib(16);
    world.step();
    world.grow(200, Bytes::mib(10_900));
    let step = world.after(Duration::from_secs(30));
    assert_eq!(pids(&step), [200], "the guard");
    world.engine.request(key(100), ALICE);
    world.end(200);
    world.elsewhere = Bytes::mib(10_900);
    for _ in 0..3 {
        let step = world.after(Duration::from_millis(20));
        assert!(asked(&step).is_empty(), "{:?}", step.events);
        assert!(world.engine.is_requested(key(100)));
    }
}
