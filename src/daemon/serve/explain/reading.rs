//! Reads a process on a thread of its own: reading `cmdline` and `smaps_rollup` blocks while the process's mmap lock is held.

use std::path::PathBuf;
use std::thread;

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::time::{Instant, timeout_at};

use super::READ_TIMEOUT;
use crate::api::explanation::SharesStatus;
use crate::daemon::control_loop::active_config::Settings;
use crate::ipc::MethodError;
use crate::linux::cgroup::Cgroups;
use crate::linux::procfs::Proc;
use crate::linux::procfs::smaps_rollup::Rollup;
use crate::linux::procfs::stat::Stat;
use crate::linux::procfs::status::ProcessStatus;
use crate::model::snapshot::CgroupMemory;
use crate::model::{Pid, ProcessIdentity, ProcessKey, Uid};
use crate::quota::Permit;

/// Stack of the thread: enough for the readers, and a small part of the unit's memory.
const THREAD_STACK_SIZE: usize = 256 << 10;

/// A longer chain of parents is a loop in a broken tree.
const MAX_ANCESTORS: usize = 64;

/// A process as it was read.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    /// The requested pid: the process, or one of its threads.
    pub(crate) requested: Pid,
    pub(crate) stat: Stat,
    pub(crate) status: ProcessStatus,
    /// Its parents, nearest first.
    pub(crate) ancestors: Vec<Stat>,
    /// The roots of agents below it, by their present parents.
    pub(crate) agents_below: Vec<ProcessKey>,
    pub(crate) cgroup: Option<Cgroup>,
    /// `None`: not read in time.
    pub(crate) identity: Option<ProcessIdentity>,
    pub(crate) cwd: Option<PathBuf>,
    pub(crate) shares_status: SharesStatus,
    pub(crate) rollup: Option<Rollup>,
}

/// The cgroup of a process.
#[derive(Clone, Debug)]
pub(crate) struct Cgroup {
    pub(crate) path: PathBuf,
    /// `None`: no memory controller, or not read in time.
    pub(crate) memory: Option<CgroupMemory>,
    /// Its processes; `None` if not known.
    pub(crate) pids: Option<Vec<Pid>>,
}

/// A part of the reading, sent as soon as it is read, so that a read that hangs loses no earlier part.
#[derive(Debug)]
enum ReadingPart {
    First(Box<Reading>),
    Cgroup(Option<CgroupMemory>, Option<Vec<Pid>>),
    Identity(ProcessIdentity, Option<PathBuf>),
    Rollup(Option<Rollup>),
    Gone,
}

/// Reads `pid`. Parts that are not read in time are left out. Fails if the process exits meanwhile.
pub(crate) async fn read(
    settings: &Settings,
    pid: Pid,
    reader: Uid,
    roots: Vec<ProcessKey>,
    permit: Permit,
) -> Result<Reading, MethodError> {
    let deadline = Instant::now() + READ_TIMEOUT;
    let (parts, mut received) = unbounded_channel();
    let source = Source {
        proc: Proc::open(&settings.proc).map_err(|_| MethodError::Busy {})?,
        cgroups: Cgroups::open(&settings.cgroup),
        reader,
        roots,
    };
    // Not tokio's blocking pool: shutdown would wait for a thread there that hangs.
    thread::Builder::new()
        .name("explain".to_owned())
        .stack_size(THREAD_STACK_SIZE)
        .spawn(move || {
            source.read(pid, &parts);
            drop(permit);
        })
        .map_err(|_| MethodError::Busy {})?;
    let mut reading: Option<Reading> = None;
    while let Ok(Some(part)) = timeout_at(deadline, received.recv()).await {
        match (part, reading.as_mut()) {
            (ReadingPart::First(first), _) => reading = Some(*first),
            (ReadingPart::Gone, _) => return Err(MethodError::NoSuchProcess { pid }),
            (ReadingPart::Cgroup(memory, pids), Some(Reading { cgroup: Some(cgroup), .. })) => {
                (cgroup.memory, cgroup.pids) = (memory, pids);
            }
            (ReadingPart::Identity(identity, cwd), Some(reading)) => {
                (reading.identity, reading.cwd) = (Some(identity), cwd);
            }
            (ReadingPart::Rollup(rollup), Some(reading)) => {
                reading.shares_status =
                    if rollup.is_some() { SharesStatus::Done } else { SharesStatus::Refused };
                reading.rollup = rollup;
            }
            _ => {}
        }
    }
    reading.ok_or(MethodError::Busy {})
}

