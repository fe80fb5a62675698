use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use tempfile::TempDir;

use super::process_entry::MAX_COMMAND_LEN;
use super::*;
use crate::model::{AgentSample, Bytes, Pid};

const CLAUDE: &str = "/usr/lib/node_modules/@anthropic-ai/claude-code/bin/claude.exe";

fn sampler(proc: &Path, cgroup: &Path, only: Option<Uid>) -> Sampler {
    Sampler::new(proc, cgroup, Arc::new(Rules::built_in()), only).unwrap()
}

mod guest;
mod reload;

/// A `/proc` of files.
struct World {
    dir: TempDir,
}

impl World {
    fn new() -> Self {
        let world = Self { dir: TempDir::new().unwrap() };
        let meminfo = "MemTotal: 16384000 kB\nMemFree: 8000000 kB\nMemAvailable: 12000000 kB\nAnonPages: 2000000 kB\nShmem: 300000 kB\nMapped: 900000 kB\n\
                       SwapTotal: 100 kB\nSwapFree: 60 kB\n";
        fs::write(world.dir.path().join("meminfo"), meminfo).unwrap();
        world.process(1, 0, "systemd", "/usr/lib/systemd/systemd", &["/sbin/init"], 4)
    }

    fn process(self, pid: i32, parent: i32, comm: &str, exe: &str, argv: &[&str], anon_mib: u64) -> Self {
        self.named(pid, parent, comm.as_bytes(), exe, argv, anon_mib)
    }

    fn named(self, pid: i32, parent: i32, comm: &[u8], exe: &str, argv: &[&str], anon_mib: u64) -> Self {
        let dir = self.dir.path().join(pid.to_string());
        fs::create_dir(&dir).unwrap();
        let mut stat = format!("{pid} (").into_bytes();
        stat.extend(comm);
        stat.extend(
            format!(") S {parent} 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 {pid} 4096 0 0 1 1 {pid}\n")
                .into_bytes(),
        );
        fs::write(dir.join("stat"), stat).unwrap();
        let mut status = b"Name:\t".to_vec();
        status.extend(comm.iter().filter(|b| **b != b'\n'));
        status.extend(
            format!(
                "\nUid:\t1000\t1000\t1000\t1000\nRssAnon:\t{} kB\nRssFile:\t900000 kB\n",
                anon_mib * 1024
            )
            .bytes(),
        );
        status.extend(b"RssShmem:\t0 kB\nVmSwap:\t0 kB\n");
        fs::write(dir.join("status"), status).unwrap();
        fs::write(
            dir.join("cmdline"),
            argv.iter().flat_map(|a| [a.as_bytes(), b"\0"].concat()).collect::<Vec<u8>>(),
        )
        .unwrap();
        symlink(exe, dir.join("exe")).unwrap();
        self
    }

    fn sampler(&self) -> Sampler {
        sampler(self.dir.path(), Path::new("/nowhere"), None)
    }

    fn file(&self, pid: i32, name: &str) -> PathBuf {
        self.dir.path().join(pid.to_string()).join(name)
    }
}

/// `claude-100 300M: claude.exe bash node` for each agent.
fn observed(sampler: &mut Sampler) -> Vec<String> {
    let describe = |a: &AgentSample| {
        let names: Vec<&str> = a.members.iter().map(|m| m.name.as_str()).collect();
        format!("{} {}: {}", a.agent.id, a.charge.total(), names.join(" "))
    };
    sampler.sample_now().unwrap().agents.iter().map(describe).collect()
}

#[test]
fn an_agent_is_seen_with_its_tree_and_its_charge() {
    let world = World::new()
        .process(50, 1, "bash", "/usr/bin/bash", &["-bash"], 5)
        .process(100, 50, "claude", CLAUDE, &["claude"], 200)
        .process(101, 100, "bash", "/usr/bin/bash", &["bash", "-c", "source .claude/shell-snapshots/x"], 4)
        .process(102, 101, "node", "/usr/bin/node", &["node", "leak.js"], 96)
        .process(60, 1, "node", "/usr/bin/node", &["node", "/home/u/claude-x/server.js"], 900);
    assert_eq!(observed(&mut world.sampler()), ["claude-100 300M: claude.exe bash node"]);
}

#[test]
fn hostile_names_are_names() {
    let world = World::new()
        .named(100, 1, b"foo) Z 1", CLAUDE, &["x"], 10)
        .named(101, 100, b"new\nline", "/usr/bin/x", &["y"], 10)
        .named(102, 101, b"\xff\xfe(", "/usr/bin/z", &["z"], 10);
    assert_eq!(observed(&mut world.sampler()), ["claude-100 30M: claude.exe x z"]);
}

#[test]
fn a_process_that_vanishes_during_a_scan_is_no_error() {
    let world = World::new().process(100, 1, "claude", CLAUDE, &["claude"], 200);
    let world = world.process(101, 100, "a", "/bin/a", &["a"], 1).process(102, 100, "b", "/bin/b", &["b"], 1);
    for name in ["stat", "status", "exe"] {
        let path = world.file(101, name);
        let aside = path.with_extension("aside");
        fs::rename(&path, &aside).unwrap();
        assert_eq!(observed(&mut world.sampler()), ["claude-100 201M: claude.exe b"], "without {name}");
        fs::rename(&aside, &path).unwrap();
    }
    fs::remove_file(world.file(101, "cmdline")).unwrap();
    assert_eq!(
        observed(&mut world.sampler()),
        ["claude-100 202M: claude.exe a b"],
        "arguments are not needed"
    );
    fs::write(world.file(101, "stat"), "garbage").unwrap();
    assert_eq!(observed(&mut world.sampler()), ["claude-100 201M: claude.exe b"]);
}

