//! The files of one process that only a closer look reads: its credentials in full, its cgroup, what it shares.
//!
//! `smaps_rollup` takes the process's mmap lock and walks its page tables: 50 ms at 8 GiB, and without end where that
//! lock is held. None of this is read in the loop.

use std::fs;
use std::path::{Path, PathBuf};

use super::status::Status;
use super::{colon_pairs, smaps_rollup::Rollup};
use crate::linux::cgroup;
use crate::model::{Bytes, Charge, Pid, Uid};

/// Reads single processes under a `/proc` tree.
#[derive(Clone, Debug)]
pub struct Details {
    root: PathBuf,
}

/// Who a process runs as, and what it weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The process that it is a thread of; itself as a rule.
    pub process: Pid,
    /// Real user id.
    pub uid: Uid,
    /// One of its other user ids is another: a setuid program.
    pub privileged: bool,
    /// As in [`Status`].
    pub charge: Option<Charge>,
}

impl Details {
    /// Those below `root`, `/proc` as a rule.
    #[must_use]
    pub fn of(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// From `status`; `None`: it is gone, or cannot be read.
    #[must_use]
    pub fn credentials(&self, pid: Pid) -> Option<Credentials> {
        credentials(pid, &self.file(pid, "status")?)
    }

    /// Whether it is in the pid namespace of this tree, so that it calls processes by our pids; where that cannot be read it
    /// is not. From `NSpid` of `status`: its pids in ours and in each namespace below.
    #[must_use]
    pub fn shares_pids(&self, pid: Pid) -> bool {
        self.file(pid, "status").is_some_and(|text| pids_of(&text) <= 1)
    }

    /// Its cgroup, from `cgroup`; `None` where it is gone or in no cgroup v2.
    #[must_use]
    pub fn cgroup(&self, pid: Pid) -> Option<PathBuf> {
        cgroup::path_of(&self.file(pid, "cgroup")?)
    }

    /// Our own.
    #[must_use]
    pub fn own_cgroup(&self) -> Option<PathBuf> {
        cgroup::path_of(&fs::read(self.root.join("self/cgroup")).ok()?)
    }

    /// What it holds and shares, from `smaps_rollup`; `None` where the kernel refuses or is too old. May block.
    #[must_use]
    pub fn rollup(&self, pid: Pid, swap: Bytes) -> Option<Rollup> {
        Rollup::parse(&self.file(pid, "smaps_rollup")?, swap)
    }

    fn file(&self, pid: Pid, name: &str) -> Option<Vec<u8>> {
        fs::read(self.root.join(pid.to_string()).join(name)).ok()
    }
}

/// By how many pids a process is known; none where the kernel does not say.
fn pids_of(text: &[u8]) -> usize {
    let line = text.split(|&b| b == b'\n').find_map(|line| line.strip_prefix(b"NSpid:"));
    line.map_or(0, |line| line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).count())
}

fn credentials(pid: Pid, text: &[u8]) -> Option<Credentials> {
    let Status { uid, charge, .. } = Status::parse(text)?;
    let process = colon_pairs::numbers(text)
        .find(|(key, _)| *key == b"Tgid")
        .and_then(|(_, number)| i32::try_from(number).ok())
        .and_then(Pid::new);
    let line = text.split(|&b| b == b'\n').find_map(|line| line.strip_prefix(b"Uid:"))?;
    // Real, effective, saved, of the file system.
    let mut uids = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let first = uids.next()?;
    Some(Credentials {
        process: process.unwrap_or(pid),
        uid,
        privileged: uids.any(|uid| uid != first),
        charge,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setuid_program_and_a_thread_are_told() {
        let pid = Pid::new(7).unwrap();
        let of = |text: &str| credentials(pid, text.as_bytes()).map(|c| (c.process.get(), c.privileged));
        assert_eq!(of("Name:\tx\nTgid:\t7\nUid:\t1000\t1000\t1000\t1000\n"), Some((7, false)));
        assert_eq!(of("Name:\tx\nTgid:\t5\nUid:\t1000\t0\t0\t0\n"), Some((5, true)));
        assert_eq!(of("Uid:\t1000\n"), Some((7, false)));
        assert_eq!(of(""), None);
    }

    #[test]
    fn a_process_of_another_pid_namespace_has_several_pids() {
        assert_eq!(pids_of(b"Name:\tx\nNSpid:\t4711\t17\n"), 2);
        assert_eq!(pids_of(b"NSpid:\t4711\nUid:\t1 2 3\n"), 1);
        assert_eq!(pids_of(b"Uid:\t1\n"), 0);
        let own = Pid::new(i32::try_from(std::process::id()).unwrap()).unwrap();
        assert!(Details::of(Path::new("/proc")).shares_pids(own));
        assert!(!Details::of(Path::new("/nowhere")).shares_pids(own));
    }

    #[test]
    fn this_process_can_be_read_in_full() {
        let details = Details::of(Path::new("/proc"));
        let pid = Pid::new(i32::try_from(std::process::id()).unwrap()).unwrap();
        let credentials = details.credentials(pid).unwrap();
        assert_eq!((credentials.process, credentials.privileged), (pid, false));
        assert!(details.rollup(pid, Bytes::ZERO).is_some_and(|r| r.share.anon > Bytes::ZERO));
        let nobody = Pid::new(2_000_000_000).unwrap();
        assert!(details.credentials(nobody).is_none() && details.rollup(nobody, Bytes::ZERO).is_none());
    }

    proptest::proptest! {
        #[test]
        fn garbage_is_refused_not_fatal(text: Vec<u8>, uids in "Uid:[\t 0-9]{0,30}\n(Tgid:[\t 0-9-]{0,20}\n)?") {
            let pid = Pid::new(7).unwrap();
            let _ = credentials(pid, &text);
            let _ = pids_of(&text);
            let _ = credentials(pid, uids.as_bytes());
        }
    }
}
