//! In folders that look like a cgroup tree; the kernel's own is the guests'.

use std::fs;

use super::*;
use crate::model::ProcessKey;

/// A tree whose root has `root` in it, and a `/proc` that knows these processes, all of user 1000.
struct World {
    proc: tempfile::TempDir,
    tree: tempfile::TempDir,
}

const ME: Uid = Uid::new(1000);

impl World {
    fn new(pids: &[i32]) -> Self {
        let (proc, tree) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(
            proc.path().join("meminfo"),
            "MemTotal: 8388608 kB\nMemAvailable: 1000 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n",
        )
        .unwrap();
        let world = Self { proc, tree };
        world.write("cgroup.controllers", "cpu memory\n");
        world.write("cgroup.subtree_control", "\n");
        world.write("cgroup.type", "domain\n");
        let thresholds: Vec<String> = pids.iter().map(ToString::to_string).collect();
        world.write("cgroup.procs", &thresholds.join("\n"));
        for pid in pids {
            world.process(*pid, 1000);
        }
        world
    }

    fn process(&self, pid: i32, uid: u32) {
        let folder = self.proc.path().join(pid.to_string());
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("status"), format!("Tgid:\t{pid}\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\n"))
            .unwrap();
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.tree.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.tree.path().join(file)).unwrap_or_default()
    }

    fn cgroups(&self) -> Cgroups {
        Cgroups::open(self.tree.path()).unwrap()
    }

    /// For process 7, which is in the cgroup `own`.
    fn find<'a>(&'a self, cgroups: &'a Cgroups, own: &str) -> Result<ManualBackend<'a>, ManualError> {
        fs::write(self.proc.path().join("7/cgroup"), format!("0::{own}\n")).unwrap();
        ManualBackend::find(cgroups, self.proc.path(), ME, Pid::new(7).unwrap())
    }
}

fn target(pid: i32) -> LimitTarget {
    let key = ProcessKey { pid: Pid::new(pid).unwrap(), start_ticks: 5 };
    LimitTarget { key, pidfd: None, uid: ME, privileged: false, name: "x".to_owned() }
}

const SHAPE: MemoryLimits = MemoryLimits { max: Bytes::mib(100), swap: Bytes::ZERO };

#[test]
fn a_limit_is_made_below_the_root_of_a_container() {
    let world = World::new(&[7, 8]);
    world.write("memory.max", "1073741824\n");
    let cgroups = world.cgroups();
    let direct = world.find(&cgroups, "/").unwrap();
    assert_eq!(world.read("others/cgroup.procs"), "8", "each is written, and this is the last");
    assert_eq!(world.read("cgroup.subtree_control"), "+memory");
    assert_eq!(direct.cap().unwrap(), limit::cap(Bytes::gib(1)), "of what the container has");
    let scope = direct.start(&"claude".parse().unwrap(), &target(7), SHAPE).unwrap();
    assert_eq!(scope, "agent-claude-7.scope");
    let file = |name: &str| world.read(&format!("agents.slice/{scope}/{name}"));
    assert_eq!((file("memory.max"), file("cgroup.procs")), ("104857600".to_owned(), "7".to_owned()));
    assert_eq!(world.read("agents.slice/cgroup.subtree_control"), "+memory");

    // That of another process with the same pid is still there.
    let again = direct.start(&"claude".parse().unwrap(), &target(7), SHAPE).unwrap();
    assert_eq!(again, "agent-claude-7.5.scope");
    let inside = world.find(&cgroups, "/agents.slice/agent-claude-7.scope").unwrap();
    assert_eq!(inside.slice, Path::new("/agents.slice"));
    inside
        .tighten(
            Path::new("/agents.slice/agent-claude-7.scope"),
            MemoryLimits { max: Bytes::mib(50), ..SHAPE },
        )
        .unwrap();
    assert_eq!(file("memory.max"), "52428800");
}

#[test]
fn nobody_elses_processes_are_moved() {
    let world = World::new(&[7, 8]);
    world.process(8, 1001);
    let cgroups = world.cgroups();
    let error = world.find(&cgroups, "/").unwrap_err().to_string();
    assert!(error.contains("/ holds processes that are not ours") && error.contains("user 1001"), "{error}");
    world.write("cgroup.procs", "7\n0\n");
    let error = world.find(&cgroups, "/").unwrap_err().to_string();
    assert!(error.contains("another pid namespace"), "{error}");
    assert!(!world.tree.path().join("others").exists());
}

#[test]
fn what_has_ended_is_swept_and_what_has_just_begun_is_not() {
    let world = World::new(&[7]);
    world.write("cgroup.subtree_control", "memory\n");
    // Empty folders go as empty cgroups do.
    for scope in ["agent-x-7.scope", "agent-x-9.scope", "other"] {
        fs::create_dir_all(world.tree.path().join("agents.slice").join(scope)).unwrap();
    }
    let cgroups = world.cgroups();
    world.find(&cgroups, "/").unwrap().sweep();
    let mut left: Vec<String> =
        cgroups.children(Path::new("/agents.slice")).into_iter().map(|(name, _)| name).collect();
    left.sort_unstable();
    assert_eq!(left, ["agent-x-7.scope", "other"]);
}

#[test]
fn what_is_missing_is_said() {
    let world = World::new(&[7]);
    let cgroups = world.cgroups();
    let said = |own: &str| world.find(&cgroups, own).unwrap_err().to_string();
    assert!(said("/../elsewhere").contains("no cgroup that is seen from here"));
    world.write("other/cgroup.procs", "8\n");
    assert!(said("/other").contains("no cgroup that is seen from here"), "another's view of the tree");
    world.write("cgroup.controllers", "cpu\n");
    assert!(said("/").contains("/ has no memory controller"));
}
