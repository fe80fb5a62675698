//! Each missing platform feature is logged once, and supervision continues without it.

use super::world::{World, count};

#[test]
fn each_missing_feature_is_logged_once_and_agents_are_found() {
    let version_one = "cgroup/memory/cgroup.procs";
    for (world, cgroups) in [
        (World::new(), "cgroup v2 not available (no cgroups at all)"),
        (World::new().file(version_one, "1\n"), "cgroup v2 not available (v1 only)"),
        (
            World::new().file(version_one, "1\n").file("cgroup/unified/cgroup.controllers", ""),
            "cgroup v2 not available (hybrid with v1)",
        ),
        (
            World::new().file("cgroup/cgroup.controllers", "cpu pids\n"),
            "cgroup v2 memory controller not available",
        ),
    ] {
        let daemon = world.daemon();
        let status = daemon.status();
        assert_eq!(status.agents.len(), 1);
        assert_eq!(status.agents[0].charge.get(), 240 << 20);
        let is_root = rustix::process::geteuid().is_root();
        let noted = |text: &str| status.notes.iter().any(|note| note.starts_with(text));
        assert_eq!(noted("not running as root: "), !is_root, "{:?}", status.notes);
        assert!(!noted("cgroup v2 not available") && !noted("no pressure"), "{:?}", status.notes);
        let said = daemon.end();
        assert_eq!(count(&said, cgroups), 1, "{said:?}");
        assert_eq!(count(&said, "no pressure figures"), 1, "{said:?}");
        assert_eq!(count(&said, "memory pressure is polled instead"), 0, "logged already: {said:?}");
        assert_eq!(count(&said, "not running as root: "), usize::from(!is_root), "{said:?}");
        assert!(count(&said, "will not be restarted") <= 1, "{said:?}");
    }
}

#[test]
fn a_feature_that_makes_figures_wrong_is_shown_in_status() {
    let limited = World::new()
        .file("cgroup/cgroup.controllers", "memory\n")
        .file("cgroup/cgroup.subtree_control", "memory\n")
        .file("cgroup/memory.max", "2147483648\n")
        .file("proc/pressure/memory", "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
    let daemon = limited.daemon();
    let notes = daemon.status().notes;
    let wrong = "memory limit of this container (2G) is below the 32G of /proc/meminfo";
    assert_eq!(notes.iter().filter(|note| note.contains(wrong)).count(), 1, "{notes:?}");
    let said = daemon.end();
    assert_eq!(
        (count(&said, wrong), count(&said, "cgroup v2 not available"), count(&said, "no pressure")),
        (1, 0, 0),
        "{said:?}"
    );
}

/// An incomplete file would be taken for a corrupt store a minute later, and set aside in place of a real one.
#[test]
fn a_disk_full_from_the_start_leaves_no_incomplete_history() {
    for kib in [0, 4] {
        let world = World::new();
        let mut daemon = world.cramped(kib);
        daemon.says("keeping it in memory");
        assert_eq!(std::fs::read_dir(world.path("state")).unwrap().count(), 0, "{kib}");
        daemon.end();
    }
}