#[test]
fn an_exec_is_noticed_by_name_or_by_code() {
    let world = World::new().process(100, 1, "bash", "/usr/bin/bash", &["bash"], 5);
    let mut sampler = world.sampler();
    assert!(observed(&mut sampler).is_empty());
    let become_claude = |stat: &str| {
        fs::remove_file(world.file(100, "exe")).unwrap();
        symlink(CLAUDE, world.file(100, "exe")).unwrap();
        fs::write(world.file(100, "stat"), stat).unwrap();
    };
    become_claude("100 (bash) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 100 0 0 0 1 1 77777\n");
    assert_eq!(observed(&mut sampler), ["claude-100 5M: claude.exe"]);
}

/// Between its fork and its exec a child cannot be distinguished from its parent.
#[test]
fn a_forked_copy_is_a_member_until_it_execs() {
    let stat = |stack: u64| {
        format!("101 (claude) S 100 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 101 0 0 0 1 1 {stack}\n")
    };
    let world = World::new().process(100, 1, "claude", CLAUDE, &["claude"], 200).process(
        101,
        100,
        "claude",
        CLAUDE,
        &["claude"],
        1,
    );
    fs::write(world.file(101, "stat"), stat(100)).unwrap();
    let mut sampler = world.sampler();
    assert_eq!(observed(&mut sampler), ["claude-100 201M: claude.exe claude.exe"]);
    fs::write(world.file(101, "stat"), stat(101)).unwrap();
    assert_eq!(
        observed(&mut sampler),
        ["claude-100 200M: claude.exe", "claude-101 1M: claude.exe"],
        "it has exec'd"
    );
}

#[test]
fn a_script_agents_child_is_matched_by_its_own_script() {
    let world = World::new().process(100, 1, "claude", "/usr/bin/node", &["claude"], 200).process(
        101,
        100,
        "claude",
        "/usr/bin/node",
        &["claude"],
        1,
    );
    let stat =
        |stack: u64| format!("101 (node) S 100 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 101 0 0 0 1 1 {stack}\n");
    let mut sampler = world.sampler();
    assert_eq!(observed(&mut sampler).len(), 2);
    fs::write(world.file(101, "cmdline"), "node\0mcp-server.js\0").unwrap();
    fs::write(world.file(101, "stat"), stat(102)).unwrap();
    assert_eq!(observed(&mut sampler), ["claude-100 201M: node node"]);
}

#[test]
fn a_new_title_changes_nothing() {
    let world = World::new().process(
        100,
        1,
        "node",
        "/usr/bin/node",
        &["node", "/x/@anthropic-ai/claude-code/cli.js"],
        5,
    );
    let mut sampler = world.sampler();
    assert_eq!(observed(&mut sampler), ["claude-100 5M: node"]);
    fs::write(world.file(100, "cmdline"), "my project: thinking").unwrap();
    fs::write(
        world.file(100, "stat"),
        "100 (my project) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 100 0 0 0 1 1 100\n",
    )
    .unwrap();
    assert_eq!(observed(&mut sampler), ["claude-100 5M: node"]);
}

#[test]
fn zombies_and_kernel_threads_are_left_out() {
    let world = World::new()
        .process(100, 1, "claude", CLAUDE, &["claude"], 5)
        .process(101, 100, "dead", "/bin/dead", &["dead"], 0)
        .process(102, 100, "kworker/0:1", "/none", &[], 0);
    fs::write(world.file(101, "stat"), "101 (dead) Z 100 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 101 0 0 0 1\n")
        .unwrap();
    fs::write(
        world.file(102, "stat"),
        "102 (kworker/0:1) S 100 1 1 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 102 0 0 0 1\n",
    )
    .unwrap();
    assert_eq!(observed(&mut world.sampler()), ["claude-100 5M: claude.exe"]);
}

#[test]
fn shared_memory_is_bounded_by_the_guests_total() {
    let world = World::new().process(100, 1, "claude", CLAUDE, &["claude"], 5).process(
        101,
        100,
        "a",
        "/bin/a",
        &["a"],
        5,
    );
    for pid in [100, 101] {
        let status = "Name:\tx\nUid:\t1000\t1000\nRssAnon:\t0 kB\nRssShmem:\t300000 kB\nVmSwap:\t24 kB\n";
        fs::write(world.file(pid, "status"), status).unwrap();
    }
    let sample = world.sampler().sample_now().unwrap();
    let charge = sample.agents[0].charge;
    assert_eq!((charge.shmem, charge.swap), (Bytes::kib(300_000), Bytes::kib(40)));
}

/// Until one side writes, a fork costs nothing; the guest knows, the processes do not.
#[test]
fn a_fork_is_bounded_by_the_guests_total() {
    let world = World::new()
        .process(100, 1, "claude", CLAUDE, &["claude"], 200)
        .process(101, 100, "node", "/usr/bin/node", &["node", "x"], 1700)
        .process(102, 101, "node", "/usr/bin/node", &["node", "x"], 1700);
    let charge = world.sampler().sample_now().unwrap().agents[0].charge;
    assert_eq!(charge.anon, Bytes::kib(2_000_000));
}

