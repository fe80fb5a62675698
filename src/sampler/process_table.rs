//! All processes of the guest, without reading each of them in every tick.
//!
//! Members of agents are read in each sample, new processes as soon as the last pid shows that there are some, and then
//! while they are young. All processes are scanned now and then: a process that execs keeps its pid.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::process_entry::{EnvironmentState, ProcessEntry, RunningProgram};
use super::sampling_policy::ScanDepth;
use super::scopes::LimitedScopes;
use crate::attribution::membership::ObservedProcess;
use crate::linux::procfs::background::{BackgroundReader, ReadRequest, ReadResult};
use crate::linux::procfs::last_pid::{LastPid, Window};
use crate::linux::procfs::stat::Stat;
use crate::linux::procfs::{Proc, ReadError};
use crate::model::{Boottime, Pid, ProcessIdentity, ProcessKey, Recognised, Uid};
use crate::rules::{self, Rules};

/// Wait for the arguments of new processes. They arrive in microseconds, unless their process blocks.
const ARGUMENTS_TIMEOUT: Duration = Duration::from_millis(20);

/// The same in the first scan, which reads the arguments of all: a first status without some agents would mislead.
const FIRST_ARGUMENTS_TIMEOUT: Duration = Duration::from_secs(1);

/// The processes to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScanTargets {
    /// New and young processes.
    New,
    /// Members of agents as well.
    NewAndMembers,
}

/// All processes, as they were read last.
#[derive(Debug)]
pub(crate) struct ProcessTable {
    entries: HashMap<Pid, ProcessEntry>,
    /// Kernel threads, which are not read again before the next full scan.
    kernel_threads: HashSet<Pid>,
    members: HashSet<Pid>,
    rules: Arc<Rules>,
    reader: BackgroundReader,
    limited: LimitedScopes,
    last_pid: Option<LastPid>,
    /// The last pid at the scan before the last, and at the last.
    last_pids: [Option<Pid>; 2],
    /// The last scan of all executables.
    exe_scan_at: Option<Boottime>,
    /// The last scan of every `stat`.
    full_scan_at: Option<Boottime>,
    /// The moment of the last scan.
    scanned_at: Option<Boottime>,
    /// When a young process without a rule is due for a check; `None` if there is none.
    young_check_due: Option<Boottime>,
    /// This is the first scan.
    is_first_scan: bool,
    /// Something that membership depends on has changed in this scan.
    changed: bool,
    pids: Vec<Pid>,
    /// Only this user's agents are supervised; `None`: those of all users.
    only: Option<Uid>,
}

impl ProcessTable {
    pub(crate) fn new(
        proc: &Path,
        cgroup: &Path,
        rules: Arc<Rules>,
        only: Option<Uid>,
    ) -> Result<Self, ReadError> {
        Ok(Self {
            entries: HashMap::new(),
            kernel_threads: HashSet::new(),
            members: HashSet::new(),
            rules,
            reader: BackgroundReader::open(proc, rules::VARIABLES)?,
            limited: LimitedScopes::new(&Proc::open(proc)?, cgroup),
            last_pid: LastPid::open(proc),
            last_pids: [None, None],
            exe_scan_at: None,
            full_scan_at: None,
            scanned_at: None,
            young_check_due: None,
            is_first_scan: true,
            changed: false,
            pids: Vec::new(),
            only,
        })
    }

    pub(crate) fn get(&self, key: ProcessKey) -> Option<&ProcessEntry> {
        self.entries.get(&key.pid).filter(|entry| entry.key == key)
    }

    #[cfg(test)]
    pub(crate) fn postpone_scans(&mut self) {
        self.exe_scan_at = Some(crate::linux::clock::now());
        self.full_scan_at = self.exe_scan_at;
    }

