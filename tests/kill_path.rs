//! Between a decision and its signals nothing is allocated: under pressure an allocation may wait for the very memory
//! that the signals are to free. The memory poll before each decision does not allocate either.

#![allow(clippy::unwrap_used, reason = "in a test it is the message")]
#![allow(unsafe_code, reason = "a counting allocator cannot be written without")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use claude_watchdog::daemon::CgroupThrottles;
use claude_watchdog::daemon::Executor;
use claude_watchdog::linux::process::pidfd::{Sent, Signaller};
use claude_watchdog::linux::procfs::Proc;
use claude_watchdog::linux::procfs::meminfo::Meminfo;
use claude_watchdog::linux::procfs::swaps::SwapRoom;
use claude_watchdog::linux::procfs::vmstat::Vmstat;
use claude_watchdog::model::event::EventKind;
use claude_watchdog::model::{
    ActionSettings, AgentRef, AgentSample, Boottime, Bytes, Charge, GuardSettings, Member, MembershipReason,
    Pid, ProcessKey, Snapshot, SystemMemory, Thresholds, Uid,
};
use claude_watchdog::policy::{Engine, SignalBatch};
use rustix::process::Signal;

/// The system's allocator, with a count of this thread's allocations.
struct Counting;

thread_local! {
    static ALLOCATED: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is passed unchanged to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that is exiting has no count any more.
        let _ = ALLOCATED.try_with(|count| count.set(count.get() + 1));
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn allocations<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = ALLOCATED.get();
    let result = work();
    (result, ALLOCATED.get() - before)
}

/// Child processes of the test that act as an agent: the first is its root.
struct Agent {
    children: Vec<Child>,
    keys: Vec<ProcessKey>,
    engine: Engine,
    snapshot: Snapshot,
    executor: Executor,
}

impl Agent {
    /// An agent with processes that run `programs`, far over its kill threshold, and a new engine.
    fn start(programs: &[&[&str]]) -> Self {
        let children: Vec<Child> =
            programs.iter().map(|words| Command::new(words[0]).args(&words[1..]).spawn().unwrap()).collect();
        let keys: Vec<ProcessKey> = children.iter().map(key_of).collect();
        let root = keys[0];
        let user = Uid::new(1000);
        // All use the same: no subtree covers the shortfall, so the whole agent is chosen.
        let each = Charge::anonymous(Bytes::gib(14).share(1, keys.len() as u64));
        let member = |&key: &ProcessKey| Member {
            lineage: if key == root { Vec::new() } else { vec![root] },
            joined: if key == root { MembershipReason::Root } else { MembershipReason::Child },
            ..Member::new(key, user, "sleep", each)
        };
        let sample = AgentSample {
            charge: Charge::anonymous(Bytes::gib(14)),
            ..AgentSample::new(AgentRef::new("claude", root, user), keys.iter().map(member).collect())
        };
        let guest = SystemMemory {
            mem_total: Bytes::gib(64),
            mem_available: Bytes::gib(40),
            process_totals: Charge { anon: Bytes::gib(64), ..Charge::default() },
            ..SystemMemory::default()
        };
        let thresholds = Thresholds { warn: Bytes::gib(1), kill: Bytes::gib(13) };
        Self {
            children,
            keys,
            engine: Engine::new(
                thresholds,
                ActionSettings { dry_run: false, grace: Duration::from_secs(5), ..ActionSettings::default() },
                GuardSettings::default(),
            ),
            snapshot: Snapshot { at: at(100), guest, agents: vec![sample], ..Snapshot::default() },
            executor: Executor::open(Path::new("/nowhere")).unwrap(),
        }
    }

    /// Sends the signals that the engine decides on at that second; returns the result and the number of allocations.
    fn step(&mut self, second: u64, change: impl FnOnce(&mut SignalBatch)) -> (EventKind, usize) {
        self.snapshot.at = at(second);
        let mut step = self.engine.step(&self.snapshot);
        // `change` alters the decision of the policy, before the count begins.
        step.signals.as_mut().map(change);
        allocations(|| self.executor.send(step.signals.as_ref().unwrap()))
    }