#[test]
fn a_user_supervises_only_their_own_agents() {
    let world = World::new().process(100, 1, "claude", CLAUDE, &["claude"], 5);
    let of = |uid| sampler(world.dir.path(), Path::new("/nowhere"), Some(Uid::new(uid)));
    assert_eq!(observed(&mut of(1000)).len(), 1);
    assert!(observed(&mut of(1001)).is_empty());
}

#[test]
fn long_command_lines_are_cut_at_a_character() {
    let long = "ä".repeat(400);
    let world = World::new().process(100, 1, "claude", CLAUDE, &["claude", &long], 5);
    let mut sampler = world.sampler();
    let key = sampler.sample_now().unwrap().agents[0].agent.root;
    assert_eq!(sampler.command(key).len(), MAX_COMMAND_LEN - 1);
    assert!(sampler.cwd(key).is_none(), "the fixture has none");
    assert_eq!(std::ffi::OsStr::new(sampler.command(key)).as_bytes()[..8], *b"claude \xc3");
}

/// The main thread has called `pthread_exit`: the kernel shows a zombie without memory, and the threads have it all.
#[test]
fn a_thread_that_outlives_its_main_thread_is_measured() {
    let world = World::new().process(100, 1, "claude", CLAUDE, &["claude"], 5).process(
        101,
        100,
        "node",
        "/usr/bin/node",
        &["node", "x"],
        300,
    );
    let mut sampler = world.sampler();
    assert_eq!(observed(&mut sampler), ["claude-100 305M: claude.exe node"]);
    let become_headless = || {
        let thread = world.file(101, "task/150");
        fs::create_dir_all(&thread).unwrap();
        fs::create_dir_all(world.file(101, "task/101")).unwrap();
        fs::rename(world.file(101, "status"), thread.join("status")).unwrap();
        fs::rename(world.file(101, "exe"), thread.join("exe")).unwrap();
        fs::rename(world.file(101, "cmdline"), thread.join("cmdline")).unwrap();
        fs::write(world.file(101, "status"), "Name:\tnode\nState:\tZ (zombie)\nUid:\t1000\t1000\n").unwrap();
        fs::write(world.file(101, "cmdline"), "").unwrap();
        let stat = "101 (node) Z 100 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 2 0 101 0 0 0 0 0 0\n";
        fs::write(world.file(101, "stat"), stat).unwrap();
    };
    become_headless();
    assert_eq!(observed(&mut sampler), ["claude-100 305M: claude.exe node"]);
    assert_eq!(
        observed(&mut world.sampler()),
        ["claude-100 305M: claude.exe node"],
        "seen so from the start"
    );
}

impl World {
    fn rollup(&self, pid: i32, anon_mib: u64, shmem_mib: u64) {
        let text =
            format!("Pss_Anon: {} kB\nPss_Shmem: {} kB\nSwapPss: 0 kB\n", anon_mib << 10, shmem_mib << 10);
        fs::write(self.file(pid, "smaps_rollup"), text).unwrap();
    }

    /// Makes `pid` run the same image as `parent`: forked, and nothing else yet.
    fn fork(self, pid: i32, parent: i32, anon_mib: u64) -> Self {
        let world = self.process(pid, parent, "node", "/usr/bin/node", &["node"], anon_mib);
        let stat =
            format!("{pid} (node) S {parent} 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 {pid} 0 0 0 1 1 {parent}\n");
        fs::write(world.file(pid, "stat"), stat).unwrap();
        world
    }
}

#[test]
fn a_fork_counts_once() {
    let world = World::new().process(100, 1, "claude", CLAUDE, &["claude"], 5).process(
        101,
        100,
        "node",
        "/usr/bin/node",
        &["node"],
        300,
    );
    let world = world.fork(102, 101, 300);
    world.rollup(101, 150, 0);
    world.rollup(102, 150, 0);
    let mut sampler = world.sampler();
    let sample = sampler.sample_with_timeout(Duration::from_secs(20)).unwrap();
    assert_eq!(sample.agents[0].charge.total(), Bytes::mib(305));
    assert_eq!(sample.agents[0].members[1].charge.total(), Bytes::mib(150));
}

#[test]
fn an_exclusive_cgroup_counts_with_all_its_memory() {
    let world = World::new().process(100, 1, "claude", CLAUDE, &["claude"], 100);
    let cgroups = TempDir::new().unwrap();
    let scope = cgroups.path().join("agents.slice/a.scope");
    fs::create_dir_all(&scope).unwrap();
    fs::write(cgroups.path().join("cgroup.controllers"), "memory\n").unwrap();
    fs::write(world.file(100, "cgroup"), "0::/agents.slice/a.scope\n").unwrap();
    let fill = |pids: &str, shmem_mib: u64| {
        fs::write(scope.join("cgroup.procs"), pids).unwrap();
        let stat = format!("anon {}\nfile 1\nshmem {}\n", 100 << 20, shmem_mib << 20);
        fs::write(scope.join("memory.stat"), stat).unwrap();
    };
    let charge = || {
        let mut sampler = sampler(world.dir.path(), cgroups.path(), None);
        let agent = sampler.sample_now().unwrap().agents.remove(0);
        (agent.charge.total(), agent.cgroup.map(|c| c.path))
    };
    let path = PathBuf::from("/agents.slice/a.scope");
    fill("100\n", 50);
    assert_eq!(
        charge(),
        (Bytes::mib(150), Some(path.clone())),
        "a file in a tmpfs is charged to the cgroup only"
    );
    fs::write(scope.join("memory.stat"), "anon 4096\n").unwrap();
    assert_eq!(charge(), (Bytes::mib(100), Some(path)), "charges do not move with a process");
    fill("1\n100\n", 50);
    assert_eq!(charge(), (Bytes::mib(100), None), "other processes share the cgroup");
}

