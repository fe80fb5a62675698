//! The machine runs short of memory although no agent is over its own threshold.

use super::*;
use crate::model::event::{Cause, NoActionReason};
use crate::model::system_memory::Stall;
use crate::model::{Pressure, Signal};

/// A machine of 16 GiB, 4 GiB of which are used outside agents.
fn guest() -> World {
    let mut world = World::new();
    world.snapshot.guest.mem_total = Bytes::gib(16);
    world
}

impl World {
    /// `child` is an agent of its own, started by that member of another one.
    pub(super) fn sub_agent(mut self, of: i32, pid: i32, charge: Bytes) -> Self {
        let parent = self.snapshot.agents.iter().find(|a| a.member(key(of)).is_some()).unwrap().agent.clone();
        self.member(of).is_ancestor_of_agent = true;
        self = self.agent(pid, charge);
        let sample = self.snapshot.agents.last_mut().unwrap();
        (sample.parent, sample.started_by) = (Some(parent), Some(key(of)));
        self
    }

    /// Memory fills, gigabyte by gigabyte, until an event is reported.
    fn until_reported(&mut self, mut grow: impl FnMut(&mut Self, u64)) -> Vec<String> {
        for step in 1..10_000 {
            grow(self, step);
            let reported = reported(&self.after(Duration::from_secs(1)));
            if !reported.is_empty() && reported.iter().any(|t| t != "found" && t != "warned") {
                return reported;
            }
        }
        panic!("no event was reported");
    }
}

fn causes(step: &Step) -> Vec<Cause> {
    let acted = step.events.iter().filter_map(|e| match &e.kind {
        EventKind::Acted(decision) => Some(decision.cause),
        _ => None,
    });
    acted.collect()
}

#[test]
fn two_agents_that_fit_alone_but_not_together() {
    let mut world = guest().agent(100, Bytes::gib(5)).agent(200, Bytes::gib(5));
    world.step();
    let reported = world.until_reported(|w, step| w.grow(200, Bytes::gib(5) + Bytes::mib(step * 20)));
    assert_eq!(reported, ["TERM 200", "act on the agent"], "the one that grew, and not the other");
    assert!(world.snapshot.guest.mem_available > Bytes::mib(600), "{:?}", world.snapshot.guest);
}

#[test]
fn the_guard_kills_the_child_that_grew() {
    let mut world = guest().agent(100, Bytes::gib(1)).child(100, 101, "server", Bytes::mib(1500)).child(
        100,
        102,
        "vitest",
        Bytes::gib(1),
    );
    world.step();
    let reported = world.until_reported(|w, step| w.grow(102, Bytes::gib(1) + Bytes::mib(step * 20)));
    assert_eq!(reported, ["TERM 102", "act on vitest 102"]);
}

#[test]
fn without_growth_the_largest_is_killed() {
    // The daemon starts on a machine that is full already.
    let mut world = guest().agent(100, Bytes::gib(5)).agent(200, Bytes::gib(6));
    world.elsewhere = Bytes::mib(700);
    let step = world.step();
    assert_eq!(step.signals.as_ref().unwrap().targets, [key(200)]);
    assert!(matches!(causes(&step)[0], Cause::Guard(danger) if danger.left < danger.reserve));
}

#[test]
fn growth_outside_agents_kills_no_agent() {
    let mut world = guest().agent(100, Bytes::gib(3));
    world.step();
    let reported = world.until_reported(|w, step| w.elsewhere = Bytes::mib(step * 20));
    assert_eq!(reported, ["danger: Outside"]);
    for _ in 0..100 {
        assert!(super::reported(&world.step()).is_empty(), "reported once");
    }
    world.elsewhere = Bytes::gib(4);
    assert_eq!(super::reported(&world.step()), ["safe"]);
    // And again in the next danger.
    assert_eq!(
        world.until_reported(|w, step| w.elsewhere = Bytes::gib(4) + Bytes::mib(step * 20)),
        ["danger: Outside"]
    );
}