    /// The processes that an incremental scan reads.
    #[cfg(test)]
    pub(crate) fn scan_exe_links_for_test(&mut self, proc: &Proc) -> Vec<Pid> {
        let (mut pids, empty) = (Vec::new(), Pid::new(i32::MAX).map(|pid| Window { after: pid, to: pid }));
        if let Some(window) = empty {
            self.scan_exe_links(proc, Boottime::default(), window, &mut pids).unwrap();
        }
        pids.sort_unstable();
        pids
    }

    #[cfg(test)]
    pub(crate) fn knows(&self, pid: Pid) -> bool {
        self.entries.contains_key(&pid)
    }

    /// Sets the processes to read in each sample. Their environments are read too: orphans with the same one belong to them.
    pub(crate) fn set_members(&mut self, members: impl Iterator<Item = ProcessKey>) {
        self.members.clear();
        for key in members {
            self.members.insert(key.pid);
            if let Some(entry) = self.entries.get_mut(&key.pid).filter(|entry| entry.key == key) {
                ask_environment(&mut self.reader, entry);
            }
        }
    }

    /// Whether there may be new processes, or a young one is due for a check. Reads one small file.
    pub(crate) fn has_new_pids(&self, at: Boottime) -> bool {
        let Some(last_pid) = &self.last_pid else { return true };
        let now = last_pid.pid();
        // Each window of pids is scanned twice.
        self.last_pids.contains(&None)
            || self.last_pids != [now, now]
            || self.young_check_due.is_some_and(|next_check| at >= next_check)
    }

    /// Whether there is a young process without a rule.
    pub(crate) fn has_young_processes(&self) -> bool {
        self.young_check_due.is_some()
    }

    /// Reads the processes that may have changed, and all of them if the last full scan is too old. Returns whether anything
    /// that membership depends on has changed.
    pub(crate) fn scan(
        &mut self,
        proc: &Proc,
        at: Boottime,
        depth: ScanDepth,
        targets: ScanTargets,
    ) -> Result<bool, ReadError> {
        let mut pids = std::mem::take(&mut self.pids);
        self.is_first_scan = self.exe_scan_at.is_none();
        self.changed = false;
        self.select(proc, at, depth, &mut pids)?;
        if targets == ScanTargets::NewAndMembers {
            pids.extend(&self.members);
        }
        pids.extend(self.entries.values().filter(|entry| entry.is_young(at)).map(|entry| entry.key.pid));
        pids.sort_unstable();
        pids.dedup();
        for &pid in &pids {
            // A process that exits meanwhile, or cannot be read, is left out; the supervision goes on.
            if self.read(proc, pid, at).is_none() {
                self.changed |= self.entries.remove(&pid).is_some();
            }
        }
        self.pids = pids;
        self.collect_answers(
            proc,
            if self.is_first_scan { FIRST_ARGUMENTS_TIMEOUT } else { ARGUMENTS_TIMEOUT },
        );
        if self.changed || self.exe_scan_at == Some(at) {
            self.changed |= self.limited.update();
        }
        if self.changed || self.young_check_due.is_some_and(|next_check| at >= next_check) {
            self.young_check_due = self.entries.values().filter_map(ProcessEntry::next_check).min();
        }
        Ok(self.changed)
    }

    /// Applies other rules from now on: every process is matched again in the next scan.
    pub(crate) fn reconfigure(&mut self, rules: Arc<Rules>) {
        for entry in self.entries.values_mut() {
            entry.mark_outdated(|rule| rules.update_result(&self.rules, rule));
        }
        self.rules = rules;
        self.exe_scan_at = self.exe_scan_at.map(|_| Boottime::default());
        self.full_scan_at = self.exe_scan_at;
    }

    /// All processes, for the membership.
    pub(crate) fn observed(&self) -> Vec<ObservedProcess> {
        self.entries.values().map(|entry| self.observed_process(entry)).collect()
    }