/// Whether the process runs a program: kernel threads and zombies do not.
pub(crate) fn runs_a_program(stat: &Stat) -> bool {
    !stat.is_kernel_thread() && !stat.is_dead()
}

/// The files to read from, and the reader's user.
struct Source {
    proc: Proc,
    cgroups: Option<Cgroups>,
    reader: Uid,
    /// The roots of all agents.
    roots: Vec<ProcessKey>,
}

impl Source {
    fn read(mut self, requested: Pid, parts: &UnboundedSender<ReadingPart>) {
        if self.parts(requested, parts).is_none() {
            let _ = parts.send(ReadingPart::Gone);
        }
    }

    /// `None`: the process has exited, or its pid was reused.
    fn parts(&mut self, requested: Pid, parts: &UnboundedSender<ReadingPart>) -> Option<()> {
        // The receiver is dropped after the timeout; then the rest is not read.
        let send = |part| parts.send(part).is_ok();
        let pid = self.proc.status(requested).ok()??.tgid.unwrap_or(requested);
        let (stat, status) = self.stat_and_status(pid)?;
        let cgroup = self.proc.cgroup(pid);
        let visible =
            self.reader.may_see(status.uid) && (!status.is_privileged() || self.reader == Uid::ROOT);
        let first = Reading {
            requested,
            stat,
            status,
            ancestors: self.ancestors(stat.parent),
            agents_below: self.agents_below(stat.key),
            cgroup: cgroup.clone().map(|path| Cgroup { path, memory: None, pids: None }),
            identity: None,
            cwd: None,
            shares_status: if visible { SharesStatus::TimedOut } else { SharesStatus::Hidden },
            rollup: None,
        };
        if !send(ReadingPart::First(Box::new(first))) {
            return Some(());
        }
        if let (Some(path), Some(cgroups)) = (&cgroup, &self.cgroups) {
            send(ReadingPart::Cgroup(cgroups.memory(path), cgroups.pids(path)));
        }
        if !runs_a_program(&stat) {
            return Some(());
        }
        let identity = match self.proc.identity(pid) {
            Ok(identity) => identity?,
            // It is alive, but its files are not readable.
            Err(_) => ProcessIdentity::default(),
        };
        let cwd = self.proc.cwd(pid);
        // Between one file and the next the pid may have been reused, or an exec may have changed the privileges: then the
        // reader may not see it.
        self.same(&stat, &status)?;
        if !send(ReadingPart::Identity(identity, cwd)) || !visible || status.charge.is_none() {
            return Some(());
        }
        let swap = status.charge.unwrap_or_default().swap;
        let rollup = self.proc.rollup(pid, swap);
        self.same(&stat, &status)?;
        send(ReadingPart::Rollup(rollup));
        Some(())
    }

    fn stat_and_status(&self, pid: Pid) -> Option<(Stat, ProcessStatus)> {
        Some((self.proc.stat(pid).ok()??, self.proc.status(pid).ok()??))
    }

    fn same(&self, stat: &Stat, status: &ProcessStatus) -> Option<()> {
        let (stat_now, status_now) = self.stat_and_status(stat.key.pid)?;
        let rights = |status: &ProcessStatus| (status.uid, status.is_privileged());
        (stat_now.key == stat.key && rights(&status_now) == rights(status)).then_some(())
    }

    fn agents_below(&mut self, key: ProcessKey) -> Vec<ProcessKey> {
        let mut roots = std::mem::take(&mut self.roots);
        roots.retain(|root| {
            let Ok(Some(stat)) = self.proc.stat(root.pid) else { return false };
            stat.key == *root && self.ancestors(stat.parent).iter().any(|above| above.key == key)
        });
        roots
    }

    fn ancestors(&mut self, parent: Option<Pid>) -> Vec<Stat> {
        let mut ancestors = Vec::new();
        let mut current = parent;
        while let Some(pid) = current.filter(|_| ancestors.len() < MAX_ANCESTORS) {
            let Ok(Some(stat)) = self.proc.stat(pid) else { break };
            current = stat.parent;
            ancestors.push(stat);
        }
        ancestors
    }
}