#[test]
fn a_machine_filled_before_the_start_kills_no_agent() {
    let mut world = guest().agent(100, Bytes::gib(3));
    world.elsewhere = Bytes::mib(8800);
    assert_eq!(reported(&world.step()), ["found", "danger: Outside"]);
}

#[test]
fn too_small_agents_are_not_killed() {
    let mut world = guest();
    world.elsewhere = Bytes::mib(8000);
    for pid in [100, 200, 300, 400, 500, 600, 700, 800] {
        world = world.agent(pid, Bytes::mib(60));
    }
    world.step();
    // All of them grow a little: each holds less than the shortfall.
    let reported = world.until_reported(|w, step| {
        for pid in [100, 200, 300, 400, 500, 600, 700, 800] {
            w.grow(pid, Bytes::mib(60 + (step * 2).min(430 / 8 * 8)));
        }
        if step > 215 {
            w.elsewhere = Bytes::mib(8000) + Bytes::mib((step - 215) * 2);
        }
    });
    assert!(reported[0].starts_with("TERM") || reported[0].starts_with("danger"), "{reported:?}");
    let step = world.step();
    if let Some(signals) = step.signals {
        let freed: Bytes = signals.targets.iter().map(|t| world.member(t.pid.get()).charge.total()).sum();
        assert!(freed >= Bytes::mib(160), "{freed}");
    }
    // Each alone holds less than one percent.
    let mut world = guest();
    for pid in 100..180 {
        world = world.agent(pid, Bytes::mib(145));
    }
    world.elsewhere = Bytes::mib(100);
    assert!(last_reported(&world.step()).starts_with("danger: TooSmall"));
}

fn last_reported(step: &Step) -> String {
    reported(step).pop().unwrap_or_default()
}

#[test]
fn sub_agents_are_killed_before_their_parent() {
    let mut world = guest().agent(100, Bytes::mib(300)).child(100, 101, "bash", Bytes::mib(4));
    for pid in 201..=220 {
        world = world.child(100, pid - 100, "bash", Bytes::mib(4)).sub_agent(pid - 100, pid, Bytes::mib(100));
    }
    world.step();
    let mut pids = Vec::new();
    let mut events = Vec::new();
    for step in 1..1000 {
        for pid in 201..=220 {
            world.grow(pid, Bytes::mib(100 + step * 2));
        }
        let step = world.after(Duration::from_secs(1));
        if let Some(signals) = &step.signals {
            pids = signals.targets.iter().map(|t| t.pid.get()).collect();
            events = reported(&step);
            break;
        }
    }
    assert!(!pids.is_empty() && pids.len() < 10, "{pids:?}");
    assert!(pids.iter().all(|pid| (201..=220).contains(pid)), "{pids:?}");
    assert!(events[1].starts_with("act on claude"), "{events:?}");
    let each = world.member(pids[0]).charge.total();
    let freed = Bytes::new(each.get() * pids.len() as u64);
    assert!(world.snapshot.guest.remaining() + freed > Bytes::gib(16).share(5, 100), "{freed}");
}

/// All of them below one shell, which costs as much as they do.
#[test]
fn few_sub_agents_are_killed_before_their_common_parent() {
    let mut world = guest().agent(100, Bytes::mib(300)).child(100, 101, "bash", Bytes::mib(4));
    for pid in 201..=220 {
        world = world.sub_agent(101, pid, Bytes::mib(10));
    }
    world.step();
    let reported = world.until_reported(|w, step| {
        for pid in 201..=220 {
            w.grow(pid, Bytes::mib(10 + step * 2));
        }
    });
    let ended = reported[0].split(' ').count() - 1;
    assert!((1..10).contains(&ended) && !reported[0].contains(" 101"), "{reported:?}");
}