    /// Takes the answers that arrive within `timeout`.
    pub(crate) fn collect_answers(&mut self, proc: &Proc, timeout: Duration) {
        for answer in self.reader.collect(timeout) {
            let is_asked = |k: &&mut ProcessEntry| k.key == answer.key && k.exec_id == answer.exec_id;
            let Some(entry) = self.entries.get_mut(&answer.key.pid).filter(is_asked) else { continue };
            self.changed = true;
            match answer.found {
                ReadResult::Arguments(argv) => {
                    entry.arguments(&self.rules, &argv, &|| proc.cwd(answer.key.pid));
                }
                ReadResult::Variables(values) => {
                    entry.variables(values.as_deref());
                }
                ReadResult::Smaps(..) => {}
            }
        }
    }

    /// Puts into `pids` the new processes, and in a scan of all those that may have changed.
    fn select(
        &mut self,
        proc: &Proc,
        at: Boottime,
        depth: ScanDepth,
        pids: &mut Vec<Pid>,
    ) -> Result<(), ReadError> {
        pids.clear();
        // A sample that follows a scan of new processes is of the same moment: the window is scanned again later.
        if self.scanned_at.replace(at) == Some(at) {
            return Ok(());
        }
        // Before the list: a process that starts in between is scanned once more.
        let now = self.last_pid.as_ref().and_then(LastPid::pid);
        let [before, last] = self.last_pids;
        self.last_pids = [last, now];
        // A pid is given out before its process can be found, so each window is scanned twice.
        let window = before.zip(last).zip(now).map(|((after, _), to)| Window { after, to });
        let is_newer = |last: Option<Boottime>, age| last.is_some_and(|last| at.since(last) < age);
        match window.filter(|_| is_newer(self.full_scan_at, depth.full_scan_max_age())) {
            Some(window) if !is_newer(self.exe_scan_at, depth.exe_scan_max_age()) => {
                self.scan_exe_links(proc, at, window, pids)
            }
            Some(window) => self.select_new(proc, window, pids),
            None => {
                self.list_all(proc, at, pids)?;
                self.kernel_threads.clear();
                self.full_scan_at = Some(at);
                Ok(())
            }
        }
    }

    /// Selects the processes in `window`.
    fn select_new(&self, proc: &Proc, window: Window, pids: &mut Vec<Pid>) -> Result<(), ReadError> {
        if let Some(new) = window.pids_to_probe() {
            pids.extend(new);
            return Ok(());
        }
        proc.pids(pids)?;
        let new = |pid: Pid| !self.entries.contains_key(&pid) && !self.kernel_threads.contains(&pid);
        pids.retain(|&pid| window.contains(pid) || new(pid));
        Ok(())
    }

    /// Lists all processes. Forgets those that have exited.
    fn list_all(&mut self, proc: &Proc, at: Boottime, pids: &mut Vec<Pid>) -> Result<(), ReadError> {
        proc.pids(pids)?;
        let there: HashSet<Pid> = pids.iter().copied().collect();
        let update_trees = self.entries.len();
        self.entries.retain(|pid, _| there.contains(pid));
        self.kernel_threads.retain(|pid| there.contains(pid));
        self.changed |= self.entries.len() < update_trees;
        self.exe_scan_at = Some(at);
        Ok(())
    }

    /// Selects the processes in `window`, and those with another executable than before. A kernel thread stays one until its
    /// pid is given out again.
    fn scan_exe_links(
        &mut self,
        proc: &Proc,
        at: Boottime,
        window: Window,
        pids: &mut Vec<Pid>,
    ) -> Result<(), ReadError> {
        self.list_all(proc, at, pids)?;
        let exe = |pid: &Pid| self.entries.get(pid).and_then(|entry| entry.exe.as_deref());
        pids.retain(|pid| {
            let runs_the_same = || exe(pid).is_some_and(|exe| proc.runs(*pid, exe));
            window.contains(*pid) || !(self.kernel_threads.contains(pid) || runs_the_same())
        });
        Ok(())
    }

