use std::fs;
use std::os::unix::fs::symlink;

use tempfile::TempDir;

use std::path::PathBuf;

use super::*;
use crate::api::explanation::{CgroupUse, SharesStatus};
use crate::config::{Config, EffectiveThresholds};
use crate::model::{Bytes, MembershipReason};
use crate::rules::Rules;

const CLAUDE: &str = "/x/@anthropic-ai/claude-code/bin/claude.exe";

/// A `/proc` of files and a cgroup tree. Pids begin beyond any kernel's.
struct World(TempDir);

impl World {
    fn new() -> Self {
        let world = Self(TempDir::new().unwrap());
        fs::create_dir_all(world.path("proc")).unwrap();
        fs::create_dir_all(world.path("cgroup/a.slice/own.scope")).unwrap();
        fs::write(world.path("cgroup/cgroup.controllers"), "memory\n").unwrap();
        let meminfo = "MemTotal: 33554432 kB\nMemFree: 8388608 kB\nMemAvailable: 16777216 kB\n";
        fs::write(world.path("proc/meminfo"), meminfo).unwrap();
        world.process(1, 0, 0, "/usr/lib/systemd/systemd", &["/sbin/init"])
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn process(self, pid: i32, parent: i32, uid: u32, exe: &str, argv: &[&str]) -> Self {
        let dir = self.path(&format!("proc/{pid}"));
        fs::create_dir(&dir).unwrap();
        let stat =
            format!("{pid} (x) S {parent} 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 {pid} 4096 0 0 1 1 {pid}\n");
        fs::write(dir.join("stat"), stat).unwrap();
        let status = format!("Name:\tx\nTgid:\t{pid}\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\nRssAnon:\t1024 kB\n");
        fs::write(dir.join("status"), status).unwrap();
        fs::write(dir.join("cmdline"), argv.join("\0") + "\0").unwrap();
        fs::write(dir.join("smaps_rollup"), "Pss_Anon: 900 kB\nPrivate_Dirty: 800 kB\n").unwrap();
        fs::write(dir.join("cgroup"), "0::/a.slice\n").unwrap();
        symlink(exe, dir.join("exe")).unwrap();
        symlink("/home/u/work", dir.join("cwd")).unwrap();
        self
    }

    /// `claude-100: claude bash`, below a shell, and an unrelated process.
    fn family() -> Self {
        Self::new()
            .process(50, 1, 1000, "/usr/bin/bash", &["-bash"])
            .process(60, 1, 1000, "/usr/bin/node", &["node", "/srv/claude-x/server.js"])
            .process(100, 50, 1000, CLAUDE, &["claude"])
            .process(101, 100, 1000, "/usr/bin/bash", &["bash", "-c", "make"])
            .process(102, 101, 1000, "/usr/bin/tmux", &["tmux"])
            .process(103, 102, 1000, "/usr/bin/bash", &["-bash"])
    }

    /// An explainer of all users' agents.
    fn explainer(&self) -> Explainer {
        let (proc, cgroup) = (self.path("proc"), self.path("cgroup"));
        let rules = Arc::new(Rules::built_in());
        let (snapshot, status) =
            crate::daemon::standalone::sample(&proc, &cgroup, Arc::clone(&rules), None).unwrap();
        let config = Config::default();
        let thresholds = EffectiveThresholds::resolve(&config, snapshot.guest.mem_total);
        let supervisor = Pid::new(2_000_000_000);
        let settings = Settings { proc, cgroup, config, rules, thresholds, only: None, supervisor };
        let seen = Published {
            at: std::time::Instant::now(),
            snapshot: Arc::new(snapshot),
            status: Arc::new(status),
        };
        let settings = watch::Sender::new(Arc::new(settings)).subscribe();
        Explainer::new(settings, watch::Sender::new(seen).subscribe())
    }

    fn explained(&self, pid: i32, reader: u32) -> Result<Explanation, MethodError> {
        run(self.explainer().explain(Pid::new(pid).unwrap(), Uid::new(reader)))
    }

    fn because(&self, pid: i32) -> String {
        self.explained(pid, 0).unwrap().because
    }
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(work)
}

#[test]
fn a_root_and_its_child_name_their_agent() {
    let world = World::family();
    let root = world.explained(100, 1000).unwrap();
    assert_eq!(root.because, "it is the root of claude-100: its rule matches");
    let recognition = root.recognition.unwrap();
    assert_eq!(recognition.matched.as_deref(), Some("claude"));
    assert_eq!(root.membership.unwrap().joined, MembershipReason::Root);
    let agent = root.agent.unwrap();
    assert_eq!((agent.id.as_str(), agent.processes), ("claude-100", 4));
    let memory = root.memory.unwrap();
    assert_eq!((memory.look, memory.charge.get() >> 10), (SharesStatus::Done, 1024));
    let shares = memory.shares.unwrap();
    assert_eq!((shares.anon.get() >> 10, shares.private.get() >> 10), (900, 800));
    assert_eq!(root.thresholds.unwrap().kill.origin, "built in");
    let child = world.explained(101, 1000).unwrap();
    assert_eq!(child.because, "pid 100, the root of claude-100, started it");
    let membership = child.membership.unwrap();
    assert_eq!((membership.joined, membership.started_by), (MembershipReason::Child, Pid::new(100)));
    assert_eq!(child.process.cwd.as_deref(), Some("/home/u/work"));
}

#[test]
fn a_process_of_no_agent_has_a_reason() {
    let world = World::family().process(200, 1, 1000, "/usr/bin/vi", &["vi"]).process(
        201,
        200,
        1000,
        "/usr/bin/vi",
        &["vi"],
    );
    assert_eq!(
        world.because(50),
        "claude-100 descends from it, and processes above the root of an agent never belong to it"
    );
    assert_eq!(world.because(60), "no rule matches it, and its parent, pid 1, belongs to no agent");
    assert_eq!(
        world.because(201),
        "no rule matches it, and none of its ancestors (pid 200, 1) belongs to an agent"
    );
    let script = world.explained(60, 0).unwrap();
    assert_eq!(script.recognition.unwrap().ended, "a script that no rule knows ends the search");
    assert!(script.signals.never && script.thresholds.is_none());
}

#[test]
fn a_protected_process_has_a_reason() {
    let world = World::family();
    let of = |pid| world.explained(pid, 0).unwrap().signals;
    assert!(of(102).never, "a terminal multiplexer");
    let pane = of(103);
    assert!(!pane.never && pane.because.contains("it runs below pid 102"), "{}", pane.because);
    let above = of(101);
    assert!(
        !above.never && above.because.contains("with the whole agent only: pid 102"),
        "{}",
        above.because
    );
    let root = of(100);
    assert!(!root.never && root.because.starts_with("once claude-100 is over its kill threshold of 13G"));
}

#[test]
fn another_user_gets_totals() {
    let explanation = World::family().explained(101, 1001).unwrap();
    let text = serde_json::to_string(&explanation).unwrap();
    for secret in ["/usr/bin", "make", "/home/u", "a.slice"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    assert_eq!(explanation.agent.unwrap().id, "claude-100");
    let memory = explanation.memory.unwrap();
    assert_eq!((memory.look, memory.shares, memory.charge.get() >> 10), (SharesStatus::Hidden, None, 1024));
}

#[test]
fn an_exited_or_incomplete_process_is_no_process() {
    let world = World::family();
    let gone = |world: &World, pid| world.explained(pid, 0).unwrap_err();
    assert_eq!(gone(&world, 999), MethodError::NoSuchProcess { pid: Pid::new(999).unwrap() });
    fs::remove_file(world.path("proc/60/stat")).unwrap();
    assert_eq!(gone(&world, 60), MethodError::NoSuchProcess { pid: Pid::new(60).unwrap() });
}

#[test]
fn kernel_threads_and_zombies_are_named_as_such() {
    let world = World::family();
    for (pid, stat, because) in [
        (2, "2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 2 0 0", "it is a kernel thread"),
        (
            104,
            "104 (x) Z 101 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 104 0 0",
            "it has exited and waits for its parent to reap it (zombie)",
        ),
    ] {
        // Neither has an executable or memory.
        fs::create_dir(world.path(&format!("proc/{pid}"))).unwrap();
        fs::write(world.path(&format!("proc/{pid}/stat")), format!("{stat}\n")).unwrap();
        fs::write(world.path(&format!("proc/{pid}/status")), "Name:\tx\nUid:\t0\t0\t0\t0\n").unwrap();
        let explanation = world.explained(pid, 0).unwrap();
        assert_eq!(
            (explanation.because.as_str(), explanation.recognition, explanation.memory),
            (because, None, None)
        );
        assert!(explanation.notes.is_empty(), "{:?}", explanation.notes);
    }
}

#[test]
fn a_thread_is_explained_as_its_process() {
    let world = World::family().process(300, 1, 1000, "/x", &["x"]);
    let status = "Name:\tx\nTgid:\t101\nUid:\t1000\t1000\t1000\t1000\n";
    fs::write(world.path("proc/300/status"), status).unwrap();
    let explanation = world.explained(300, 0).unwrap();
    assert_eq!(explanation.process.pid, Pid::new(101).unwrap());
    assert_eq!(explanation.notes, ["pid 300 is a thread of process 101"]);
}

#[test]
fn a_cgroup_with_only_members_belongs_to_the_agent() {
    let world = World::family();
    fs::write(world.path("cgroup/a.slice/cgroup.procs"), "50\n100\n101\n102\n103\n").unwrap();
    fs::write(world.path("cgroup/a.slice/memory.stat"), "anon 1000\nfile 700\nshmem 300\nactive_file 400\n")
        .unwrap();
    fs::write(world.path("cgroup/a.slice/memory.current"), "2000\n").unwrap();
    let shared = world.explained(100, 0).unwrap().cgroup.unwrap();
    assert_eq!((shared.path.as_deref(), shared.use_by), (Some("/a.slice"), CgroupUse::Shared));
    assert_eq!((shared.current.unwrap().get(), shared.cache.unwrap().get()), (2000, 400));
    fs::write(world.path("cgroup/a.slice/cgroup.procs"), "100\n101\n102\n103\n").unwrap();
    let own = world.explained(101, 0).unwrap().cgroup.unwrap();
    assert_eq!((own.use_by, own.processes), (CgroupUse::Own, Some(4)));
}

/// A pipe without a writer blocks its reader, as a locked memory map does.
fn hang(world: &World, file: &str) {
    let path = world.path(file);
    fs::remove_file(&path).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &path,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
}

#[test]
fn a_read_that_hangs_is_left_out() {
    let world = World::family();
    hang(&world, "proc/101/smaps_rollup");
    let explanation = world.explained(101, 1000).unwrap();
    let memory = explanation.memory.unwrap();
    assert_eq!((memory.look, memory.shares), (SharesStatus::TimedOut, None));
    assert_eq!(explanation.process.exe.as_deref(), Some("/usr/bin/bash"));
}

#[test]
fn one_user_cannot_use_up_the_quota() {
    let world = World::family();
    hang(&world, "proc/101/smaps_rollup");
    let explainer = world.explainer();
    run(async {
        let (alice, stuck) = (Uid::new(1000), Pid::new(101).unwrap());
        let (first, second) = tokio::join!(explainer.explain(stuck, alice), explainer.explain(stuck, alice));
        assert!(first.is_ok() && second.is_ok());
        // The threads of both still hang.
        assert_eq!(explainer.explain(stuck, alice).await.unwrap_err(), MethodError::Busy {});
        let other = Pid::new(60).unwrap();
        assert!(explainer.explain(other, Uid::ROOT).await.is_ok());
    });
}

#[test]
fn a_limited_command_is_an_agent_with_its_own_thresholds() {
    let world = World::new().process(100, 1, 1000, "/usr/bin/make", &["make"]);
    fs::write(world.path("proc/100/cgroup"), "0::/agents.slice/agent-make-100.scope\n").unwrap();
    let scope = world.path("cgroup/agents.slice/agent-make-100.scope");
    fs::create_dir_all(&scope).unwrap();
    for (file, text) in
        [("cgroup.procs", "100\n"), ("memory.stat", "anon 7\n"), ("memory.max", "335544320\n")]
    {
        fs::write(scope.join(file), text).unwrap();
    }
    let explanation = world.explained(100, 1000).unwrap();
    assert_eq!(
        explanation.because,
        "it is the root of limited-100: it was started under a limit, and no rule matches it"
    );
    let agent = explanation.agent.unwrap();
    assert_eq!(agent.scope.as_deref(), Some("agent-make-100.scope"));
    assert_eq!((agent.limit, agent.kill_threshold), (Some(Bytes::mib(320)), Bytes::mib(310)));
    let thresholds = explanation.thresholds.unwrap();
    assert_eq!(thresholds.kill.bytes, Bytes::mib(310));
    assert!(
        thresholds.notes.iter().any(|note| note.starts_with("its scope is limited to 320M")),
        "{thresholds:?}"
    );
    assert!(
        explanation.signals.because.contains("kill threshold of 310M"),
        "{}",
        explanation.signals.because
    );
}

#[test]
fn a_process_outside_of_its_scope_has_a_note() {
    let world = World::family();
    let scope = "agents.slice/agent-claude-100.scope";
    fs::create_dir_all(world.path("cgroup").join(scope)).unwrap();
    let procs = world.path("cgroup").join(scope).join("cgroup.procs");
    fs::write(procs, "100\n101\n").unwrap();
    for pid in [100, 101] {
        fs::write(world.path(&format!("proc/{pid}/cgroup")), format!("0::/{scope}/below\n")).unwrap();
    }
    let notes = |pid| world.explained(pid, 1000).unwrap().notes;
    assert_eq!((notes(100), notes(101), notes(60)), (vec![], vec![], vec![]));
    let note = "it has left agent-claude-100.scope, whose limit no longer applies there; the thresholds of claude-100 still do";
    assert_eq!(notes(103), [note]);
}
