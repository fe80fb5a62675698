//! What is missing is said once, and supervision goes on without it.

use super::world::{World, count};

#[test]
fn each_lack_is_said_once_and_the_agent_is_found() {
    let version_one = "cgroup/memory/cgroup.procs";
    for (world, cgroups) in [
        (World::new(), "no cgroup v2 (no cgroups at all)"),
        (World::new().file(version_one, "1\n"), "no cgroup v2 (v1 only)"),
        (
            World::new().file(version_one, "1\n").file("cgroup/unified/cgroup.controllers", ""),
            "no cgroup v2 (a hybrid with v1)",
        ),
        (World::new().file("cgroup/cgroup.controllers", "cpu pids\n"), "no memory controller in cgroup v2"),
    ] {
        let daemon = world.daemon();
        let status = daemon.status();
        assert_eq!(status.agents.len(), 1);
        assert_eq!(status.agents[0].charge.get(), 240 << 20);
        let is_root = rustix::process::geteuid().is_root();
        let noted = |what: &str| status.notes.iter().any(|note| note.starts_with(what));
        assert_eq!(noted("no root: "), !is_root, "{:?}", status.notes);
        assert!(!noted("no cgroup v2") && !noted("no pressure"), "{:?}", status.notes);
        let said = daemon.end();
        assert_eq!(count(&said, cgroups), 1, "{said:?}");
        assert_eq!(count(&said, "no pressure figures"), 1, "{said:?}");
        assert_eq!(count(&said, "does not tell us of memory pressure"), 0, "said already: {said:?}");
        assert_eq!(count(&said, "no root: "), usize::from(!is_root), "{said:?}");
        let mut lacks: Vec<_> = said.iter().filter_map(|line| line.split_once("no ")).collect();
        lacks.sort_unstable();
        let all = lacks.len();
        lacks.dedup();
        assert_eq!(lacks.len(), all, "{said:?}");
    }
}

#[test]
fn what_makes_figures_wrong_is_noted_beside_them() {
    let limited = World::new()
        .file("cgroup/cgroup.controllers", "memory\n")
        .file("cgroup/cgroup.subtree_control", "memory\n")
        .file("cgroup/memory.max", "2147483648\n")
        .file("proc/pressure/memory", "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
    let daemon = limited.daemon();
    let notes = daemon.status().notes;
    let wrong = "/proc/meminfo says 32G, but this container may use 2G";
    assert_eq!(notes.iter().filter(|note| note.contains(wrong)).count(), 1, "{notes:?}");
    let said = daemon.end();
    assert_eq!(
        (count(&said, wrong), count(&said, "no cgroup v2"), count(&said, "no pressure")),
        (1, 0, 0),
        "{said:?}"
    );
}

/// What is half made would be taken for a broken record in a minute, and set aside in place of a real one.
#[test]
fn a_disk_that_is_full_from_the_start_leaves_no_half_a_record() {
    for kib in [0, 4] {
        let world = World::new();
        let mut daemon = world.cramped(kib);
        daemon.says("stays in memory");
        assert_eq!(std::fs::read_dir(world.path("state")).unwrap().count(), 0, "{kib}");
        daemon.end();
    }
}
