use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use tempfile::TempDir;

use super::*;
use crate::model::Bytes;

const CLAUDE: &str = "/usr/lib/node_modules/@anthropic-ai/claude-code/bin/claude.exe";

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
            format!(") S {parent} 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 {pid} 0 0 0 1 1 {pid}\n").into_bytes(),
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
        Sampler::new(Proc::open(self.dir.path()).unwrap(), Arc::new(Rules::built_in()), None)
    }

    fn file(&self, pid: i32, name: &str) -> PathBuf {
        self.dir.path().join(pid.to_string()).join(name)
    }
}

/// `claude-100 300M: claude.exe bash node` for each agent.
fn seen(sampler: &mut Sampler) -> Vec<String> {
    let describe = |a: &AgentSample| {
        let names: Vec<&str> = a.members.iter().map(|m| m.name.as_str()).collect();
        format!("{} {}: {}", a.agent.id, a.charge.total(), names.join(" "))
    };
    sampler.sample().unwrap().agents.iter().map(describe).collect()
}

#[test]
fn an_agent_is_seen_with_its_tree_and_its_charge() {
    let world = World::new()
        .process(50, 1, "bash", "/usr/bin/bash", &["-bash"], 5)
        .process(100, 50, "claude", CLAUDE, &["claude"], 200)
        .process(101, 100, "bash", "/usr/bin/bash", &["bash", "-c", "source .claude/shell-snapshots/x"], 4)
        .process(102, 101, "node", "/usr/bin/node", &["node", "leak.js"], 96)
        .process(60, 1, "node", "/usr/bin/node", &["node", "/home/u/claude-x/server.js"], 900);
    assert_eq!(seen(&mut world.sampler()), ["claude-100 300M: claude.exe bash node"]);
}

#[test]
fn hostile_names_are_names() {
    let world = World::new()
        .named(100, 1, b"foo) Z 1", CLAUDE, &["x"], 10)
        .named(101, 100, b"new\nline", "/usr/bin/x", &["y"], 10)
        .named(102, 101, b"\xff\xfe(", "/usr/bin/z", &["z"], 10);
    assert_eq!(seen(&mut world.sampler()), ["claude-100 30M: claude.exe x z"]);
}

#[test]
fn a_process_that_vanishes_while_we_look_is_no_error() {
    let world = World::new().process(100, 1, "claude", CLAUDE, &["claude"], 200);
    let world = world.process(101, 100, "a", "/bin/a", &["a"], 1).process(102, 100, "b", "/bin/b", &["b"], 1);
    for name in ["stat", "status", "exe", "cmdline"] {
        let path = world.file(101, name);
        let aside = path.with_extension("aside");
        fs::rename(&path, &aside).unwrap();
        assert_eq!(seen(&mut world.sampler()), ["claude-100 201M: claude.exe b"], "without {name}");
        fs::rename(&aside, &path).unwrap();
    }
    fs::write(world.file(101, "stat"), "garbage").unwrap();
    assert_eq!(seen(&mut world.sampler()), ["claude-100 201M: claude.exe b"]);
}

#[test]
fn an_exec_is_noticed_by_name_or_by_code() {
    let world = World::new().process(100, 1, "bash", "/usr/bin/bash", &["bash"], 5);
    let mut sampler = world.sampler();
    assert!(seen(&mut sampler).is_empty());
    let become_claude = |stat: &str| {
        fs::remove_file(world.file(100, "exe")).unwrap();
        symlink(CLAUDE, world.file(100, "exe")).unwrap();
        fs::write(world.file(100, "stat"), stat).unwrap();
    };
    become_claude("100 (bash) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 100 0 0 0 1 1 77777\n");
    assert_eq!(seen(&mut sampler), ["claude-100 5M: claude.exe"]);
}

/// Between its fork and its exec a child looks like its parent in everything.
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
    assert_eq!(seen(&mut sampler), ["claude-100 201M: claude.exe claude.exe"]);
    fs::write(world.file(101, "stat"), stat(101)).unwrap();
    assert_eq!(
        seen(&mut sampler),
        ["claude-100 200M: claude.exe", "claude-101 1M: claude.exe"],
        "it has exec'd"
    );
}

#[test]
fn the_child_of_a_script_agent_is_what_its_own_script_is() {
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
    assert_eq!(seen(&mut sampler).len(), 2);
    fs::write(world.file(101, "cmdline"), "node\0mcp-server.js\0").unwrap();
    fs::write(world.file(101, "stat"), stat(102)).unwrap();
    assert_eq!(seen(&mut sampler), ["claude-100 201M: node node"]);
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
    assert_eq!(seen(&mut sampler), ["claude-100 5M: node"]);
    fs::write(world.file(100, "cmdline"), "my project: thinking").unwrap();
    fs::write(
        world.file(100, "stat"),
        "100 (my project) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 100 0 0 0 1 1 100\n",
    )
    .unwrap();
    assert_eq!(seen(&mut sampler), ["claude-100 5M: node"]);
}

#[test]
fn zombies_and_kernel_threads_are_not_there() {
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
    assert_eq!(seen(&mut world.sampler()), ["claude-100 5M: claude.exe"]);
}

#[test]
fn shared_memory_is_not_counted_beyond_what_the_guest_has() {
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
    let sample = world.sampler().sample().unwrap();
    let charge = sample.agents[0].charge;
    assert_eq!((charge.shmem, charge.swap), (Bytes::kib(300_000), Bytes::kib(40)));
}

/// Until one side writes, a fork costs nothing; the guest knows, the processes do not.
#[test]
fn a_fork_is_not_counted_beyond_what_the_guest_has() {
    let world = World::new()
        .process(100, 1, "claude", CLAUDE, &["claude"], 200)
        .process(101, 100, "node", "/usr/bin/node", &["node", "x"], 1700)
        .process(102, 101, "node", "/usr/bin/node", &["node", "x"], 1700);
    let charge = world.sampler().sample().unwrap().agents[0].charge;
    assert_eq!(charge.anon, Bytes::kib(2_000_000));
}

#[test]
fn only_the_users_own_agents_are_supervised_where_that_is_all_we_may() {
    let world = World::new().process(100, 1, "claude", CLAUDE, &["claude"], 5);
    let proc = || Proc::open(world.dir.path()).unwrap();
    assert_eq!(seen(&mut Sampler::new(proc(), Arc::new(Rules::built_in()), Some(Uid::new(1000)))).len(), 1);
    assert!(seen(&mut Sampler::new(proc(), Arc::new(Rules::built_in()), Some(Uid::new(1001)))).is_empty());
}

#[test]
fn long_command_lines_are_cut_at_a_character() {
    let long = "ä".repeat(400);
    let world = World::new().process(100, 1, "claude", CLAUDE, &["claude", &long], 5);
    let mut sampler = world.sampler();
    let key = sampler.sample().unwrap().agents[0].agent.root;
    assert_eq!(sampler.command(key).len(), COMMAND_LEN - 1);
    assert!(sampler.cwd(key).is_none(), "the fixture has none");
    assert_eq!(std::ffi::OsStr::new(sampler.command(key)).as_bytes()[..8], *b"claude \xc3");
}
