//! Tests in folders with the files of a cgroup tree; guest cases test a real one.

use std::fs;

use super::*;
use crate::model::ProcessKey;

/// A cgroup tree and a `/proc`, with processes of user 1000 in the root cgroup.
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
        let lines: Vec<String> = pids.iter().map(ToString::to_string).collect();
        world.write("cgroup.procs", &lines.join("\n"));
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

    /// The backend for process 7, which is in the cgroup `own`.
    fn find<'a>(&'a self, cgroups: &'a Cgroups, own: &str) -> Result<ManualBackend<'a>, ManualError> {
        fs::write(self.proc.path().join("7/cgroup"), format!("0::{own}\n")).unwrap();
        ManualBackend::find(cgroups, self.proc.path(), ME, Pid::new(7).unwrap())
    }
}

fn target(pid: i32) -> LimitTarget {
    let key = ProcessKey { pid: Pid::new(pid).unwrap(), start_ticks: 5 };
    LimitTarget { key, pidfd: None, uid: ME, privileged: false, name: "x".to_owned() }
}

const LIMITS: MemoryLimits = MemoryLimits { max: Bytes::mib(100), swap_max: Bytes::ZERO };

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

#[test]
fn a_limit_is_created_below_the_root_of_a_container() {
    let world = World::new(&[7, 8]);
    world.write("memory.max", "1073741824\n");
    let cgroups = world.cgroups();
    let backend = world.find(&cgroups, "/").unwrap();
    assert_eq!(world.read("others/cgroup.procs"), "8", "each pid is written, this one last");
    assert_eq!(world.read("cgroup.subtree_control"), "+memory");
    assert_eq!(
        block_on(backend.slice_cap()).unwrap(),
        limit::slice_cap(Bytes::gib(1)),
        "a share of the container's memory"
    );
    let name = "claude".parse().unwrap();
    let start = || block_on(backend.start(&name, &target(7), LIMITS, InheritedLimits::default())).unwrap();
    let scope = start();
    assert_eq!(scope, "agent-claude-7.scope");
    let file = |name: &str| world.read(&format!("agents.slice/{scope}/{name}"));
    assert_eq!((file("memory.max"), file("cgroup.procs")), ("104857600".to_owned(), "7".to_owned()));
    assert_eq!(world.read("agents.slice/cgroup.subtree_control"), "+memory");

    // The cgroup of an earlier process with the same pid still exists.
    assert_eq!(start(), "agent-claude-7.5.scope");
    let inside = world.find(&cgroups, "/agents.slice/agent-claude-7.scope").unwrap();
    assert_eq!(inside.slice, Path::new("/agents.slice"));
    let limits = MemoryLimits { max: Bytes::mib(50), ..LIMITS };
    block_on(inside.set_limits(Path::new("/agents.slice/agent-claude-7.scope"), limits)).unwrap();
    assert_eq!(file("memory.max"), "52428800");
}

#[test]
fn processes_of_other_users_are_not_migrated() {
    let world = World::new(&[7, 8]);
    world.process(8, 1001);
    let cgroups = world.cgroups();
    let error = world.find(&cgroups, "/").unwrap_err().to_string();
    assert!(
        error.contains("/ has processes that cannot be migrated") && error.contains("user 1001"),
        "{error}"
    );
    world.write("cgroup.procs", "7\n0\n");
    let error = world.find(&cgroups, "/").unwrap_err().to_string();
    assert!(error.contains("another pid namespace"), "{error}");
    assert!(!world.tree.path().join("others").exists());
}

#[test]
fn only_scopes_of_exited_commands_are_removed() {
    let world = World::new(&[7]);
    world.write("cgroup.subtree_control", "memory\n");
    // Empty folders go as empty cgroups do.
    for scope in ["agent-x-7.scope", "agent-x-9.scope", "other"] {
        fs::create_dir_all(world.tree.path().join("agents.slice").join(scope)).unwrap();
    }
    let cgroups = world.cgroups();
    world.find(&cgroups, "/").unwrap().remove_empty_scopes();
    let mut left: Vec<String> =
        cgroups.children(Path::new("/agents.slice")).into_iter().map(|(name, _)| name).collect();
    left.sort_unstable();
    assert_eq!(left, ["agent-x-7.scope", "other"]);
}

#[test]
fn errors_name_the_missing_precondition() {
    let world = World::new(&[7]);
    let cgroups = world.cgroups();
    let error = |own: &str| world.find(&cgroups, own).unwrap_err().to_string();
    assert!(error("/../elsewhere").contains("cgroup of the process is not visible"));
    world.write("other/cgroup.procs", "8\n");
    assert!(
        error("/other").contains("cgroup of the process is not visible"),
        "the tree of another namespace"
    );
    world.write("cgroup.controllers", "cpu\n");
    assert!(error("/").contains("/ has no memory controller"));
}