/// A cgroup is killed whole. Near the threshold, each sample therefore verifies that the agent is alone in it.
#[test]
fn near_the_threshold_another_process_in_the_cgroup_is_noticed() {
    let world = World::new().process(100, 1, "claude", CLAUDE, &["claude"], 100);
    let cgroups = TempDir::new().unwrap();
    let scope = cgroups.path().join("a.scope");
    fs::create_dir_all(&scope).unwrap();
    fs::write(cgroups.path().join("cgroup.controllers"), "memory\n").unwrap();
    fs::write(world.file(100, "cgroup"), "0::/a.scope\n").unwrap();
    fs::write(scope.join("memory.stat"), "anon 4096\n").unwrap();
    let noticed = |threshold: Bytes| {
        fs::write(scope.join("cgroup.procs"), "100\n").unwrap();
        let mut sampler = sampler(world.dir.path(), cgroups.path(), None);
        sampler.verify_cgroups_above(threshold);
        // Within the second for which the cgroup of an agent is cached.
        let at = clock::now();
        let guest = sampler.poll_memory(clock::now()).unwrap();
        let mut alone = |later: u64| {
            let at = at + Duration::from_millis(later);
            sampler.sample(at, guest, ScanDepth::Full).unwrap().agents[0].cgroup.is_some()
        };
        assert!(alone(0));
        fs::write(scope.join("cgroup.procs"), "1\n100\n").unwrap();
        !alone(100)
    };
    assert!(noticed(Bytes::mib(90)), "at 100 MiB it is over that");
    assert!(!noticed(Bytes::mib(110)));
}

/// A cached cgroup is good enough for the charge for some seconds, but not for a kill.
#[test]
fn a_cgroup_is_killed_if_its_agent_is_alone() {
    let world = World::new().process(100, 1, "claude", CLAUDE, &["claude"], 100);
    let world = world.process(110, 1, "claude", CLAUDE, &["claude"], 10);
    let cgroups = TempDir::new().unwrap();
    fs::write(cgroups.path().join("cgroup.controllers"), "memory\n").unwrap();
    let alone = |cgroup: &str, depth: ScanDepth| {
        let place = cgroups.path().join(cgroup);
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join("memory.stat"), "anon 4096\n").unwrap();
        fs::write(place.join("cgroup.procs"), "100\n").unwrap();
        fs::write(world.file(100, "cgroup"), format!("0::/{cgroup}\n")).unwrap();
        fs::write(world.file(110, "cgroup"), "0::/elsewhere\n").unwrap();
        let mut sampler = sampler(world.dir.path(), cgroups.path(), None);
        sampler.verify_cgroups_above(Bytes::gib(1));
        let at = clock::now();
        let guest = sampler.poll_memory(at).unwrap();
        let mut scan = |millis: u64| {
            let at = at + Duration::from_millis(millis);
            sampler.sample(at, guest, depth).unwrap().agents[0].cgroup.as_ref().unwrap().alone
        };
        let before = scan(0);
        fs::write(place.join("cgroup.procs"), "1\n100\n").unwrap();
        (before, scan(100))
    };
    assert_eq!(alone("docker-1.scope", ScanDepth::Full), (true, false), "another process was added");
    assert_eq!(alone("docker-1.scope", ScanDepth::Incremental), (false, false), "not verified");
    assert_eq!(
        alone("agents.slice/agent-claude-100.scope", ScanDepth::Incremental),
        (true, true),
        "only root can add processes"
    );
}

/// A killed child leaves the process table with its memory, and its cgroup up to a second later.
#[test]
fn an_exiting_child_does_not_take_the_scope_from_its_agent() {
    let world = World::new().process(100, 1, "claude", CLAUDE, &["claude"], 100);
    let cgroups = TempDir::new().unwrap();
    let scope = cgroups.path().join("agents.slice/agent-claude-100.scope");
    fs::create_dir_all(&scope).unwrap();
    fs::write(cgroups.path().join("cgroup.controllers"), "memory\n").unwrap();
    fs::write(world.file(100, "cgroup"), "0::/agents.slice/agent-claude-100.scope\n").unwrap();
    fs::write(scope.join("memory.stat"), "anon 4096\n").unwrap();
    fs::write(scope.join("memory.max"), "524288000\n").unwrap();
    fs::write(scope.join("cgroup.procs"), "100\n101\n").unwrap();
    let at = clock::now();
    for verify_above in [Bytes::gib(1), Bytes::ZERO] {
        let mut sampler = sampler(world.dir.path(), cgroups.path(), None);
        sampler.verify_cgroups_above(verify_above);
        let guest = sampler.poll_memory(at).unwrap();
        let mut limit = |later: u64| {
            let at = at + Duration::from_millis(later);
            let agent = sampler.sample(at, guest, ScanDepth::Full).unwrap().agents.remove(0);
            agent.cgroup.and_then(|cgroup| cgroup.max)
        };
        let dir = world.dir.path().join("101");
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("stat"), "101 (hog) R 100 1 1 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 101 0 0 0 0 0 0\n")
            .unwrap();
        assert_eq!(limit(0), Some(Bytes::mib(500)), "101 has no memory any more");
        // A process of its own in the scope, which the process table does not know yet.
        fs::write(
            dir.join("stat"),
            "101 (sh) S 100 1 1 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 101 4096 1 0 1 1 1\n",
        )
        .unwrap();
        fs::write(scope.join("cgroup.procs"), "100\n102\n").unwrap();
        assert_eq!(limit(20_000), None, "102 is no member");
        fs::write(scope.join("cgroup.procs"), "100\n").unwrap();
        assert_eq!(limit(20_100), Some(Bytes::mib(500)), "found again by the next sample");
        fs::write(scope.join("cgroup.procs"), "100\n101\n").unwrap();
    }
}

