//! The cost of one tick, piece by piece.
//!
//! The pure pieces run on a simulated machine with 300 processes and 5 agents; `scan` reads this machine's own `/proc`.

#![allow(clippy::unwrap_used, reason = "a bench that cannot start should say so")]

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use claude_watchdog::attribution::membership::{MembershipTracker, ObservedProcess, Tree};
use claude_watchdog::attribution::shared_memory::{MemberMemory, Sharing};
use claude_watchdog::linux::procfs::Proc;
use claude_watchdog::model::{
    ActionSettings, AgentSample, Boottime, Bytes, Charge, GuardSettings, Member, Pid, ProcessKey, Recognised,
    Role, Snapshot, SystemMemory, Thresholds, Uid,
};
use claude_watchdog::policy::Engine;
use claude_watchdog::rules::{ProcessFacts, Rules};
use divan::Bencher;

fn main() {
    divan::main();
}

/// 300 processes; every 60th is an agent, and the others are chains of 10 below the one before.
fn processes() -> Vec<ObservedProcess> {
    let claude = Recognised { rule: "claude".to_owned(), role: Role::Agent, resume: None };
    let claude = Arc::new(claude);
    let process = |pid: i32| ObservedProcess {
        key: ProcessKey { pid: Pid::new(pid).unwrap(), start_ticks: u64::try_from(pid).unwrap() },
        parent: Pid::new(if pid % 10 == 0 { pid / 60 * 60 } else { pid - 1 }),
        session: None,
        uid: Uid::new(1000),
        rule: (pid % 60 == 0).then(|| Arc::clone(&claude)),
        origin: None,
        environment_read: true,
        scope: None,
    };
    (1..=300).map(process).collect()
}

fn sample(tree: Tree) -> AgentSample {
    let member = |m: claude_watchdog::attribution::membership::TreeMember| Member {
        lineage: m.lineage,
        is_ancestor_of_agent: m.is_ancestor_of_agent,
        joined: m.joined,
        ..Member::new(m.key, Uid::new(1000), "node", Charge::anonymous(Bytes::mib(100)))
    };
    let members: Vec<Member> = tree.members.into_iter().map(member).collect();
    AgentSample {
        parent: tree.parent,
        started_by: tree.started_by,
        spawner: tree.spawner,
        root_alive: tree.root_alive,
        ..AgentSample::new(tree.agent, members)
    }
}

fn snapshot() -> Snapshot {
    let agents = MembershipTracker::default().update(&processes()).into_iter().map(sample).collect();
    let guest =
        SystemMemory { mem_total: Bytes::gib(64), mem_available: Bytes::gib(32), ..SystemMemory::default() };
    Snapshot { at: Boottime::new(Duration::from_secs(1)), guest, agents, ..Snapshot::default() }
}

#[divan::bench]
fn membership_of_300_processes(bencher: Bencher) {
    let (processes, mut membership) = (processes(), MembershipTracker::default());
    bencher.bench_local(|| membership.update(&processes));
}

#[divan::bench]
fn step_with_nothing_to_do(bencher: Bencher) {
    let thresholds = Thresholds { warn: Bytes::gib(8), kill: Bytes::gib(13) };
    let mut engine = Engine::new(
        thresholds,
        ActionSettings { dry_run: false, grace: Duration::from_secs(10), ..ActionSettings::default() },
        GuardSettings::default(),
    );
    let snapshot = snapshot();
    bencher.bench_local(|| engine.step(&snapshot));
}

#[divan::bench]
fn step_that_decides(bencher: Bencher) {
    let thresholds = Thresholds { warn: Bytes::mib(500), kill: Bytes::gib(1) };
    let snapshot = snapshot();
    bencher
        .with_inputs(|| {
            Engine::new(
                thresholds,
                ActionSettings {
                    dry_run: false,
                    grace: Duration::from_secs(10),
                    ..ActionSettings::default()
                },
                GuardSettings::default(),
            )
        })
        .bench_local_values(|mut engine| engine.step(&snapshot));
}

/// The guest runs out of memory and no agent is over a threshold: five agent trees are ranked.
#[divan::bench]
fn step_of_the_guard(bencher: Bencher) {
    let mut snapshot = snapshot();
    (snapshot.guest.mem_total, snapshot.guest.mem_available) = (Bytes::gib(32), Bytes::gib(1));
    let thresholds = Thresholds { warn: Bytes::gib(500), kill: Bytes::gib(600) };
    bencher
        .with_inputs(|| {
            Engine::new(
                thresholds,
                ActionSettings {
                    dry_run: false,
                    grace: Duration::from_secs(10),
                    ..ActionSettings::default()
                },
                GuardSettings::default(),
            )
        })
        .bench_local_values(|mut engine| {
            let step = engine.step(&snapshot);
            assert!(step.signals.is_some(), "it kills");
            step
        });
}

#[divan::bench]
fn memory_poll(bencher: Bencher) {
    let thresholds = Thresholds { warn: Bytes::gib(8), kill: Bytes::gib(13) };
    let mut engine = Engine::new(
        thresholds,
        ActionSettings { dry_run: false, grace: Duration::from_secs(10), ..ActionSettings::default() },
        GuardSettings::default(),
    );
    let snapshot = snapshot();
    engine.step(&snapshot);
    let mut at = snapshot.at;
    bencher.bench_local(|| {
        at = at + Duration::from_millis(20);
        engine.poll_memory(at, &snapshot.guest)
    });
}

/// Twenty members, five of them forks of one process.
#[divan::bench]
fn charge_of_an_agent(bencher: Bencher) {
    let guest = snapshot().guest;
    let figures: Vec<MemberMemory> = (1..=20)
        .map(|pid| MemberMemory {
            key: ProcessKey { pid: Pid::new(pid).unwrap(), start_ticks: 1 },
            exec_id: u64::try_from(pid.min(16)).unwrap(),
            charge: Charge { anon: Bytes::mib(100), ..Charge::default() },
        })
        .collect();
    let mut sharing = Sharing::default();
    let mut at = Boottime::new(Duration::from_secs(1));
    bencher.bench_local(|| {
        at = at + Duration::from_millis(100);
        sharing.estimate(at, &guest, &figures)
    });
}

/// Every process of this machine.
#[divan::bench]
fn scan(bencher: Bencher) {
    let proc = Proc::open(Path::new("/proc")).unwrap();
    let mut pids = Vec::new();
    bencher.bench_local(|| {
        proc.pids(&mut pids).unwrap();
        pids.iter().filter(|pid| proc.stat(**pid).is_ok_and(|stat| stat.is_some())).count()
    });
}

#[divan::bench]
fn recognise_an_unknown_process(bencher: Bencher) {
    let rules = Rules::built_in();
    let argv = ["node", "--inspect", "/srv/app/server.js"].map(OsString::from);
    let exe = Some(Path::new("/usr/bin/node"));
    bencher
        .bench_local(|| rules.recognise(divan::black_box(&ProcessFacts { exe, argv: &argv, cwd: &|| None })));
}

#[divan::bench]
fn read_stat_of_one_process(bencher: Bencher) {
    let proc = Proc::open(Path::new("/proc")).unwrap();
    let own = Pid::new(i32::try_from(std::process::id()).unwrap()).unwrap();
    bencher.bench_local(|| proc.stat(own).unwrap());
}

#[divan::bench]
fn read_status_of_one_process(bencher: Bencher) {
    let proc = Proc::open(Path::new("/proc")).unwrap();
    let own = Pid::new(i32::try_from(std::process::id()).unwrap()).unwrap();
    bencher.bench_local(|| proc.status(own).unwrap());
}