#[test]
fn a_parent_with_small_sub_agents_is_killed_itself() {
    let mut world = guest().agent(100, Bytes::gib(4)).child(100, 101, "bash", Bytes::mib(4)).sub_agent(
        101,
        200,
        Bytes::mib(200),
    );
    world.step();
    let reported = world.until_reported(|w, step| w.grow(100, Bytes::gib(4) + Bytes::mib(step * 20)));
    assert_eq!(reported[0], "TERM 100 101 200", "no agent is left without its parent");
}

#[test]
fn usable_swap_counts_as_remaining() {
    let mut world = guest().agent(100, Bytes::gib(5));
    world.snapshot.guest.swap_total = Bytes::gib(8);
    world.step();
    // Memory is full, half of swap is free, and no task waits for it.
    world.grow(100, Bytes::gib(12));
    world.swapped = Bytes::mib(400);
    for _ in 0..50 {
        world.swapped = (world.swapped + Bytes::mib(80)).min(Bytes::gib(4));
        assert!(world.after(Duration::from_secs(1)).signals.is_none(), "{:?}", world.snapshot.guest);
    }
}

#[test]
fn unusable_swap_does_not_count() {
    let mut world = guest().agent(100, Bytes::gib(5)).agent(200, Bytes::mib(500));
    world.snapshot.guest.swap_total = Bytes::gib(1);
    world.step();
    let reported = world.until_reported(|w, step| {
        w.grow(100, Bytes::gib(5) + Bytes::mib(step * 20));
        let needed = Bytes::gib(4) + Bytes::mib(500) + Bytes::gib(5) + Bytes::mib(step * 20);
        w.swapped = needed.saturating_sub(Bytes::mib(16_200)).min(Bytes::gib(1));
    });
    assert_eq!(reported[0], "TERM 100");
    let guest = world.snapshot.guest;
    assert!(guest.remaining() > Bytes::gib(16).share(2, 100), "in time: {guest:?}");
}

fn thrash(world: &mut World, second: u64, full: f32) -> Step {
    let stall = Stall { avg10: full, ..Stall::default() };
    world.snapshot.pressure = Some(Pressure { some: stall, full: stall });
    world.snapshot.swapped_in = Some(Bytes::mib(second * 50));
    world.after(Duration::from_secs(1))
}

fn half_swapped() -> World {
    let mut world = guest().agent(100, Bytes::gib(5));
    world.snapshot.guest.swap_total = Bytes::gib(16);
    world.step();
    world.grow(100, Bytes::gib(12));
    world.swapped = Bytes::mib(600);
    world.step();
    world
}

#[test]
fn thrashing_is_acted_on_after_ten_seconds() {
    let mut world = half_swapped();
    let acted = (1..30).find(|&second| thrash(&mut world, second, 40.0).signals.is_some());
    assert!(acted.is_some_and(|second| (10..=13).contains(&second)), "{acted:?}");
}

/// A slow disk accepts swapped-out pages and delivers none meanwhile.
#[test]
fn a_standstill_is_acted_on_after_twenty_seconds() {
    let mut world = half_swapped();
    let acted = (1..40).find(|_| thrash(&mut world, 7, 50.0).signals.is_some());
    assert!(acted.is_some_and(|second| (20..=23).contains(&second)), "{acted:?}");
}

/// A busy disk delivers nothing for a second or two; it is still thrashing.
#[test]
fn a_pause_of_the_disk_does_not_end_thrashing() {
    let mut world = half_swapped();
    let acted = (1..30).find(|&second| thrash(&mut world, second / 2 * 2, 30.0).signals.is_some());
    assert!(acted.is_some_and(|second| (10..=15).contains(&second)), "{acted:?}");
}