#[test]
fn an_agent_is_not_alone_after_another_enters_its_scope() {
    let world = World::new().process(100, 1, "claude", CLAUDE, &["claude"], 100);
    let cgroups = TempDir::new().unwrap();
    let scope = cgroups.path().join("agents.slice/agent-claude-100.scope");
    fs::create_dir_all(&scope).unwrap();
    fs::write(cgroups.path().join("cgroup.controllers"), "memory\n").unwrap();
    fs::write(scope.join("memory.stat"), "anon 4096\n").unwrap();
    fs::write(scope.join("cgroup.procs"), "100\n").unwrap();
    let place = |world: &World, pid: i32| {
        fs::write(world.file(pid, "cgroup"), "0::/agents.slice/agent-claude-100.scope\n").unwrap();
    };
    place(&world, 100);
    let mut sampler = sampler(world.dir.path(), cgroups.path(), None);
    sampler.verify_cgroups_above(Bytes::gib(1));
    assert!(sampler.sample_now().unwrap().agents[0].cgroup.as_ref().unwrap().alone);
    let world = world.process(110, 100, "claude", CLAUDE, &["claude"], 10);
    place(&world, 110);
    let (at, guest) = (clock::now() + Duration::from_secs(2), sampler.poll_memory(clock::now()).unwrap());
    let snapshot = sampler.sample(at, guest, ScanDepth::Full).unwrap();
    assert_eq!(snapshot.agents.len(), 2);
    assert!(!snapshot.agents[0].cgroup.as_ref().unwrap().alone);
}

/// Attribution is kept while no process changes.
#[test]
fn samples_without_a_change_are_equal() {
    let world = World::new()
        .process(100, 1, "claude", CLAUDE, &["claude"], 200)
        .process(101, 100, "bash", "/usr/bin/bash", &["bash"], 4)
        .process(102, 101, "claude", CLAUDE, &["claude"], 50);
    let mut sampler = world.sampler();
    let first = observed(&mut sampler);
    assert_eq!(first, ["claude-100 204M: claude.exe bash", "claude-102 50M: claude.exe"]);
    for _ in 0..3 {
        assert_eq!(observed(&mut sampler), first);
        assert!(!sampler.changed, "nothing is read again");
    }
    let stat = "101 (bash) S 100 1 101 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 101 0 0 0 1 1 101\n";
    fs::write(world.file(101, "stat"), stat).unwrap();
    assert_eq!(observed(&mut sampler), first);
    assert!(sampler.changed, "it has begun a session");
    fs::remove_dir_all(world.dir.path().join("102")).unwrap();
    assert_eq!(observed(&mut sampler), ["claude-100 204M: claude.exe bash"]);
}

/// Between full scans only members are read, and processes that the last pid reveals.
#[test]
fn new_processes_are_found_between_full_scans() {
    let mut sampler = sampler(Path::new("/proc"), Path::new("/nowhere"), None);
    sampler.sample_now().unwrap();
    let mut missed = 0;
    for _ in 0..20 {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let pid = crate::model::Pid::new(i32::try_from(child.id()).unwrap()).unwrap();
        let sample = sampler.sample_now();
        missed += usize::from(!sampler.table.knows(pid));
        child.kill().unwrap();
        child.wait().unwrap();
        sample.unwrap();
    }
    assert_eq!(missed, 0);
}

/// `/proc` has a folder for each thread, and lists processes only.
#[test]
fn a_new_thread_is_no_process() {
    let mut sampler = sampler(Path::new("/proc"), Path::new("/nowhere"), None);
    // The window of new pids starts with the second sample.
    (0..2).for_each(|_| drop(sampler.sample_now().unwrap()));
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let (id_sender, id_receiver) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        id_sender.send(rustix::thread::gettid().as_raw_nonzero().get()).unwrap();
        let _ = stopped.recv();
    });
    let id = Pid::new(id_receiver.recv().unwrap()).unwrap();
    sampler.table.postpone_scans();
    sampler.sample_now().unwrap();
    assert!(!sampler.table.knows(id) && id.get() != i32::try_from(std::process::id()).unwrap());
    drop(stop);
    thread.join().unwrap();
}

