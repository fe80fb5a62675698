//! All limited agents together have a limit of their own.

use std::path::{Path, PathBuf};

use super::*;
use crate::model::CgroupMemory;
use crate::model::event::Cause;
use crate::model::snapshot::Slice;

const SLICE: &str = "/agents.slice";

/// Two agents with limits of 8G in a slice of 10G, and one without limit.
struct SharedSlice {
    world: World,
    /// Kernel memory charged to the slice, beside the agents' own.
    kernel: Bytes,
    cap: Bytes,
}

impl SharedSlice {
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

    /// The charge of the slice.
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
fn the_growing_agent_is_killed_before_the_kernel_acts() {
    let mut shared = SharedSlice::new(Bytes::gib(5), Bytes::mib(300));
    shared.step();
    let (at, step) = (1..200)
        .map(|second| {
            let held = Bytes::mib(second * 50);
            shared.world.grow(201, held);
            (shared.used(), shared.step())
        })
        .find(|(_, step)| step.signals.is_some())
        .unwrap();
    assert_eq!(
        reported(&step),
        ["TERM 201", "act on node 201"],
        "not the larger one, nor one outside the slice"
    );
    assert!(at < shared.cap && at > shared.cap.share(85, 100), "{at}");
    let decided = step.events.iter().find_map(|e| match &e.kind {
        EventKind::Acted(decision) => Some(decision),
        _ => None,
    });
    assert!(matches!(decided.unwrap().cause, Cause::Slice { cap, .. } if cap == shared.cap));
    shared.world.end(201);
    assert!(reported(&shared.step())[0].starts_with("ended"));
    for _ in 0..30 {
        assert!(reported(&shared.step()).is_empty(), "one action");
    }
}

#[test]
fn agents_within_the_slice_limit_are_left_alone() {
    let mut shared = SharedSlice::new(Bytes::gib(5), Bytes::mib(4400));
    for _ in 0..60 {
        assert!(shared.step().signals.is_none());
    }
    // Processes outside the slice may take any amount.
    shared.world.elsewhere = Bytes::gib(20);
    for _ in 0..60 {
        assert!(shared.step().signals.is_none());
    }
}

#[test]
fn no_agent_is_killed_without_effect_on_the_slice() {
    let mut shared = SharedSlice::new(Bytes::mib(50), Bytes::mib(50));
    shared.step();
    // Memory of other processes, or of the kernel.
    shared.kernel = Bytes::mib(9900);
    for _ in 0..60 {
        let step = shared.step();
        assert!(step.signals.is_none(), "{:?}", reported(&step));
    }
    assert!(shared.step().next_poll >= Duration::from_millis(100), "nor is it polled all the time");
}

#[test]
fn a_dry_run_reports_the_slice_once() {
    let mut shared = SharedSlice::new(Bytes::gib(5), Bytes::mib(300));
    shared.world.engine.reconfigure(
        Thresholds { warn: Bytes::gib(8), kill: Bytes::gib(13) },
        ActionSettings { dry_run: true, grace: Duration::from_secs(10), ..ActionSettings::default() },
        GuardSettings::default(),
    );
    shared.step();
    shared.world.grow(201, Bytes::mib(4600));
    let dry_run_reported: Vec<_> =
        (0..20).flat_map(|_| reported(&shared.step())).filter(|t| t.starts_with("act")).collect();
    assert_eq!(dry_run_reported, ["act on node 201"]);
}

/// As the daemon does it: polls of the machine's memory, and samples when they are due.
#[test]
fn signals_precede_the_slice_limit_at_each_rate() {
    // Also far from their own thresholds, when many other processes are in the slice.
    for (rate, kernel) in [10, 100, 500, 1000, 2000, 4000].map(|rate| [(rate, 20), (rate, 4500)]).concat() {
        for offset in [0, 7, 13, 19] {
            let mut shared = SharedSlice::new(Bytes::gib(3), Bytes::mib(300));
            shared.kernel = Bytes::mib(kernel);
            let mut next = shared.step().next_poll;
            let mut time = Duration::from_millis(offset);
            let acted = loop {
                time += next;
                let grown = u64::try_from(time.as_millis()).unwrap() * (rate << 20) / 1000;
                shared.world.grow(201, Bytes::new(grown));
                shared.pass(next);
                let snapshot = &shared.world.snapshot;
                let poll = shared.world.engine.poll_memory(snapshot.at, &snapshot.guest);
                if !poll.sample_due {
                    next = poll.next_poll;
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
