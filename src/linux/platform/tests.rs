use std::os::unix::fs::symlink;

use insta::assert_snapshot;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::model::Bytes;

/// A machine of files: a Debian guest as root sees it, with no missing feature.
struct Machine {
    dir: TempDir,
    uid: Uid,
    pidfd: bool,
}

impl Machine {
    fn new() -> Self {
        let machine = Self { dir: TempDir::new().unwrap(), uid: Uid::ROOT, pidfd: true };
        fs::create_dir_all(machine.path("proc/self/ns")).unwrap();
        fs::create_dir_all(machine.path("run/systemd/system")).unwrap();
        machine
            .namespace(FIRST_PID_NAMESPACE)
            .file("proc/meminfo", "MemTotal: 16777216 kB\nMemFree: 1 kB\n")
            .file("proc/1/stat", "1 (systemd) S 0 1 1\n")
            .file("proc/1/environ", "HOME=/\0TERM=linux\0")
            .file("proc/pressure/memory", "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n")
            .proc_mounted("rw")
            .file("cgroup/cgroup.controllers", "cpuset cpu io memory pids\n")
            .file("cgroup/cgroup.subtree_control", "cpu memory pids\n")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn file(self, name: &str, text: impl AsRef<[u8]>) -> Self {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), text).unwrap();
        self
    }

    fn without(self, name: &str) -> Self {
        let path = self.path(name);
        if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.unwrap();
        self
    }

    fn namespace(self, link: &str) -> Self {
        let _ = fs::remove_file(self.path("proc/self/ns/pid"));
        symlink(link, self.path("proc/self/ns/pid")).unwrap();
        self
    }

    fn proc_mounted(self, options: &str) -> Self {
        let text = format!(
            "22 28 0:21 / /sys rw,nosuid shared:7 - sysfs sysfs rw,hidepid=invisible\n\
             23 28 0:22 / /proc rw,nosuid - proc proc rw,hidepid=noaccess\n\
             24 28 0:22 / /proc rw,relatime shared:14 master:1 - proc proc {options}\n\
             25 28 0:23 / /elsewhere/proc rw - proc proc rw,hidepid=ptraceable\n"
        );
        self.file("proc/self/mountinfo", text)
    }

    fn missing_features(&self) -> Vec<MissingFeature> {
        let root = self.dir.path().to_owned();
        let (proc, cgroup) = (root.join("proc"), root.join("cgroup"));
        Platform { proc, cgroup, root, uid: self.uid, pidfd: self.pidfd }.missing_features()
    }

    fn says(&self) -> String {
        let lines: Vec<_> = self.missing_features().iter().map(ToString::to_string).collect();
        lines.join("\n")
    }
}

#[test]
fn a_debian_guest_has_all_features_for_root() {
    assert_eq!(Machine::new().missing_features(), []);
    let version_one = Machine::new().file("cgroup/memory.max", "max\n");
    assert_eq!(version_one.missing_features(), []);
}