    /// The signal that killed each process.
    fn killed_by(&mut self) -> Vec<Option<i32>> {
        self.children.iter_mut().map(|child| child.wait().unwrap().signal()).collect()
    }
}

impl Drop for Agent {
    /// Kills the processes that a failed test left behind.
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn at(second: u64) -> Boottime {
    Boottime::new(Duration::from_secs(second))
}

fn key_of(child: &Child) -> ProcessKey {
    let pid = Pid::new(i32::try_from(child.id()).unwrap()).unwrap();
    Proc::open(Path::new("/proc")).unwrap().stat(pid).unwrap().unwrap().key
}

/// The signals that it ignores, as bits.
fn ignored(key: ProcessKey) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", key.pid)).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    u64::from_str_radix(line.trim(), 16).unwrap()
}

/// The number of signals that were delivered, came too late, were refused.
fn counts(kind: &EventKind) -> (usize, usize, usize) {
    match *kind {
        EventKind::Signalled { delivered, gone, refused, .. } => (delivered, gone, refused),
        ref other => panic!("{other:?}"),
    }
}

const SLEEP: &[&str] = &["sleep", "60"];
const TERM: Option<i32> = Some(15);
const KILL: Option<i32> = Some(9);

#[test]
fn a_signal_is_sent_without_an_allocation() {
    let (_, counted) = allocations(|| Box::new(1));
    assert_eq!(counted, 1, "the allocator counts");

    let signaller = Signaller::open().unwrap();
    let mut children: Vec<_> = (0..3).map(|_| Command::new("sleep").arg("60").spawn().unwrap()).collect();
    let keys: Vec<ProcessKey> = children.iter().map(key_of).collect();
    let reused = ProcessKey { start_ticks: keys[0].start_ticks.wrapping_sub(1), ..keys[0] };
    let absent = ProcessKey { pid: Pid::new(i32::MAX).unwrap(), start_ticks: 1 };

    let (sent, counted) = allocations(|| {
        let [a, b, c] = [keys[0], keys[1], keys[2]].map(|key| signaller.send(key, Signal::KILL));
        [a, b, c, signaller.send(reused, Signal::KILL), signaller.send(absent, Signal::KILL)]
    });
    assert_eq!(sent, [Sent::Delivered, Sent::Delivered, Sent::Delivered, Sent::Gone, Sent::Gone]);
    assert_eq!(counted, 0);
    for child in &mut children {
        assert!(!child.wait().unwrap().success());
    }
}

#[test]
fn a_poll_of_guest_memory_allocates_nothing() {
    let (meminfo, vmstat) = (Meminfo::new(Path::new("/proc")), Vmstat::new(Path::new("/proc")));
    let (guest, counted) = allocations(|| (meminfo.read().unwrap(), vmstat.swapped_in()).0);
    assert!(guest.mem_total > Bytes::ZERO);
    assert_eq!(counted, 0);

    let tree = tempfile::tempdir().unwrap();
    fs::create_dir_all(tree.path().join("block/zram0")).unwrap();
    fs::write(tree.path().join("block/zram0/mm_stat"), "90000000 1 30000000 0 0 0 0 0 0\n").unwrap();
    fs::write(
        tree.path().join("swaps"),
        "Filename Type Size Used Priority\n/dev/zram0 partition 4000 1000 100\n",
    )
    .unwrap();
    let mut room = SwapRoom::new(tree.path(), tree.path());
    let mut guest = SystemMemory { swap_total: Bytes::kib(4000), swap_free: Bytes::kib(3000), ..guest };
    room.measure(at(100), &mut guest);
    assert_eq!(guest.swap_headroom, Bytes::kib(2000));
    guest.swap_free = Bytes::kib(1500);
    let ((), counted) = allocations(|| room.measure(at(105), &mut guest));
    assert_eq!((guest.swap_headroom, counted), (Bytes::kib(1000), 0), "while the list is current");
}

#[test]
fn a_batch_of_term_is_sent_without_an_allocation() {
    let mut agent = Agent::start(&[SLEEP, SLEEP, SLEEP]);
    let (kind, counted) = agent.step(100, |_| {});
    assert_eq!((counts(&kind), counted), ((3, 0, 0), 0));
    assert!(matches!(kind, EventKind::Signalled { signal: claude_watchdog::model::Signal::Term, .. }));
    assert_eq!(agent.killed_by(), [TERM; 3]);
}

