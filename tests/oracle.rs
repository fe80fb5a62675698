//! Our readers against the `procfs` crate on this machine's own `/proc`.

#![allow(clippy::unwrap_used, reason = "in a test it is the message")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use claude_watchdog::linux::procfs::Proc;
use claude_watchdog::model::{Bytes, Charge, Pid, Uid};
use procfs::process::{Process, all_processes};

/// Kernel threads have longer names than a process may have, and no executable; nor has a zombie.
const PF_KTHREAD: u32 = 0x0020_0000;

/// A process may run for a moment between two reads, or be in the middle of an exec or of its exit: only a difference
/// that persists over this many reads counts, with a pause between them.
const MAX_READS: usize = 20;
const READ_INTERVAL: Duration = Duration::from_millis(10);

/// Compares our reading of every process with readings by procfs just before and just after it. If those two differ,
/// the process has changed in between, and the comparison is repeated. A process that exits is left out: its
/// remains read differently through each file.
fn compared<T: PartialEq + std::fmt::Debug>(
    theirs: impl Fn(&Process) -> Option<T>,
    mut ours: impl FnMut(Pid) -> Option<T>,
) -> usize {
    let mut compared = 0;
    let lives =
        |p: &Process| p.stat().is_ok_and(|s| s.flags & PF_KTHREAD == 0 && !matches!(s.state, 'Z' | 'X'));
    for process in all_processes().unwrap().flatten() {
        let pid = Pid::new(process.pid).unwrap();
        let mut differ = None;
        for _ in 0..MAX_READS {
            let (before, mine, after) = (theirs(&process), ours(pid), theirs(&process));
            if before.is_none() || !lives(&process) {
                differ = None;
                break;
            }
            if before == after {
                if mine == before {
                    compared += 1;
                    differ = None;
                    break;
                }
                differ = Some((mine, before));
            }
            std::thread::sleep(READ_INTERVAL);
        }
        assert_eq!(differ, None, "process {pid}: our reading and that of procfs differ");
    }
    compared
}

#[test]
fn stat_agrees_with_procfs() {
    let proc = Proc::open(Path::new("/proc")).unwrap();
    let count = compared(
        |p| p.stat().ok().map(|s| (s.comm, s.state, s.ppid, s.starttime, s.num_threads, s.flags)),
        |pid| {
            proc.stat(pid).unwrap().map(|s| {
                let comm = String::from_utf8_lossy(s.comm.as_bytes()).into_owned();
                let ppid = s.parent.map_or(0, Pid::get);
                (comm, char::from(s.state), ppid, s.key.start_ticks, i64::from(s.threads), s.flags)
            })
        },
    );
    assert!(count > 0);
}

#[test]
fn status_agrees_with_procfs() {
    let proc = Proc::open(Path::new("/proc")).unwrap();
    let count = compared(
        |p| {
            let s = p.status().ok()?;
            let ids = (s.tgid, [s.ruid, s.euid, s.suid, s.fuid], s.nspid.map_or(0, |pids| pids.len()));
            Some((ids, s.rssanon.map(|anon| (anon, s.rssshmem.unwrap_or(0), s.vmswap.unwrap_or(0)))))
        },
        |pid| {
            let s = proc.status(pid).unwrap()?;
            let kib = |b: Bytes| b.get() / 1024;
            let [effective, saved, file_system] = s.other_uids.map(Uid::get);
            let ids = (s.tgid?.get(), [s.uid.get(), effective, saved, file_system], s.pid_depth);
            Some((ids, s.charge.map(|c| (kib(c.anon), kib(c.shmem), kib(c.swap)))))
        },
    );
    assert!(count > 0);
}

fn command(program: &str, arguments: &[&str]) -> Child {
    Command::new(program).args(arguments).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn arguments_agree_with_procfs() {
    let proc = Proc::open(Path::new("/proc")).unwrap();
    // procfs omits empty arguments, we omit those beyond the limit: neither identifies a program.
    let start = |argv: Vec<String>| argv.join("\0").chars().take(4096).collect::<String>();
    let mut child = command("tail", &["-f", "", "--", "/dev/null"]);
    let mut long = command("tail", &["-f", "/dev/null", &"/dev/null ".repeat(8000)]);
    let count = compared(
        |p| p.cmdline().ok().map(start),
        |pid| {
            let argv = proc.identity(pid).unwrap()?.argv;
            Some(start(
                argv.iter().map(|a| a.to_string_lossy().into_owned()).filter(|a| !a.is_empty()).collect(),
            ))
        },
    );
    for child in [&mut child, &mut long] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(count >= 2);
}

#[test]
fn smaps_rollup_agrees_with_procfs() {
    let proc = Proc::open(Path::new("/proc")).unwrap();
    let count = compared(
        |p| {
            let rollup = p.smaps_rollup().ok()?.memory_map_rollup;
            let of = &rollup.iter().next()?.extension.map;
            let kib = |key: &str| of.get(key).copied().unwrap_or_default() >> 10;
            let private = kib("Private_Clean") + kib("Private_Dirty");
            // Huge pages of a pool count as anonymous here.
            let anon = kib("Pss_Anon") + kib("Private_Hugetlb") + kib("Shared_Hugetlb");
            Some((anon, kib("Pss_Shmem"), kib("Pss_File"), kib("SwapPss"), private))
        },
        |pid| {
            let rollup = proc.rollup(pid, Bytes::ZERO)?;
            let kib = |b: Bytes| b.get() >> 10;
            let Charge { anon, shmem, swap } = rollup.share;
            Some((kib(anon), kib(shmem), kib(rollup.file), kib(swap), kib(rollup.private)))
        },
    );
    assert!(count > 0);
}

#[test]
fn the_cgroup_is_the_one_that_procfs_names() {
    let proc = Proc::open(Path::new("/proc")).unwrap();
    compared(
        |p| {
            let all = p.cgroups().ok()?.0;
            let two = all.into_iter().find(|cgroup| cgroup.hierarchy == 0);
            Some(two.map(|cgroup| PathBuf::from(cgroup.pathname)))
        },
        |pid| Some(proc.cgroup(pid)),
    );
}

#[test]
fn meminfo_agrees_with_procfs() {
    use procfs::Current;
    let proc = Proc::open(Path::new("/proc")).unwrap();
    let (theirs, ours) = (procfs::Meminfo::current().unwrap(), proc.guest().unwrap());
    assert_eq!((ours.mem_total.get(), ours.swap_total.get()), (theirs.mem_total, theirs.swap_total));
    let within = |a: u64, b: u64| a.abs_diff(b) < theirs.mem_total / 4;
    assert!(within(ours.mem_available.get(), theirs.mem_available.unwrap()));
}

/// Why `status` and `stat` are not read with procfs: a process that calls itself something that is no UTF-8 would
/// have no charge. Should this fail one day, procfs has learned it and our parsers can go.
#[test]
fn procfs_refuses_a_name_that_is_no_utf8() {
    use procfs::FromRead;
    let text: &[u8] = b"Name:\t\xff\xfe\nUmask:\t0022\nState:\tS (sleeping)\n";
    assert!(procfs::process::Status::from_read(text).is_err());
}
