use std::fs;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Instant;

use super::*;

/// A tree of cgroups as files: the kernel has no events there, so nothing becomes ready.
fn tree() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("cgroup.controllers"), "memory\n").unwrap();
    for scope in ["a.scope", "b.scope"] {
        fs::create_dir(root.path().join(scope)).unwrap();
        fs::write(root.path().join(scope).join("memory.events"), "high 0\nmax 0\n").unwrap();
    }
    root
}

fn paths(names: &[&str]) -> Vec<PathBuf> {
    names.iter().map(PathBuf::from).collect()
}

fn watcher(root: &Path) -> Watcher {
    let shared = AlarmThreadState {
        eventfd: EventFd::new().unwrap(),
        pending: Mutex::default(),
        cgroup_gone: AtomicBool::new(false),
        stopping: AtomicBool::new(false),
    };
    Watcher { shared: Arc::new(shared), trigger: None, cgroups: Cgroups::open(root), watched: Vec::new() }
}

fn watched(watcher: &Watcher) -> Vec<&str> {
    watcher.watched.iter().map(|events| events.path().to_str().unwrap()).collect()
}

#[test]
fn a_cgroup_that_stays_watched_keeps_its_counts() {
    let root = tree();
    let mut watcher = watcher(root.path());
    watcher.replace_watched(paths(&["/a.scope", "/gone.scope", "/../a.scope"]));
    assert_eq!(watched(&watcher), ["/a.scope"]);
    fs::write(root.path().join("a.scope/memory.events"), "high 0\nmax 1\n").unwrap();
    watcher.replace_watched(paths(&["/b.scope", "/a.scope"]));
    assert_eq!(watched(&watcher), ["/b.scope", "/a.scope"]);
    let flags = PollFlags::PRI | PollFlags::ERR;
    assert!(!watcher.has_events(&[PollFlags::empty(), PollFlags::empty()]), "not ready");
    assert!(!watcher.has_events(&[flags, PollFlags::empty()]), "no event there");
    assert!(watcher.has_events(&[flags, flags]), "it happened before the set was replaced");
    assert_eq!(watched(&watcher).len(), 2, "an error flag alone ends nothing");
    watcher.replace_watched(Vec::new());
    assert!(watched(&watcher).is_empty());
}

#[test]
fn a_removed_cgroup_is_dropped_and_requested_again() {
    let root = tree();
    let mut watcher = watcher(root.path());
    watcher.replace_watched(paths(&["/a.scope", "/b.scope"]));
    // It can be opened and not be read.
    watcher.watched.insert(1, EventWatch::unreadable("/c.scope"));
    assert!(!watcher.has_events(&[PollFlags::empty(), PollFlags::PRI | PollFlags::ERR, PollFlags::empty()]));
    assert_eq!(watched(&watcher), ["/a.scope", "/b.scope"]);
    assert!(watcher.shared.cgroup_gone.load(Ordering::Relaxed));
}

#[test]
fn a_failing_trigger_is_closed() {
    let mut watcher = watcher(Path::new("/nowhere"));
    assert!(!watcher.has_pressure(PollFlags::PRI), "there is none");
    watcher.trigger = Trigger::arm(Path::new("/proc")).ok();
    assert!(!watcher.has_pressure(PollFlags::PRI), "the first event is ignored");
    assert!(!watcher.has_pressure(PollFlags::PRI | PollFlags::ERR));
    assert!(watcher.trigger.is_none());
}

#[test]
fn a_wake_ends_the_wait_and_is_cleared() {
    let watcher = watcher(Path::new("/nowhere"));
    watcher.shared.eventfd.wake();
    watcher.shared.eventfd.wake();
    let ready = watcher.wait().unwrap();
    assert!(ready.pressure.is_empty() && ready.cgroups.is_empty());
    let silent = rustix::io::read(&watcher.shared.eventfd, &mut [0; 8]);
    assert_eq!(silent, Err(rustix::io::Errno::AGAIN));
}

#[test]
fn the_same_set_is_not_passed_on_again() {
    let root = tree();
    let alarms = Alarms::start(root.path(), Some(root.path()), |_| {}).unwrap();
    assert!(alarms.pressure_error().is_some(), "a copied tree has no pressure events");
    let taken = || {
        let begun = Instant::now();
        while lock(&alarms.shared.pending).is_some() {
            assert!(begun.elapsed() < Duration::from_secs(20), "the thread did not take it");
            thread::sleep(Duration::from_millis(1));
        }
    };
    alarms.watch(paths(&["/a.scope"]));
    taken();
    // Less than the pause of the thread: had it been passed on, it would still be pending.
    alarms.watch(paths(&["/a.scope"]));
    assert!(lock(&alarms.shared.pending).is_none());
    alarms.shared.cgroup_gone.store(true, Ordering::Relaxed);
    alarms.watch(paths(&["/a.scope"]));
    assert!(!alarms.shared.cgroup_gone.load(Ordering::Relaxed));
    taken();
}

/// Without events there is no alarm, and the thread stops with its owner: its sender is dropped.
#[test]
fn a_quiet_guest_has_no_alarms() {
    let root = tree();
    let (sender, woken) = channel();
    let alarms = Alarms::start(Path::new("/proc"), Some(root.path()), move |alarm| {
        let _ = sender.send(alarm);
    });
    let alarms = alarms.unwrap();
    alarms.watch(paths(&["/a.scope", "/b.scope"]));
    fs::write(root.path().join("a.scope/memory.events"), "high 0\nmax 1\n").unwrap();
    let alarm = woken.recv_timeout(Duration::from_millis(300));
    // This machine may be short of memory; a tree of files is never ready.
    assert!(matches!(alarm, Err(RecvTimeoutError::Timeout) | Ok(Alarm::Pressure)), "{alarm:?}");
    drop(alarms);
    let begun = Instant::now();
    while woken.recv_timeout(Duration::from_millis(10)) != Err(RecvTimeoutError::Disconnected) {
        assert!(begun.elapsed() < Duration::from_secs(20), "the thread goes on");
    }
}

/// Each round takes its pause, however often the thread is woken.
#[test]
fn the_thread_does_not_spin() {
    let root = tree();
    let alarms = Alarms::start(root.path(), Some(root.path()), |_| {}).unwrap();
    let (begun, mut taken) = (Instant::now(), 0);
    let sets = [paths(&["/a.scope"]), paths(&["/b.scope"])];
    for set in sets.iter().cycle() {
        taken += u32::from(lock(&alarms.shared.pending).is_none());
        alarms.watch(set.clone());
        if begun.elapsed() > Duration::from_millis(500) {
            break;
        }
    }
    assert!((1..=12).contains(&taken), "{taken} rounds in half a second");
}