/// Processes that ignore TERM are sent KILL after the grace; the requests to reclaim their memory do not allocate either.
#[test]
fn a_batch_of_kill_is_sent_without_an_allocation() {
    let ignores_term: &[&str] = &["sh", "-c", "trap '' TERM; while :; do sleep 0.05; done"];
    let mut agent = Agent::start(&[ignores_term, ignores_term]);
    // Until both have set their trap: bit 14 is TERM.
    while !agent.keys.iter().all(|key| ignored(*key) & 1 << 14 != 0) {
        std::thread::sleep(Duration::from_millis(5));
    }
    let (kind, counted) = agent.step(100, |_| {});
    assert_eq!((counts(&kind), counted), ((2, 0, 0), 0));
    let (kind, counted) = agent.step(106, |_| {});
    assert_eq!((counts(&kind), counted), ((2, 0, 0), 0));
    assert!(matches!(kind, EventKind::Signalled { signal: claude_watchdog::model::Signal::Kill, .. }));
    assert_eq!(agent.killed_by(), [KILL; 2]);
    // The thread that reclaims memory has processed both.
    let processed = (0..400).any(|_| {
        std::thread::sleep(Duration::from_millis(5));
        let released = agent.executor.released();
        released.processes + released.not_needed + released.given_up == 2
    });
    assert!(processed, "{:?}", agent.executor.released());
}

#[test]
fn a_stopped_process_receives_its_term() {
    let mut agent = Agent::start(&[SLEEP, SLEEP, SLEEP]);
    let stopped = agent.keys[1];
    assert_eq!(Signaller::open().unwrap().send(stopped, Signal::STOP), Sent::Delivered);
    let proc = Proc::open(Path::new("/proc")).unwrap();
    while !proc.stat(stopped.pid).unwrap().unwrap().is_stopped() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let (kind, counted) = agent.step(100, |_| {});
    assert_eq!((counts(&kind), counted), ((3, 0, 0), 0));
    assert_eq!(agent.killed_by(), [TERM; 3]);
}