/// `stat` is read first; the other files are read if its counters have changed.
#[test]
fn an_incremental_sample_reads_members_with_changed_counters() {
    let world = World::new().process(100, 1, "claude", CLAUDE, &["claude"], 100);
    let mut sampler = world.sampler();
    let (at, guest) = (clock::now(), sampler.poll_memory(clock::now()).unwrap());
    let mut charge = |seconds: u64, depth: ScanDepth| {
        let at = at + Duration::from_secs(seconds);
        sampler.sample(at, guest, depth).unwrap().agents[0].charge.total().get() >> 20
    };
    let grow = |mib: u64| {
        let status = format!("Uid:\t1000\t1000\t1000\t1000\nRssAnon:\t{} kB\n", mib << 10);
        fs::write(world.file(100, "status"), status).unwrap();
    };
    assert_eq!(charge(0, ScanDepth::Full), 100);
    grow(200);
    assert_eq!(charge(1, ScanDepth::Incremental), 100, "nothing shows it");
    assert_eq!(charge(2, ScanDepth::Full), 200);
    grow(300);
    assert_eq!(charge(61, ScanDepth::Incremental), 200);
    assert_eq!(charge(63, ScanDepth::Incremental), 300, "a minute is long enough");
    for (number, place) in [10, 12, 23, 24].into_iter().enumerate() {
        let mib = 400 + u64::try_from(number).unwrap();
        grow(mib);
        let stat = fs::read_to_string(world.file(100, "stat")).unwrap();
        let mut fields: Vec<&str> = stat.split(' ').collect();
        fields[place - 1] = "7";
        fs::write(world.file(100, "stat"), fields.join(" ")).unwrap();
        assert_eq!(charge(64 + mib - 400, ScanDepth::Incremental), mib, "field {place}");
    }
}

#[test]
fn an_incremental_scan_reads_processes_with_another_executable() {
    let world = World::new()
        .process(100, 1, "sh", "/bin/sh", &["sh"], 1)
        .process(101, 1, "sh", "/bin/sh", &["sh"], 1)
        .process(102, 1, "sh", "/bin/sh", &["sh"], 1);
    let mut sampler = world.sampler();
    sampler.sample_now().unwrap();
    let exe = world.file(101, "exe");
    fs::remove_file(&exe).unwrap();
    symlink(CLAUDE, &exe).unwrap();
    fs::remove_dir_all(world.dir.path().join("102")).unwrap();
    let world = world.process(103, 1, "sh", "/bin/sh", &["sh"], 1);
    let asked = sampler.table.scan_exe_links_for_test(&sampler.proc);
    assert_eq!(asked.iter().map(|pid| pid.get()).collect::<Vec<_>>(), [101, 103]);
    assert!(!sampler.table.knows(Pid::new(102).unwrap()), "it is gone");
    drop(world);
}

#[test]
fn only_new_members_of_an_agent_trigger_a_sample() {
    let world = World::new().process(100, 1, "claude", CLAUDE, &["claude"], 100);
    let mut sampler = world.sampler();
    let at = clock::now();
    let mut second = 0;
    let mut wanted = |sampler: &mut Sampler| {
        second += 1;
        sampler.scan_new_processes(at + Duration::from_secs(second)).unwrap()
    };
    assert!(wanted(&mut sampler), "the agent itself");
    assert!(!wanted(&mut sampler));
    let world = world.process(101, 1, "cron", "/bin/cron", &["cron"], 1);
    assert!(!wanted(&mut sampler), "not of an agent");
    let world = world.process(102, 100, "sh", "/bin/sh", &["sh"], 1);
    assert!(wanted(&mut sampler), "its tool");
    fs::remove_dir_all(world.dir.path().join("102")).unwrap();
    assert!(wanted(&mut sampler), "which has exited");
}