    /// Reads one process; `None` if it has exited or is a kernel thread.
    fn read(&mut self, proc: &Proc, pid: Pid, at: Boottime) -> Option<()> {
        let stat = proc.stat(pid).ok()??;
        if stat.is_kernel_thread() {
            self.kernel_threads.insert(pid);
            return None;
        }
        // The pid may have been given out again.
        self.kernel_threads.remove(&pid);
        if stat.is_dead() {
            return None;
        }
        let mut before = self.entries.remove(&pid).filter(|entry| entry.key == stat.key);
        let reparented = before.as_ref().is_some_and(|entry| entry.parent != stat.parent);
        let session_changed = before.as_ref().is_some_and(|entry| entry.session != stat.session);
        let unchanged = before.as_mut().is_some_and(|entry| entry.update(at, &stat));
        self.changed |= reparented || session_changed || !unchanged;
        let mut entry = match before {
            Some(entry) if unchanged => entry,
            before => {
                let mut entry = self.identify(proc, at, &stat, before)?;
                if !self.reader.ask(stat.key, entry.exec_id, ReadRequest::Arguments) {
                    entry.checked_at = None;
                }
                entry
            }
        };
        if (reparented || !unchanged) && self.may_be_orphan(&entry) {
            ask_environment(&mut self.reader, &mut entry);
        }
        self.entries.insert(pid, entry);
        Some(())
    }

    fn identify(
        &self,
        proc: &Proc,
        at: Boottime,
        stat: &Stat,
        before: Option<ProcessEntry>,
    ) -> Option<ProcessEntry> {
        let pid = stat.key.pid;
        let status = proc.status(pid).ok()??;
        // A thread has a pid and a folder of its own.
        if status.tgid.is_some_and(|process| process != pid) {
            return None;
        }
        let exe = proc.exe(pid).ok()?;
        // Read now: the entry of the parent may be older than its last exec, or not exist yet.
        let parent = stat.parent.and_then(|pid| proc.stat(pid).ok().flatten());
        let parent = parent.filter(|p| ProcessIdentity::is_copy(stat.start_stack, p.start_stack));
        // Without address space randomization (setarch -R) two programs may have the same start of the stack.
        let is_copy = parent.is_some_and(|p| proc.exe(p.key.pid).is_ok_and(|parents| parents == exe));
        Some(ProcessEntry::new(
            &self.rules,
            at,
            stat,
            RunningProgram { uid: status.uid, exe, is_copy },
            before,
        ))
    }

    /// Whether its parent may not be the process that started it: a subreaper has a session of its own.
    fn may_be_orphan(&self, entry: &ProcessEntry) -> bool {
        // In the first scan all are candidates: sessions must be known before the first orphan is assigned.
        let parent = entry.parent.and_then(|pid| self.entries.get(&pid));
        self.supervises(entry.uid)
            && (self.is_first_scan || parent.is_some_and(|parent| parent.session != entry.session))
    }

    /// Its rule; for a process that was started under a limit, the rule for those.
    fn rule(&self, entry: &ProcessEntry) -> Option<Arc<Recognised>> {
        entry.rule.clone().or_else(|| self.limited.rule(entry.key.pid, &entry.name))
    }

    fn supervises(&self, uid: Uid) -> bool {
        self.only.is_none_or(|only| only == uid)
    }

    fn observed_process(&self, entry: &ProcessEntry) -> ObservedProcess {
        ObservedProcess {
            key: entry.key,
            parent: entry.parent,
            session: Pid::new(entry.session),
            uid: entry.uid,
            rule: self.rule(entry).filter(|_| self.supervises(entry.uid)),
            origin: match &entry.environment {
                EnvironmentState::Read(origin) => origin.clone(),
                _ => None,
            },
            environment_read: matches!(entry.environment, EnvironmentState::Read(_)),
            scope: self.limited.root_of(entry.key.pid),
        }
    }
}

fn ask_environment(reader: &mut BackgroundReader, entry: &mut ProcessEntry) {
    if matches!(entry.environment, EnvironmentState::NotRead)
        && reader.ask(entry.key, entry.exec_id, ReadRequest::Variables)
    {
        entry.environment = EnvironmentState::Requested;
    }
}