/// The kill sequence sends TERM one tick after a STOP. The state of a process does not show a pending STOP.
#[test]
fn a_paused_process_receives_term_and_a_resumed_one_continues() {
    let mut agent = Agent::start(&[SLEEP, SLEEP]);
    let paused = agent.keys[1];
    assert_eq!(Signaller::open().unwrap().send(paused, Signal::STOP), Sent::Delivered);
    let mut other = Command::new("sleep").arg("60").spawn().unwrap();
    let resumed = key_of(&other);
    assert_eq!(Signaller::open().unwrap().send(resumed, Signal::STOP), Sent::Delivered);
    let (kind, counted) = agent.step(100, |batch| batch.resumed = vec![resumed]);
    assert_eq!((counts(&kind), counted), ((2, 0, 0), 0));
    assert_eq!(agent.killed_by(), [TERM; 2]);
    let proc = Proc::open(Path::new("/proc")).unwrap();
    let continues = (0..400).any(|_| {
        std::thread::sleep(Duration::from_millis(5));
        proc.stat(resumed.pid).unwrap().is_some_and(|stat| !stat.is_stopped())
    });
    assert!(continues, "it is running, and not stopped");
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn a_stale_key_hits_no_process_and_allocates_nothing() {
    let mut agent = Agent::start(&[SLEEP, SLEEP]);
    let (kind, counted) = agent.step(100, |batch| {
        let stale = batch.targets.iter().map(|key| ProcessKey { start_ticks: key.start_ticks - 1, ..*key });
        let absent = ProcessKey { pid: Pid::new(i32::MAX).unwrap(), start_ticks: 1 };
        batch.targets = stale.chain([absent]).collect();
    });
    assert_eq!((counts(&kind), counted), ((0, 3, 0), 0));
    // No process was signalled: the next batch reaches all of them.
    assert!(agent.children.iter_mut().all(|child| child.try_wait().unwrap().is_none()));
    let (kind, counted) = agent.step(106, |_| {});
    assert_eq!((counts(&kind), counted), ((2, 0, 0), 0));
    assert_eq!(agent.killed_by(), [KILL; 2]);
}

/// The target reads its `memory.high` at once, while the rest of the long batch is still being sent.
#[test]
fn the_throttle_is_removed_before_the_signals_without_allocating() {
    let tree = tempfile::tempdir().unwrap();
    fs::write(tree.path().join("cgroup.controllers"), "memory\n").unwrap();
    let high = |name: &str| tree.path().join("agents.slice").join(name).join("memory.high");
    let scopes = ["agent-a-7.scope", "agent-b-8.scope"];
    let path = |name: &str| Path::new("/agents.slice").join(name);
    for name in scopes {
        fs::create_dir_all(high(name).parent().unwrap()).unwrap();
        fs::write(high(name), "max").unwrap();
    }
    let memory_high = |name: &str| fs::read_to_string(high(name)).unwrap();
    let mut throttles = CgroupThrottles::start(tree.path()).unwrap().unwrap();
    for name in scopes {
        assert!(throttles.set(&path(name), Bytes::new(4_096_000)));
        while !memory_high(name).starts_with("4096000") {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    let seen = tree.path().join("seen");
    let script = format!(
        "trap 'read x <{}; echo $x >{}; exit' TERM; while :; do :; done",
        high(scopes[0]).display(),
        seen.display()
    );
    let mut agent = Agent::start(&[&["sh", "-c", &script]]);
    let traps = |pid: Pid| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap().trim().to_owned();
        // Bit 14 is TERM.
        u64::from_str_radix(&line, 16).unwrap() & 1 << 14 != 0
    };
    while !traps(agent.keys[0].pid) {
        std::thread::sleep(Duration::from_millis(5));
    }
    agent.executor = Executor::open(tree.path()).unwrap().with_throttles(Some(throttles));
    let absent = ProcessKey { pid: Pid::new(i32::MAX).unwrap(), start_ticks: 1 };
    let (kind, counted) = agent.step(100, |batch| {
        batch.scope = Some(path(scopes[0]));
        batch.targets.extend(vec![absent; 300_000]);
    });
    assert_eq!((counts(&kind), counted), ((1, 300_000, 0), 0));
    assert_eq!(agent.killed_by(), [None]);
    assert!(fs::read_to_string(seen).unwrap().starts_with("max"));
    assert!(memory_high(scopes[1]).starts_with("4096000"), "another agent stays throttled");
    let (_, counted) = agent.step(106, |batch| batch.scope = None);
    assert_eq!(counted, 0);
    assert!(memory_high(scopes[1]).starts_with("max"), "without a known scope all throttles are removed");
}

#[test]
fn a_cgroup_kill_allocates_nothing_whether_it_succeeds_or_not() {
    let tree = tempfile::tempdir().unwrap();
    let scope = tree.path().join("agents.slice/a.scope");
    fs::create_dir_all(scope.join("below")).unwrap();
    fs::write(scope.join("cgroup.procs"), "12\n13\n").unwrap();
    fs::write(scope.join("cgroup.kill"), "").unwrap();
    fs::write(scope.join("below/cgroup.events"), "populated 0\nfrozen 0\n").unwrap();
    let long = format!("/{}", "x/".repeat(600));
    let paths = ["/gone.scope", "/../etc", "", &long, "/agents.slice/a.scope"];
    for path in paths {
        let child = Command::new("sleep").arg("60").spawn().unwrap();
        let executor = Executor::open(tree.path()).unwrap();
        let batch = SignalBatch {
            action: 1,
            signal: claude_watchdog::model::Signal::Kill,
            resumed: Vec::new(),
            targets: vec![key_of(&child)],
            cgroup: Some(PathBuf::from(path)),
            scope: None,
        };
        let (kind, counted) = allocations(|| executor.send(&batch));
        assert_eq!((counts(&kind), counted), ((1, 0, 0), 0), "{path:.40}");
        let written = fs::read_to_string(scope.join("cgroup.kill")).unwrap();
        assert_eq!(written, if path == "/agents.slice/a.scope" { "1" } else { "" }, "{path:.40}");
        assert_eq!({ child }.wait().unwrap().signal(), KILL, "by its pid as well");
    }
}