/// A shell forks, and its child becomes an agent a little later.
#[test]
fn an_exec_of_a_young_process_is_found_early() {
    let folder = TempDir::new().unwrap();
    let program = folder.path().join("@anthropic-ai/claude-code/bin");
    fs::create_dir_all(&program).unwrap();
    fs::copy("/bin/sleep", program.join("claude.exe")).unwrap();
    let mut sampler = sampler(Path::new("/proc"), Path::new("/nowhere"), None);
    sampler.sample_now().unwrap();
    let script = format!("read word; exec {}/claude.exe 60", program.display());
    let mut child = std::process::Command::new("sh")
        .args(["-c", &script])
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let pid = crate::model::Pid::new(i32::try_from(child.id()).unwrap()).unwrap();
    let mut observed = || {
        // Postpone the full scan, so that it does not find the process.
        sampler.table.postpone_scans();
        sampler.sample_now().unwrap().agents.iter().any(|agent| agent.agent.root.pid == pid)
    };
    let before = (0..3).any(|_| observed());
    drop(child.stdin.take().map(|mut stdin| std::io::Write::write_all(&mut stdin, b"go\n")));
    let deadline = std::time::Instant::now() + Duration::from_secs(8);
    let mut after = false;
    while !after && std::time::Instant::now() < deadline {
        after = observed();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!((before, after), (false, true));
}

/// An orphaned tool is a child of process 1; only its environment identifies its agent.
#[test]
fn the_first_scan_assigns_an_orphan_by_its_environment() {
    let world = World::new()
        .process(90, 1, "claude", CLAUDE, &["claude"], 5)
        .process(100, 1, "claude", CLAUDE, &["claude"], 5)
        .process(101, 100, "bash", "/bin/bash", &["bash"], 1)
        .process(102, 101, "sleep", "/bin/sleep", &["sleep"], 1)
        .process(200, 1, "hog", "/bin/hog", &["hog"], 100)
        .process(201, 1, "sshd", "/bin/sshd", &["sshd"], 100);
    fs::write(world.file(102, "environ"), "HOME=/root\0CLAUDE_CODE_SESSION_ID=abc\0CLAUDECODE=1\0").unwrap();
    fs::write(world.file(200, "environ"), "CLAUDECODE=1\0CLAUDE_CODE_SESSION_ID=abc\0").unwrap();
    fs::write(world.file(201, "environ"), "NOT_CLAUDECODE=1\0").unwrap();
    let mut sampler = world.sampler();
    let expected = ["claude-90 5M: claude.exe", "claude-100 107M: claude.exe bash sleep hog"];
    assert_eq!(observed(&mut sampler), expected);
    let sample = sampler.sample_now().unwrap();
    assert_eq!(sample.agents[1].agent.resume_session.as_deref(), Some("claude --resume abc"));
}

/// Under `setarch -R` the stacks of two programs may start at the same place.
#[test]
fn another_program_on_the_same_stack_is_no_copy() {
    let world = World::new().process(50, 1, "bash", "/usr/bin/bash", &["bash"], 5).process(
        100,
        50,
        "claude",
        CLAUDE,
        &["claude"],
        200,
    );
    let stat = "100 (claude) S 50 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 100 0 0 0 1 1 50\n";
    fs::write(world.file(100, "stat"), stat).unwrap();
    assert_eq!(observed(&mut world.sampler()), ["claude-100 200M: claude.exe"]);
}

#[test]
fn memory_that_a_fork_may_have_written_is_unverified() {
    let node = &["node"];
    let world = World::new().process(100, 1, "claude", CLAUDE, &["claude"], 5);
    let world = world.process(101, 100, "node", "/usr/bin/node", node, 300);
    let mut sampler = world.sampler();
    assert_eq!(sampler.sample_now().unwrap().agents[0].unverified, Bytes::ZERO);
    let world = world.fork(102, 101, 300);
    let meminfo = fs::read_to_string(world.dir.path().join("meminfo")).unwrap();
    let grown = format!("AnonPages: {} kB", 2_000_000 + (100 << 10));
    fs::write(world.dir.path().join("meminfo"), meminfo.replace("AnonPages: 2000000 kB", &grown)).unwrap();
    let agent = sampler.sample_now().unwrap().agents.remove(0);
    assert_eq!((agent.charge.total(), agent.unverified), (Bytes::mib(405), Bytes::mib(100)));
}

#[test]
fn an_agents_total_includes_the_agents_it_started() {
    let world = World::new()
        .process(100, 1, "claude", CLAUDE, &["claude"], 5)
        .process(101, 100, "bash", "/usr/bin/bash", &["bash"], 1)
        .process(102, 101, "claude", CLAUDE, &["claude"], 300);
    let rules = Arc::new(Rules::built_in());
    let (_, status) =
        crate::daemon::standalone::sample(world.dir.path(), Path::new("/nowhere"), rules, None).unwrap();
    let totals: Vec<_> = status.agents.iter().map(|a| (a.charge, a.total_charge)).collect();
    assert_eq!(totals, [(Bytes::mib(6), Bytes::mib(306)), (Bytes::mib(300), Bytes::mib(300))]);
}

/// New rules apply to known processes, by the programs that they run now. Other agents stay.
#[test]
fn new_rules_apply_at_once_and_lose_no_agent() {
    let rules = |text: &str| {
        let patches: std::collections::BTreeMap<String, crate::rules::rule::RulePatch> =
            toml::from_str(text).unwrap();
        Arc::new(Rules::new(&patches).unwrap())
    };
    let script = "/usr/lib/node_modules/@anthropic-ai/claude-code/cli.js";
    let world = World::new()
        .process(100, 1, "claude", "/usr/bin/node", &["node", script], 200)
        .process(101, 100, "node", "/usr/bin/node", &["node", "mine.js"], 50)
        .process(200, 1, "tool", "/opt/tool", &["tool"], 30);
    let mut sampler = world.sampler();
    assert_eq!(observed(&mut sampler), ["claude-100 250M: node node"]);
    // It gave itself a title meanwhile, by which no rule would know it.
    fs::write(world.file(100, "cmdline"), "some title\0").unwrap();
    sampler.reconfigure(rules("[mine]\nexe = [\"/opt/tool\"]\n"));
    assert_eq!(observed(&mut sampler), ["claude-100 250M: node node", "mine-200 30M: tool"]);
    sampler.reconfigure(rules("[mine]\nexe = [\"/opt/other\"]\n"));
    assert_eq!(observed(&mut sampler), ["claude-100 250M: node node"], "its rule no longer matches");
    sampler.reconfigure(rules("[claude]\nenabled = false\n"));
    assert_eq!(observed(&mut sampler), [""; 0]);
    sampler.reconfigure(Arc::new(Rules::built_in()));
    assert_eq!(observed(&mut sampler), [""; 0], "its title matches no rule");
    let unmatched: Vec<i32> =
        sampler.sample_now().unwrap().unmatched_roots.iter().map(|root| root.pid.get()).collect();
    assert_eq!(unmatched, [200, 100], "both are still running");
    fs::remove_dir_all(world.file(200, "")).unwrap();
    assert_eq!(sampler.sample_now().unwrap().unmatched_roots.len(), 1);
}

#[test]
fn a_limited_command_is_an_agent_of_its_own() {
    let world = World::new()
        .process(100, 1, "build", "/usr/bin/build", &["build"], 10)
        .process(101, 100, "cc", "/usr/bin/cc", &["cc"], 10)
        .process(102, 1, "claude", CLAUDE, &["claude"], 200)
        .process(103, 1, "run-claude-limi", "/usr/bin/claude-watchdog", &["run-claude-limited"], 1)
        .process(104, 1, "left", "/usr/bin/left", &["left"], 10);
    let tree = TempDir::new().unwrap();
    fs::write(tree.path().join("cgroup.controllers"), "memory\n").unwrap();
    let scopes = [
        ("agent-build-100.scope", "100\n101\n"),
        ("agent-claude-102.scope", "102\n"),
        ("agent-x-103.scope", "103\n"),
        ("agent-left-104.scope", "105\n"),
        ("other-101.scope", ""),
    ];
    for (scope, pids) in scopes {
        let scope = tree.path().join("agents.slice").join(scope);
        fs::create_dir_all(&scope).unwrap();
        fs::write(scope.join("cgroup.procs"), pids).unwrap();
    }
    let mut sampler = sampler(world.dir.path(), tree.path(), None);
    assert_eq!(observed(&mut sampler), ["limited-100 20M: build cc", "claude-102 200M: claude.exe"]);
}

#[test]
fn an_escape_from_a_scope_is_logged_and_still_counts() {
    let world = World::new()
        .process(100, 1, "claude", CLAUDE, &["claude"], 200)
        .process(101, 100, "node", "/usr/bin/node", &["node"], 50)
        .process(102, 100, "ended", "/usr/bin/ended", &["ended"], 1);
    let scope = "/agents.slice/agent-claude-100.scope";
    let put = |pid, path: &str| fs::write(world.file(pid, "cgroup"), format!("0::{path}\n")).unwrap();
    put(100, scope);
    put(101, scope);
    let tree = TempDir::new().unwrap();
    fs::write(tree.path().join("cgroup.controllers"), "memory\n").unwrap();
    let folder = tree.path().join(&scope[1..]);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("cgroup.procs"), "100\n101\n").unwrap();
    fs::write(folder.join("memory.stat"), "anon 1\n").unwrap();
    fs::write(folder.join("memory.max"), "314572800\n").unwrap();
    let mut sampler = sampler(world.dir.path(), tree.path(), None);
    let limit = |sampler: &mut Sampler| sampler.sample_now().unwrap().agents[0].limit();
    assert_eq!(limit(&mut sampler), Some(Bytes::mib(300)));
    assert_eq!(sampler.warnings().count(), 0);

    fs::write(folder.join("cgroup.procs"), "100\n").unwrap();
    put(101, "/user.slice/run-7.scope");
    sampler.accounting.forget_homes();
    assert_eq!(limit(&mut sampler), Some(Bytes::mib(300)), "for the processes in it");
    let said = "claude-100: process 101 has left agent-claude-100.scope, whose limit no longer applies there; the thresholds of claude-100 \
                still do";
    assert_eq!(sampler.drain_new_warnings(), [said]);
    assert_eq!(
        (sampler.drain_new_warnings().len(), sampler.warnings().count()),
        (0, 1),
        "logged once, and still shown"
    );
    assert_eq!(observed(&mut sampler), ["claude-100 251M: claude.exe node ended"]);
}