/// The pressure average is some time old when the memory is back.
#[test]
fn one_action_ends_thrashing() {
    // It holds most of the memory used afterwards: it would be the next.
    let mut world = half_swapped().agent(200, Bytes::gib(5));
    world.swapped = Bytes::mib(5500);
    let signals = (1..30).find_map(|second| thrash(&mut world, second, 40.0).signals).unwrap();
    assert_eq!(signals.targets, [key(100)]);
    world.end(100);
    world.swapped = Bytes::mib(100);
    for _ in 0..30 {
        world.snapshot.swapped_in = world.snapshot.swapped_in.map(|b| b + Bytes::mib(1));
        let step = world.step();
        assert!(step.signals.is_none(), "{:?}", reported(&step));
    }
}

/// Three agents grow from little, each to less than the stable one.
#[test]
fn the_largest_agent_is_spared_if_others_grew() {
    let mut world = guest().agent(900, Bytes::gib(4));
    for pid in [100, 200, 300] {
        world = world.agent(pid, Bytes::mib(300));
    }
    world.step();
    let reported = world.until_reported(|w, step| {
        for pid in [100, 200, 300] {
            w.grow(pid, Bytes::mib(300 + step * 10));
        }
    });
    assert!(["TERM 100", "TERM 200", "TERM 300"].contains(&reported[0].as_str()), "{reported:?}");
}

/// 100 started 200, which started 300; 200 exits on its TERM, 300 ignores it.
#[test]
fn a_tree_stays_one_when_its_middle_agent_exits() {
    let mut world = guest()
        .agent(100, Bytes::gib(1))
        .child(100, 101, "bash", Bytes::mib(4))
        .sub_agent(101, 200, Bytes::gib(1))
        .child(200, 201, "bash", Bytes::mib(4))
        .sub_agent(201, 300, Bytes::gib(1));
    world.step();
    let reported = world.until_reported(|w, step| {
        for pid in [100, 200, 300] {
            w.grow(pid, Bytes::gib(1) + Bytes::mib(step * 10));
        }
    });
    assert!(reported[0].contains("300"), "{reported:?}");
    for pid in [100, 101, 200, 201] {
        world.end(pid);
    }
    assert!(super::reported(&world.step()).iter().all(|t| !t.starts_with("ended")));
    let batches: Vec<_> = (0..15).filter_map(|_| world.after(Duration::from_secs(1)).signals).collect();
    assert!(batches.iter().any(|w| w.signal == Signal::Kill && w.targets == [key(300)]), "{batches:?}");
}

/// Growth outside agents was reported; then an agent takes the rest, as fast as it can.
#[test]
fn a_report_does_not_prevent_a_later_action() {
    let mut world = guest().agent(100, Bytes::gib(3));
    world.step();
    let reported = world.until_reported(|w, step| w.elsewhere = Bytes::mib(step * 20));
    assert_eq!(reported, ["danger: Outside"]);
    let mut guest = world.snapshot.guest;
    let mut at = world.snapshot.at;
    let polls = (1..=10).find(|_| {
        at = at + Duration::from_millis(100);
        guest.mem_available = guest.mem_available.saturating_sub(Bytes::mib(60));
        let poll = world.engine.poll_memory(at, &guest);
        assert!(poll.next_poll <= Duration::from_millis(100), "{poll:?}");
        poll.sample_due
    });
    assert!(polls.is_some_and(|n| n <= 4), "{polls:?}");
}

#[test]
fn an_agent_waiting_for_its_turn_is_acted_on() {
    let mut world = World::new().agent(100, Bytes::mib(240)).child(100, 101, "node", Bytes::gib(13));
    world.step();
    world.after(Duration::from_secs(10));
    for _ in 0..12 {
        world.after(Duration::from_secs(1));
    }
    world.step();
    let mut guest = world.snapshot.guest;
    guest.mem_available = world.snapshot.guest.mem_available;
    let at = world.snapshot.at + Duration::from_secs(1);
    assert!(world.engine.poll_memory(at, &guest).sample_due, "it failed, and is tried again after 30 s");
}

