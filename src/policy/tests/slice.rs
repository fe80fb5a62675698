//! All limited agents together have a cap of their own.

use std::path::{Path, PathBuf};

use super::*;
use crate::model::CgroupMemory;
use crate::model::event::Cause;
use crate::model::snapshot::Slice;

const SLICE: &str = "/agents.slice";

/// Two under 8G each, of 10G for both, and somebody who is under no limit.
struct Shared {
    world: World,
    /// What the kernel holds for those in the slice, beside what they hold themselves.
    kernel: Bytes,
    cap: Bytes,
}

impl Shared {
    fn new(calm: Bytes, other: Bytes) -> Self {
        let mut world = World::new()
            .agent(100, calm)
            .agent(200, other)
            .child(200, 201, "node", Bytes::ZERO)
            .agent(300, Bytes::mib(5500));
        for sample in &mut world.snapshot.agents[..2] {
            let path = PathBuf::from(format!("{SLICE}/agent-claude-{}.scope", sample.agent.root.pid));
            sample.cgroup = Some(CgroupMemory {
                path,
                alone: false,
                charge: Charge::default(),
                current: Bytes::ZERO,
                cache: Bytes::ZERO,
                max: Some(Bytes::gib(8)),
                high: None,
                high_events: 0,
                killed: 0,
            });
        }
        Self { world, kernel: Bytes::mib(20), cap: Bytes::gib(10) }
    }

    /// What is charged to the slice.
    fn used(&self) -> Bytes {
        let agents = self.world.snapshot.agents.iter().filter(|a| a.cgroup.is_some());
        self.kernel + agents.flat_map(|a| &a.members).map(|m| m.charge.total()).sum()
    }

    fn pass(&mut self, time: Duration) {
        let slice = Slice { path: Path::new(SLICE).to_owned(), max: self.cap, used: self.used() };
        self.world.snapshot.slice = Some(slice);
        self.world.pass(time);
    }

    fn step(&mut self) -> Step {
        self.pass(Duration::from_secs(1));
        self.world.engine.step(&self.world.snapshot)
    }
}

#[test]
fn before_the_kernel_chooses_whoever_grew_is_ended() {
    let mut shared = Shared::new(Bytes::gib(5), Bytes::mib(300));
    shared.step();
    let (at, step) = (1..200)
        .map(|second| {
            let held = Bytes::mib(second * 50);
            shared.world.grow(201, held);
            (shared.used(), shared.step())
        })
        .find(|(_, step)| step.signals.is_some())
        .unwrap();
    assert_eq!(told(&step), ["TERM 201", "act on node 201"], "not the larger one, nor who is larger outside");
    assert!(at < shared.cap && at > shared.cap.share(85, 100), "{at}");
    let decided = step.events.iter().find_map(|e| match &e.kind {
        EventKind::Acted(decision) => Some(decision),
        _ => None,
    });
    assert!(matches!(decided.unwrap().cause, Cause::Slice { cap, .. } if cap == shared.cap));
    shared.world.end(201);
    assert!(told(&shared.step())[0].starts_with("ended"));
    for _ in 0..30 {
        assert!(told(&shared.step()).is_empty(), "one action");
    }
}

#[test]
fn those_who_fit_are_left_alone() {
    let mut shared = Shared::new(Bytes::gib(5), Bytes::mib(4400));
    for _ in 0..60 {
        assert!(shared.step().signals.is_none());
    }
    // Outside of the slice others may take what they like.
    shared.world.elsewhere = Bytes::gib(20);
    for _ in 0..60 {
        assert!(shared.step().signals.is_none());
    }
}

#[test]
fn nobody_is_ended_where_that_helps_nobody() {
    let mut shared = Shared::new(Bytes::mib(50), Bytes::mib(50));
    shared.step();
    // Others than agents, or what the kernel keeps.
    shared.kernel = Bytes::mib(9900);
    for _ in 0..60 {
        let step = shared.step();
        assert!(step.signals.is_none(), "{:?}", told(&step));
    }
    assert!(shared.step().next_poll >= Duration::from_millis(100), "nor is it looked at all the time");
}

#[test]
fn a_dry_run_says_it_once() {
    let mut shared = Shared::new(Bytes::gib(5), Bytes::mib(300));
    shared.world.engine.reconfigure(
        Thresholds { warn: Bytes::gib(8), kill: Bytes::gib(13) },
        ActionSettings { dry_run: true, grace: Duration::from_secs(10), ..ActionSettings::default() },
        GuardSettings::default(),
    );
    shared.step();
    shared.world.grow(201, Bytes::mib(4600));
    let dry_run_reported: Vec<_> =
        (0..20).flat_map(|_| told(&shared.step())).filter(|t| t.starts_with("act")).collect();
    assert_eq!(dry_run_reported, ["act on node 201"]);
}

/// As the daemon looks: a glance at the guest, and at everybody where that asks for it.
#[test]
fn the_signal_is_out_before_the_cap_is_reached_at_each_rate() {
    // Far from their own lines, too, where many others are in the slice.
    for (rate, kernel) in [10, 100, 500, 1000, 2000, 4000].map(|rate| [(rate, 20), (rate, 4500)]).concat() {
        for offset in [0, 7, 13, 19] {
            let mut shared = Shared::new(Bytes::gib(3), Bytes::mib(300));
            shared.kernel = Bytes::mib(kernel);
            let mut next = shared.step().next_poll;
            let mut time = Duration::from_millis(offset);
            let acted = loop {
                time += next;
                let grown = u64::try_from(time.as_millis()).unwrap() * (rate << 20) / 1000;
                shared.world.grow(201, Bytes::new(grown));
                shared.pass(next);
                let snapshot = &shared.world.snapshot;
                let glance = shared.world.engine.poll_memory(snapshot.at, &snapshot.guest);
                if !glance.sample_due {
                    next = glance.next_poll;
                    continue;
                }
                let step = shared.world.engine.step(snapshot);
                if step.signals.is_some() {
                    break shared.used();
                }
                next = step.next_poll;
                assert!(shared.used() < shared.cap, "{rate} MiB a second, {offset} ms: too late");
            };
            assert!(acted < shared.cap, "{rate} MiB a second, {offset} ms: at {acted}");
        }
    }
}