#[test]
fn processes_in_a_limited_scope_belong_to_its_command() {
    // The tmux server left its parent before the first sample.
    let world = World::new()
        .process(100, 1, "sh", "/usr/bin/dash", &["sh"], 10)
        .process(101, 1, "tmux: server", "/usr/bin/tmux", &["tmux"], 5)
        .process(102, 101, "node", "/usr/bin/node", &["node"], 50)
        .process(103, 1, "other", "/usr/bin/other", &["other"], 50);
    let tree = TempDir::new().unwrap();
    fs::write(tree.path().join("cgroup.controllers"), "memory\n").unwrap();
    let scope = "/agents.slice/agent-sh-100.scope";
    let folder = tree.path().join(&scope[1..]);
    fs::create_dir_all(&folder).unwrap();
    for (file, text) in
        [("cgroup.procs", "100\n101\n102\n"), ("memory.stat", "anon 1\n"), ("memory.max", "314572800\n")]
    {
        fs::write(folder.join(file), text).unwrap();
    }
    for pid in [100, 101, 102] {
        fs::write(world.file(pid, "cgroup"), format!("0::{scope}\n")).unwrap();
    }
    let mut sampler = sampler(world.dir.path(), tree.path(), None);
    sampler.sample_with_timeout(std::time::Duration::from_secs(5)).unwrap();
    assert_eq!(observed(&mut sampler), ["limited-100 65M: dash tmux node"]);
    sampler.accounting.forget_homes();
    assert_eq!(sampler.sample_now().unwrap().agents[0].limit(), Some(Bytes::mib(300)));
}