#[test]
fn stalls_or_swapping_alone_are_no_thrashing() {
    let mut world = half_swapped();
    assert!((1..60).all(|second| thrash(&mut world, second, 19.0).signals.is_none()), "no task waits");
    let mut world = half_swapped();
    assert!((1..60).all(|_| thrash(&mut world, 7, 39.0).signals.is_none()), "nothing is read back");
    let mut world = half_swapped();
    let at_times = |second: u64| second / 6 * 6;
    assert!((1..60).all(|s| thrash(&mut world, at_times(s), 39.0).signals.is_none()), "hardly anything");
    let mut world = half_swapped();
    world.elsewhere = Bytes::ZERO;
    world.swapped = Bytes::gib(4);
    assert!((1..60).all(|second| thrash(&mut world, second, 90.0).signals.is_none()), "there is memory");
    let mut world = half_swapped();
    let in_turns = |second: u64| if second.is_multiple_of(7) { 5.0 } else { 60.0 };
    assert!((1..60).all(|s| thrash(&mut world, s, in_turns(s)).signals.is_none()), "never for ten seconds");
}

#[test]
fn a_build_that_peaks_and_falls_back_is_left_alone() {
    let mut world = guest().agent(100, Bytes::mib(500)).child(100, 101, "cargo", Bytes::ZERO);
    world.step();
    // 300 MiB a second up to 7 % of the memory, three times.
    for _ in 0..3 {
        for step in 0..36 {
            world.grow(101, Bytes::mib(step * 295));
            let reported = reported(&world.after(Duration::from_secs(1)));
            assert!(reported.iter().all(|t| t == "warned" || t == "recovered"), "{reported:?} at {step}");
        }
        assert!(world.snapshot.guest.remaining() < Bytes::gib(16).share(10, 100));
        world.grow(101, Bytes::ZERO);
        world.after(Duration::from_secs(1));
    }
}

#[test]
fn steady_growth_leaves_time_for_sigterm() {
    let mut world = guest().agent(100, Bytes::gib(1)).child(100, 101, "node", Bytes::ZERO);
    world.step();
    let step = (1..200).find_map(|second| {
        world.grow(101, Bytes::mib(second * 350));
        Some(world.after(Duration::from_secs(1))).filter(|s| s.signals.is_some())
    });
    let step = step.unwrap();
    assert_eq!(step.signals.unwrap().signal, Signal::Term);
    let decision = step.events.iter().find_map(|e| match &e.kind {
        EventKind::Acted(d) => Some(d.clone()),
        _ => None,
    });
    let grace = decision.unwrap().grace;
    assert!(grace >= Duration::from_secs(1) && grace < Duration::from_secs(10), "{grace:?}");
}

#[test]
fn fast_growth_is_killed_at_once() {
    let mut world = guest().agent(100, Bytes::gib(1)).child(100, 101, "node", Bytes::ZERO);
    world.step();
    world.grow(101, Bytes::gib(5));
    world.step();
    world.grow(101, Bytes::mib(10_600));
    assert_eq!(reported(&world.step())[0], "KILL 101");
}

#[test]
fn an_unkillable_agent_is_not_retried_at_once() {
    let mut world = guest().agent(100, Bytes::gib(5)).agent(200, Bytes::gib(2));
    world.step();
    let reported = world.until_reported(|w, step| w.grow(100, Bytes::gib(5) + Bytes::mib(step * 20)));
    assert_eq!(reported[0], "TERM 100");
    // It is stuck in the kernel; the other one would help as well.
    let mut all = Vec::new();
    for _ in 0..30 {
        all.extend(super::reported(&world.after(Duration::from_secs(1))));
    }
    assert!(all.contains(&"failed: Survivors(1)".to_owned()), "{all:?}");
    assert!(all.contains(&"TERM 200".to_owned()), "{all:?}");
    world.end(200);
    world.elsewhere = Bytes::gib(2);
    let step =
        (0..20).map(|_| super::reported(&world.after(Duration::from_secs(1)))).collect::<Vec<_>>().concat();
    assert!(step.iter().any(|t| t.starts_with("danger")), "{step:?}");
}