#[test]
fn a_user_and_an_old_kernel() {
    let mut machine = Machine::new().without("proc/pressure");
    machine.uid = Uid::new(1000);
    machine.pidfd = false;
    assert_snapshot!(machine.says(), @"
    not running as root: agents of other users are neither visible nor managed
    no pidfd (needs Linux 5.3): processes cannot be signalled, agents over their thresholds are only reported
    no pressure figures (PSI; boot with psi=1): thrashing is detected only when swap is full as well
    ");
}

#[test]
fn hidepid_is_reported_where_it_hides_processes() {
    for option in ["hidepid=1", "hidepid=2", "hidepid=invisible", "hidepid=ptraceable"] {
        let machine = Machine::new().proc_mounted(&format!("rw,gid=27,{option}"));
        assert_eq!(machine.missing_features(), [], "a process that may trace them sees them");
        let machine = machine.without("proc/1/stat");
        assert_eq!(machine.missing_features(), [MissingFeature::Processes(option.to_owned())]);
    }
    for option in ["rw", "hidepid=0", "hidepid=off", "hidepid=", "xhidepid=2"] {
        assert_eq!(
            Machine::new().proc_mounted(option).without("proc/1/stat").missing_features(),
            [],
            "{option}"
        );
    }
    let machine = Machine::new().proc_mounted("rw,subset=pid");
    assert_eq!(machine.missing_features(), [], "something else was mounted over it");
    let features = machine.without("proc/meminfo").missing_features();
    assert_eq!(features, [MissingFeature::Meminfo]);
}

#[test]
fn a_container_is_known_by_namespace_and_named_by_markers() {
    let docker = Machine::new().file(".dockerenv", "");
    assert_eq!(docker.missing_features(), [], "an image that became a machine");
    let docker = docker.namespace("pid:[4026532201]");
    assert_eq!(docker.missing_features(), [MissingFeature::Outside(Some("docker".to_owned()))]);
    let unshared = Machine::new().namespace("pid:[4026532201]");
    assert_eq!(unshared.missing_features(), [MissingFeature::Outside(None)]);
    let named = |machine: Machine| match machine.without("proc/self/ns/pid").missing_features().as_slice() {
        [] => None,
        [MissingFeature::Outside(name)] => name.clone(),
        features => panic!("{features:?}"),
    };
    assert_eq!(named(Machine::new()), None);
    let of = |file: &str, text: &[u8]| named(Machine::new().file(file, text));
    assert_eq!(of("run/.containerenv", b"engine=\"podman\"\n").as_deref(), Some("podman"));
    assert_eq!(of("run/systemd/container", b"lxc\n").as_deref(), Some("lxc"));
    assert_eq!(of("proc/1/environ", b"A=b\0container=systemd-nspawn\0").as_deref(), Some("systemd-nspawn"));
    for hostile in [&b""[..], b"\x1b[31mred", b"two words", b"\xff\xfe", &[b'x'; 33], b"a\nb"] {
        assert_eq!(of("run/systemd/container", hostile), None, "{}", hostile.escape_ascii());
    }
}

#[test]
fn a_limit_below_the_memory_of_the_machine() {
    for (file, text) in
        [("cgroup/memory.max", "2147483648\n"), ("cgroup/memory/memory.limit_in_bytes", "2147483648\n")]
    {
        let features = Machine::new().file(file, text).missing_features();
        assert_eq!(
            features,
            [MissingFeature::Measure { limit: Bytes::gib(2), total: Bytes::gib(16) }],
            "{file}"
        );
    }
    for none in ["max\n", "", "17179869184\n", "9223372036854771712\n", "-1\n", "2G\n", "\0\0"] {
        let machine = Machine::new().file("cgroup/memory.max", none);
        assert_eq!(machine.missing_features(), [], "{none:?}");
    }
    let lxcfs = Machine::new().file("cgroup/memory.max", "2147483648\n");
    let lxcfs = lxcfs.file("proc/meminfo", "MemTotal: 2097152 kB\nMemFree: 1 kB\n");
    assert_eq!(lxcfs.missing_features(), [], "lxcfs shows the limit as the total");
}

#[test]
fn cgroups_of_all_kinds() {
    let of = |machine: Machine| match machine.missing_features().as_slice() {
        [MissingFeature::Cgroups(hierarchy)] => *hierarchy,
        features => panic!("{features:?}"),
    };
    let empty = || Machine::new().without("cgroup");
    assert_eq!(of(empty()), Hierarchy::Absent);
    assert_eq!(of(empty().file("cgroup/notes", "")), Hierarchy::Absent);
    assert_eq!(of(empty().file("cgroup", "a file")), Hierarchy::Absent);
    let legacy = || empty().file("cgroup/memory/cgroup.procs", "1\n").file("cgroup/cpu/cgroup.procs", "1\n");
    assert_eq!(of(legacy()), Hierarchy::Legacy);
    assert_eq!(of(legacy().file("cgroup/unified/cgroup.controllers", "")), Hierarchy::Hybrid);
    for (file, text) in [
        ("cgroup/cgroup.controllers", "cpu pids\n"),
        ("cgroup/cgroup.controllers", ""),
        ("cgroup/cgroup.controllers", "memoryx\n"),
        ("cgroup/cgroup.subtree_control", "\n"),
    ] {
        assert_eq!(
            Machine::new().file(file, text).missing_features(),
            [MissingFeature::MemoryController],
            "{file} {text:?}"
        );
    }
}

#[test]
fn a_machine_without_readable_files() {
    let machine = Machine::new().without("proc").without("cgroup").without("run");
    assert_snapshot!(machine.says(), @"
    cgroup v2 not available (no cgroups at all): tmpfs files and cgroup limits are not taken into account
    no pressure figures (PSI; boot with psi=1): thrashing is detected only when swap is full as well
    systemd is not running: the daemon will not be restarted if it crashes
    ");
}

#[test]
fn this_machine_is_probed() {
    let uid = Uid::new(rustix::process::geteuid().as_raw());
    let features = Platform::new(Path::new("/proc"), Path::new("/sys/fs/cgroup"), uid).missing_features();
    assert_eq!(features.contains(&MissingFeature::Root), uid != Uid::ROOT);
    assert!(!features.contains(&MissingFeature::Pidfd), "the tests of pidfds need them, too");
}

proptest! {
    // Each case writes a score of files.
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn garbage_is_reported_in_single_lines(text: Vec<u8>) {
        let files = ["proc/self/mountinfo", "proc/meminfo", "proc/pressure/memory", "proc/1/environ"];
        let cgroup = ["cgroup/memory.max", "cgroup/cgroup.controllers"];
        let mut machine = Machine::new().without("proc/self/ns/pid");
        for file in files.into_iter().chain(cgroup).chain(["run/systemd/container"]) {
            machine = machine.file(file, &text);
        }
        for feature in machine.missing_features() {
            prop_assert!(!feature.to_string().contains(char::is_control), "{feature}");
        }
    }
}
