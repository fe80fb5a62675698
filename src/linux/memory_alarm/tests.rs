use std::fs;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Instant;

use super::*;

/// A tree of cgroups as files: the kernel wakes nobody there, so nothing is told and nothing is ready.
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

fn watch(root: &Path) -> Watch {
    let shared = Shared {
        bell: EventFd::new().unwrap(),
        waiting: Mutex::default(),
        lost: AtomicBool::new(false),
        over: AtomicBool::new(false),
    };
    Watch { shared: Arc::new(shared), trigger: None, cgroups: Cgroups::open(root), watched: Vec::new() }
}

fn watched(watch: &Watch) -> Vec<&str> {
    watch.watched.iter().map(|events| events.path().to_str().unwrap()).collect()
}

#[test]
fn the_set_is_replaced_and_what_stays_keeps_its_counts() {
    let root = tree();
    let mut watch = watch(root.path());
    watch.change(paths(&["/a.scope", "/gone.scope", "/../a.scope"]));
    assert_eq!(watched(&watch), ["/a.scope"]);
    fs::write(root.path().join("a.scope/memory.events"), "high 0\nmax 1\n").unwrap();
    watch.change(paths(&["/b.scope", "/a.scope"]));
    assert_eq!(watched(&watch), ["/b.scope", "/a.scope"]);
    let flags = PollFlags::PRI | PollFlags::ERR;
    assert!(!watch.has_events(&[PollFlags::empty(), PollFlags::empty()]), "nobody was told");
    assert!(!watch.has_events(&[flags, PollFlags::empty()]), "nothing happened there");
    assert!(watch.has_events(&[flags, flags]), "it happened before the set was replaced");
    assert_eq!(watched(&watch).len(), 2, "an error flag alone ends nothing");
    watch.change(Vec::new());
    assert!(watched(&watch).is_empty());
}

#[test]
fn a_cgroup_that_is_gone_is_dropped_and_asked_for_again() {
    let root = tree();
    let mut watch = watch(root.path());
    watch.change(paths(&["/a.scope", "/b.scope"]));
    // What can be opened and not be read.
    watch.watched.insert(1, Events::unreadable("/c.scope"));
    assert!(!watch.has_events(&[PollFlags::empty(), PollFlags::PRI | PollFlags::ERR, PollFlags::empty()]));
    assert_eq!(watched(&watch), ["/a.scope", "/b.scope"]);
    assert!(watch.shared.lost.load(Ordering::Relaxed));
}

#[test]
fn a_trigger_that_fails_is_let_go() {
    let mut watch = watch(Path::new("/nowhere"));
    assert!(!watch.has_pressure(PollFlags::PRI), "there is none");
    watch.trigger = Trigger::arm(Path::new("/proc")).ok();
    assert!(!watch.has_pressure(PollFlags::PRI), "the first event says nothing");
    assert!(!watch.has_pressure(PollFlags::PRI | PollFlags::ERR));
    assert!(watch.trigger.is_none());
}

#[test]
fn the_bell_ends_the_wait_and_is_silent_after_it() {
    let watch = watch(Path::new("/nowhere"));
    watch.shared.bell.ring();
    watch.shared.bell.ring();
    let ready = watch.wait().unwrap();
    assert!(ready.pressure.is_empty() && ready.cgroups.is_empty());
    let silent = rustix::io::read(&watch.shared.bell, &mut [0; 8]);
    assert_eq!(silent, Err(rustix::io::Errno::AGAIN));
}

#[test]
fn the_same_set_again_is_not_handed_over() {
    let root = tree();
    let alarms = Alarms::start(root.path(), Some(root.path()), |_| {}).unwrap();
    assert!(alarms.unarmed().is_some(), "a copied tree has no pressure to be told of");
    let taken = || {
        let begun = Instant::now();
        while lock(&alarms.shared.waiting).is_some() {
            assert!(begun.elapsed() < Duration::from_secs(20), "nobody took it");
            thread::sleep(Duration::from_millis(1));
        }
    };
    alarms.watch(paths(&["/a.scope"]));
    taken();
    // Less than the pause of the thread: were it handed over, it would lie there still.
    alarms.watch(paths(&["/a.scope"]));
    assert!(lock(&alarms.shared.waiting).is_none());
    alarms.shared.lost.store(true, Ordering::Relaxed);
    alarms.watch(paths(&["/a.scope"]));
    assert!(!alarms.shared.lost.load(Ordering::Relaxed));
    taken();
}

/// Nothing is told where nothing happens, and the thread ends with its owner: its sender is dropped.
#[test]
fn a_quiet_guest_wakes_nobody() {
    let root = tree();
    let (sender, woken) = channel();
    let alarms = Alarms::start(Path::new("/proc"), Some(root.path()), move |alarm| {
        let _ = sender.send(alarm);
    });
    let alarms = alarms.unwrap();
    alarms.watch(paths(&["/a.scope", "/b.scope"]));
    fs::write(root.path().join("a.scope/memory.events"), "high 0\nmax 1\n").unwrap();
    let told = woken.recv_timeout(Duration::from_millis(300));
    // This machine may be short of memory; a tree of files is never ready.
    assert!(matches!(told, Err(RecvTimeoutError::Timeout) | Ok(Alarm::Pressure)), "{told:?}");
    drop(alarms);
    let begun = Instant::now();
    while woken.recv_timeout(Duration::from_millis(10)) != Err(RecvTimeoutError::Disconnected) {
        assert!(begun.elapsed() < Duration::from_secs(20), "the thread goes on");
    }
}

/// However often it is rung, a round takes its pause.
#[test]
fn the_thread_does_not_spin() {
    let root = tree();
    let alarms = Alarms::start(root.path(), Some(root.path()), |_| {}).unwrap();
    let (begun, mut taken) = (Instant::now(), 0);
    let sets = [paths(&["/a.scope"]), paths(&["/b.scope"])];
    for set in sets.iter().cycle() {
        taken += u32::from(lock(&alarms.shared.waiting).is_none());
        alarms.watch(set.clone());
        if begun.elapsed() > Duration::from_millis(500) {
            break;
        }
    }
    assert!((1..=12).contains(&taken), "{taken} rounds in half a second");
}