#[test]
fn a_full_machine_does_not_wait_for_an_unkillable_process() {
    let mut world = guest().agent(100, Bytes::gib(6)).agent(200, Bytes::mib(5800));
    assert_eq!(last_reported(&world.step()), "act on the agent");
    world.elsewhere = Bytes::mib(200);
    let batches: Vec<_> = (0..40).filter_map(|_| world.step().signals).collect();
    let first = batches.iter().position(|w| w.targets == [key(200)]);
    assert!(first.is_some(), "the other one after some three seconds: {batches:?}");
}

#[test]
fn one_guard_action_at_a_time() {
    let mut world = guest().agent(100, Bytes::gib(5)).agent(200, Bytes::mib(5800));
    world.elsewhere = Bytes::mib(800);
    assert_eq!(world.step().signals.unwrap().targets, [key(200)]);
    world.grow(100, Bytes::mib(5100));
    assert!(world.step().signals.is_none(), "the first has its grace");
    world.end(200);
    assert!(world.step().signals.is_none(), "and its memory is back");
    for _ in 0..50 {
        assert!(world.step().signals.is_none());
    }
}

#[test]
fn a_dry_run_reports_each_danger_once() {
    let mut world = World::acting(ActionSettings {
        dry_run: true,
        grace: Duration::from_secs(10),
        ..ActionSettings::default()
    })
    .agent(100, Bytes::gib(5))
    .agent(200, Bytes::gib(6));
    world.snapshot.guest.mem_total = Bytes::gib(16);
    world.elsewhere = Bytes::mib(700);
    let step = world.step();
    assert!(step.signals.is_none());
    assert_eq!(last_reported(&step), "act on the agent");
    for _ in 0..50 {
        let reported = reported(&world.after(Duration::from_secs(1)));
        assert!(reported.is_empty(), "{reported:?}");
    }
    world.grow(200, Bytes::gib(1));
    world.after(Duration::from_secs(30));
    world.grow(200, Bytes::gib(6));
    world.after(Duration::from_secs(30));
    assert_eq!(last_reported(&world.after(Duration::from_secs(1))), "", "said in the step before");
}

#[test]
fn a_danger_without_agents_is_reported() {
    let mut world = guest();
    world.elsewhere = Bytes::gib(12);
    let step = world.step();
    assert!(matches!(step.events[0].kind, EventKind::GuestInDanger { why: NoActionReason::NoAgents, .. }));
    assert!(step.next_poll >= Duration::from_millis(500), "and it does not hurry: {:?}", step.next_poll);
}

impl World {
    /// As `after`, with swap that was added, removed or estimated anew.
    fn swap(&mut self, total: Bytes, free: Bytes, room: Bytes) -> Step {
        self.snapshot.at = self.snapshot.at + Duration::from_millis(20);
        let guest = &mut self.snapshot.guest;
        (guest.swap_total, guest.swap_free, guest.swap_headroom) = (total, free, room);
        self.engine.step(&self.snapshot)
    }
}

/// A healthy agent just below its threshold, 2.2G of memory available.
#[test]
fn removed_swap_is_no_growth() {
    let mut world = guest().agent(100, Bytes::mib(13_150));
    world.snapshot.guest.mem_total = Bytes::gib(4) + Bytes::mib(13_150 + 2234);
    world.snapshot.guest.swap_total = Bytes::gib(1);
    assert_eq!(reported(&world.step()), ["found", "warned"]);
    world.swap(Bytes::gib(1), Bytes::gib(1), Bytes::gib(1));
    for _ in 0..20 {
        let step = world.swap(Bytes::ZERO, Bytes::ZERO, Bytes::ZERO);
        assert!(step.signals.is_none() && reported(&step).is_empty(), "{:?}", reported(&step));
    }
}
