//! Missing features of this machine, probed once at the start.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::process::{PidfdFlags, getpid, pidfd_open};

use super::cgroup::values::Value;
use super::procfs::meminfo;
use crate::model::missing_feature::Hierarchy;
use crate::model::{MissingFeature, Uid};

/// The pid namespace of a machine, not of a container (`PROC_PID_INIT_INO` of `include/linux/proc_ns.h`).
const FIRST_PID_NAMESPACE: &str = "pid:[4026531836]";

/// A longer name of a container is ignored.
const MAX_CONTAINER_NAME_LEN: usize = 32;

/// The trees to probe, and the user that the supervisor runs as.
#[derive(Clone, Debug)]
pub struct Platform {
    proc: PathBuf,
    cgroup: PathBuf,
    /// `/`, for the marker files of containers and systemd.
    root: PathBuf,
    uid: Uid,
    pidfd: bool,
}

impl Platform {
    /// This machine, with processes at `proc` and cgroups at `cgroup`, for a supervisor that runs as `uid`.
    #[must_use]
    pub fn new(proc: &Path, cgroup: &Path, uid: Uid) -> Self {
        let pidfd = pidfd_open(getpid(), PidfdFlags::empty()).is_ok();
        Self { proc: proc.to_owned(), cgroup: cgroup.to_owned(), root: PathBuf::from("/"), uid, pidfd }
    }

    /// All missing features, the most important first. A feature that cannot be probed is not reported.
    #[must_use]
    pub fn missing_features(&self) -> Vec<MissingFeature> {
        let options = self.mount_options();
        let features = [
            (self.uid != Uid::ROOT).then_some(MissingFeature::Root),
            self.meminfo(&options),
            self.processes(&options),
            self.outside(),
            self.measure(),
            (!self.pidfd).then_some(MissingFeature::Pidfd),
            self.cgroups(),
            (!self.read("pressure/memory").starts_with(b"some ")).then_some(MissingFeature::Pressure),
            (!self.root.join("run/systemd/system").is_dir()).then_some(MissingFeature::Systemd),
        ];
        features.into_iter().flatten().collect()
    }

    /// Empty if it cannot be read.
    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.proc.join(name)).unwrap_or_default()
    }

    /// The mount options of `/proc` (`proc_pid_mountinfo(5)`): those of the file system, after the lone hyphen. The last mount
    /// is on top.
    fn mount_options(&self) -> Vec<String> {
        let text = self.read("self/mountinfo");
        let mounts = text.split(|&b| b == b'\n').filter_map(|line| {
            let mut words = line.split(|&b| b == b' ');
            let place = words.nth(4)?;
            let mut about = words.skip_while(|word| *word != b"-").skip(1);
            (about.next()? == b"proc").then_some((place, about.nth(1)?))
        });
        let mounts: Vec<_> = mounts.collect();
        let at = |place: &OsStr| mounts.iter().rev().find(|mount| mount.0 == place.as_bytes());
        // A copied tree describes its original.
        let found = at(self.proc.as_os_str()).or_else(|| at(OsStr::new("/proc")));
        let options = found.map(|mount| String::from_utf8_lossy(mount.1)).unwrap_or_default();
        options.split(',').map(str::to_owned).collect()
    }

    fn meminfo(&self, options: &[String]) -> Option<MissingFeature> {
        let only_pids = options.iter().any(|option| option == "subset=pid");
        (only_pids && !self.proc.join("meminfo").exists()).then_some(MissingFeature::Meminfo)
    }

    /// A process that may trace all others, or is in the group of `gid=`, sees pid 1 all the same.
    fn processes(&self, options: &[String]) -> Option<MissingFeature> {
        let hides = |option: &&String| {
            let how = option.strip_prefix("hidepid=");
            how.is_some_and(|how| ["1", "2", "4", "noaccess", "invisible", "ptraceable"].contains(&how))
        };
        let option = options.iter().find(hides)?;
        self.read("1/stat").is_empty().then(|| MissingFeature::Processes(option.clone()))
    }

    /// A known pid namespace decides: a machine made from a container's image has the marker files too, and a container with the
    /// machine's pids sees all processes.
    fn outside(&self) -> Option<MissingFeature> {
        let namespace = fs::read_link(self.proc.join("self/ns/pid")).ok();
        match namespace {
            Some(namespace) if namespace == Path::new(FIRST_PID_NAMESPACE) => None,
            Some(_) => Some(MissingFeature::Outside(self.container())),
            None => self.container().map(|name| MissingFeature::Outside(Some(name))),
        }
    }

    /// As `systemd-detect-virt --container` does (`detect_container` of `src/basic/virt.c`).
    fn container(&self) -> Option<String> {
        let marker = fs::read(self.root.join("run/systemd/container")).ok();
        let environment = self.read("1/environ");
        let variable = environment.split(|&b| b == 0).find_map(|word| word.strip_prefix(b"container="));
        let name = marker.as_deref().or(variable).and_then(name);
        let from_file = |file: &str, name: &str| self.root.join(file).exists().then(|| name.to_owned());
        name.or_else(|| from_file("run/.containerenv", "podman"))
            .or_else(|| from_file(".dockerenv", "docker"))
    }

    /// The root of all cgroups has no limit; the root of a container may have one.
    fn measure(&self) -> Option<MissingFeature> {
        let total = meminfo::parse(&self.read("meminfo"))?.mem_total;
        let limit = ["memory.max", "memory/memory.limit_in_bytes"]
            .iter()
            .find_map(|file| Value::parse(&fs::read(self.cgroup.join(file)).ok()?)?.bytes())?;
        (limit < total).then_some(MissingFeature::Measure { limit, total })
    }

    fn cgroups(&self) -> Option<MissingFeature> {
        let Ok(available) = fs::read_to_string(self.cgroup.join("cgroup.controllers")) else {
            return Some(MissingFeature::Cgroups(self.hierarchy()));
        };
        let below = fs::read_to_string(self.cgroup.join("cgroup.subtree_control")).unwrap_or_default();
        let counts = |names: &str| names.split_whitespace().any(|name| name == "memory");
        (!counts(&available) || !counts(&below)).then_some(MissingFeature::MemoryController)
    }

    fn hierarchy(&self) -> Hierarchy {
        if self.cgroup.join("unified/cgroup.controllers").exists() {
            return Hierarchy::Hybrid;
        }
        let mut folders = fs::read_dir(&self.cgroup).into_iter().flatten().flatten();
        let legacy = folders.any(|folder| folder.path().join("cgroup.procs").exists());
        if legacy { Hierarchy::Legacy } else { Hierarchy::Absent }
    }
}

/// The name of a container, if it is a plain word: it is shown to users.
fn name(text: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(text).ok()?.trim_end();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (!name.is_empty() && name.len() <= MAX_CONTAINER_NAME_LEN && name.chars().all(plain))
        .then(|| name.to_owned())
}

#[cfg(test)]
mod tests;
