//! Every process of the guest, without asking every one of them in every tick.
//!
//! Members of agents are looked at in each look, newcomers as soon as the last pid given out shows that there are
//! some, and then while they are young; all in a sweep now and then: a process that execs in place keeps its pid.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::limited_scopes::Limited;
use super::process_entry::{Environment, ProcessEntry, Program};
use super::scan_depth::ScanDepth;
use crate::attribution::membership::ObservedProcess;
use crate::linux::procfs::background::{Found, Question, SlowReader};
use crate::linux::procfs::last_pid::{LastPid, Window};
use crate::linux::procfs::stat::Stat;
use crate::linux::procfs::{Proc, ReadError};
use crate::model::{Boottime, Pid, ProcessIdentity, ProcessKey, Recognised, Uid};
use crate::rules::{self, Rules};

/// So long a tick waits for the arguments of newcomers; they come in microseconds, unless their process blocks.
const PATIENCE: Duration = Duration::from_millis(20);

/// And the first look, which has all of them to ask: a first status that lacks agents would mislead.
const FIRST_PATIENCE: Duration = Duration::from_secs(1);

/// At whom to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whom {
    /// Those who have started, and who are young.
    Newcomers,
    /// Members of agents as well.
    Members,
}

/// The processes that there are.
#[derive(Debug)]
pub(crate) struct ProcessTable {
    known: HashMap<Pid, ProcessEntry>,
    /// Kernel threads: nothing to see in them until the next sweep.
    kernel: HashSet<Pid>,
    members: HashSet<Pid>,
    rules: Arc<Rules>,
    slow: SlowReader,
    limited: Limited,
    newest: Option<LastPid>,
    /// The last pid of the look before the last, and of the last.
    last: [Option<Pid>; 2],
    swept: Option<Boottime>,
    /// When all were looked at by their `stat`.
    combed: Option<Boottime>,
    /// The moment of the last look.
    looked: Option<Boottime>,
    /// When a young process that no rule knows is to be looked at again; `None`: there is none.
    stirs: Option<Boottime>,
    /// This is the first look.
    first: bool,
    /// Something of what the census goes by has changed in this look.
    changed: bool,
    pids: Vec<Pid>,
    /// Only this user's agents are supervised; `None`: everybody's.
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
            known: HashMap::new(),
            kernel: HashSet::new(),
            members: HashSet::new(),
            rules,
            slow: SlowReader::open(proc, rules::VARIABLES)?,
            limited: Limited::new(&Proc::open(proc)?, cgroup),
            newest: LastPid::open(proc),
            last: [None, None],
            swept: None,
            combed: None,
            looked: None,
            stirs: None,
            first: true,
            changed: false,
            pids: Vec::new(),
            only,
        })
    }

    pub(crate) fn get(&self, key: ProcessKey) -> Option<&ProcessEntry> {
        self.known.get(&key.pid).filter(|known| known.key == key)
    }

    #[cfg(test)]
    pub(crate) fn put_off_sweep(&mut self) {
        self.swept = Some(crate::linux::clock::now());
        self.combed = self.swept;
    }

    /// Who is asked in a calm sweep.
    #[cfg(test)]
    pub(crate) fn skimmed(&mut self, proc: &Proc) -> Vec<Pid> {
        let (mut pids, nobody) = (Vec::new(), Pid::new(i32::MAX).map(|pid| Window { after: pid, to: pid }));
        if let Some(window) = nobody {
            self.skim(proc, Boottime::default(), window, &mut pids).unwrap();
        }
        pids.sort_unstable();
        pids
    }

    #[cfg(test)]
    pub(crate) fn knows(&self, pid: Pid) -> bool {
        self.known.contains_key(&pid)
    }

    /// Whom to look at in each tick from now on. What their environments say tells whose strays are that say the same.
    pub(crate) fn watch(&mut self, members: impl Iterator<Item = ProcessKey>) {
        self.members.clear();
        for key in members {
            self.members.insert(key.pid);
            if let Some(known) = self.known.get_mut(&key.pid).filter(|known| known.key == key) {
                ask_environment(&mut self.slow, known);
            }
        }
    }

    /// Whether there may be newcomers, or young processes become something else. Reads one small file.
    pub(crate) fn is_stirring(&self, at: Boottime) -> bool {
        let Some(newest) = &self.newest else { return true };
        let now = newest.pid();
        // Each window of pids is looked at twice.
        self.last.contains(&None) || self.last != [now, now] || self.stirs.is_some_and(|due| at >= due)
    }

    /// Whether there is a young process that may yet become something else.
    pub(crate) fn has_young(&self) -> bool {
        self.stirs.is_some()
    }

    /// Looks at those who may have changed; at all where that was not done lately. Whether anything of what the census
    /// goes by did.
    pub(crate) fn look(
        &mut self,
        proc: &Proc,
        at: Boottime,
        care: ScanDepth,
        whom: Whom,
    ) -> Result<bool, ReadError> {
        let mut pids = std::mem::take(&mut self.pids);
        self.first = self.swept.is_none();
        self.changed = false;
        self.choose(proc, at, care, &mut pids)?;
        if whom == Whom::Members {
            pids.extend(&self.members);
        }
        pids.extend(self.known.values().filter(|known| known.is_young(at)).map(|known| known.key.pid));
        pids.sort_unstable();
        pids.dedup();
        for &pid in &pids {
            // What vanishes, or cannot be read, while we look is not there; that ends no supervision.
            if self.read(proc, pid, at).is_none() {
                self.changed |= self.known.remove(&pid).is_some();
            }
        }
        self.pids = pids;
        self.await_answers(proc, if self.first { FIRST_PATIENCE } else { PATIENCE });
        if self.changed || self.swept == Some(at) {
            self.changed |= self.limited.look();
        }
        if self.changed || self.stirs.is_some_and(|due| at >= due) {
            self.stirs = self.known.values().filter_map(ProcessEntry::due).min();
        }
        Ok(self.changed)
    }

    /// Goes by other rules from now on: every process is asked anew what it runs, in the next look.
    pub(crate) fn reconfigure(&mut self, rules: Arc<Rules>) {
        for known in self.known.values_mut() {
            known.doubt(|said| rules.still(&self.rules, said));
        }
        self.rules = rules;
        self.swept = self.swept.map(|_| Boottime::default());
        self.combed = self.swept;
    }

    /// Every process as the census is to know it.
    pub(crate) fn seen(&self) -> Vec<ObservedProcess> {
        self.known.values().map(|known| self.seen_one(known)).collect()
    }

    /// Takes in what was asked of processes, as far as it comes in time.
    pub(crate) fn await_answers(&mut self, proc: &Proc, patience: Duration) {
        for answer in self.slow.answers(patience) {
            let asked_of = |k: &&mut ProcessEntry| k.key == answer.key && k.image == answer.image;
            let Some(known) = self.known.get_mut(&answer.key.pid).filter(asked_of) else { continue };
            self.changed = true;
            match answer.found {
                Found::Arguments(argv) => {
                    known.arguments(&self.rules, &argv, &|| proc.cwd(answer.key.pid));
                }
                Found::Variables(values) => {
                    known.variables(values.as_deref());
                }
                Found::Weight(..) => {}
            }
        }
    }

    /// Puts into `pids` who may have come, and in a sweep who may have changed.
    fn choose(
        &mut self,
        proc: &Proc,
        at: Boottime,
        care: ScanDepth,
        pids: &mut Vec<Pid>,
    ) -> Result<(), ReadError> {
        pids.clear();
        // A look that follows on newcomers is of the same moment: the second look at a window comes later.
        if self.looked.replace(at) == Some(at) {
            return Ok(());
        }
        // Before the list: what starts in between is looked at once more.
        let now = self.newest.as_ref().and_then(LastPid::pid);
        let [before, last] = self.last;
        self.last = [last, now];
        // A pid is given out before its process can be found, so each window is looked at twice.
        let window = before.zip(last).zip(now).map(|((after, _), to)| Window { after, to });
        let within = |last: Option<Boottime>, age| last.is_some_and(|last| at.since(last) < age);
        match window.filter(|_| within(self.combed, care.comb())) {
            Some(window) if !within(self.swept, care.sweep()) => self.skim(proc, at, window, pids),
            Some(window) => self.newcomers(proc, window, pids),
            None => {
                self.sweep(proc, at, pids)?;
                self.kernel.clear();
                self.combed = Some(at);
                Ok(())
            }
        }
    }

    /// Those in `window`.
    fn newcomers(&self, proc: &Proc, window: Window, pids: &mut Vec<Pid>) -> Result<(), ReadError> {
        if let Some(new) = window.pids_to_probe() {
            pids.extend(new);
            return Ok(());
        }
        proc.pids(pids)?;
        let new = |pid: Pid| !self.known.contains_key(&pid) && !self.kernel.contains(&pid);
        pids.retain(|&pid| window.contains(pid) || new(pid));
        Ok(())
    }

    /// All that there are. Forgets who has gone.
    fn sweep(&mut self, proc: &Proc, at: Boottime, pids: &mut Vec<Pid>) -> Result<(), ReadError> {
        proc.pids(pids)?;
        let there: HashSet<Pid> = pids.iter().copied().collect();
        let count = self.known.len();
        self.known.retain(|pid, _| there.contains(pid));
        self.kernel.retain(|pid| there.contains(pid));
        self.changed |= self.known.len() < count;
        self.swept = Some(at);
        Ok(())
    }

    /// Those in `window`, and those who run another program than they did. Who is the kernel's own stays so until its
    /// pid is given out again.
    fn skim(
        &mut self,
        proc: &Proc,
        at: Boottime,
        window: Window,
        pids: &mut Vec<Pid>,
    ) -> Result<(), ReadError> {
        self.sweep(proc, at, pids)?;
        let exe = |pid: &Pid| self.known.get(pid).and_then(|known| known.exe.as_deref());
        pids.retain(|pid| {
            let runs_the_same = || exe(pid).is_some_and(|exe| proc.runs(*pid, exe));
            window.contains(*pid) || !(self.kernel.contains(pid) || runs_the_same())
        });
        Ok(())
    }

    /// Looks at one process; `None`: it is not there.
    fn read(&mut self, proc: &Proc, pid: Pid, at: Boottime) -> Option<()> {
        let stat = proc.stat(pid).ok()??;
        if stat.is_kernel_thread() {
            self.kernel.insert(pid);
            return None;
        }
        // A pid is given out again.
        self.kernel.remove(&pid);
        if stat.is_dead() {
            return None;
        }
        let mut before = self.known.remove(&pid).filter(|known| known.key == stat.key);
        let moved = before.as_ref().is_some_and(|known| known.parent != stat.parent);
        let resettled = before.as_ref().is_some_and(|known| known.session != stat.session);
        let unchanged = before.as_mut().is_some_and(|known| known.update(at, &stat));
        self.changed |= moved || resettled || !unchanged;
        let mut known = match before {
            Some(known) if unchanged => known,
            before => {
                let mut known = self.identify(proc, at, &stat, before)?;
                if !self.slow.ask(stat.key, known.image, Question::Arguments) {
                    known.looked = None;
                }
                known
            }
        };
        if (moved || !unchanged) && self.may_be_astray(&known) {
            ask_environment(&mut self.slow, &mut known);
        }
        self.known.insert(pid, known);
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
        // As it is now: what is known of it may be older than its last exec, or not be there yet.
        let parent = stat.parent.and_then(|pid| proc.stat(pid).ok().flatten());
        let parent = parent.filter(|p| ProcessIdentity::is_copy(stat.start_stack, p.start_stack));
        // Where the kernel does not choose at random (setarch -R), two programs may have the same stack.
        let is_copy = parent.is_some_and(|p| proc.exe(p.key.pid).is_ok_and(|parents| parents == exe));
        Some(ProcessEntry::new(&self.rules, at, stat, Program { uid: status.uid, exe, is_copy }, before))
    }

    /// Whether its parent may be another than the one that started it: whoever takes in orphans has a session of its
    /// own.
    fn may_be_astray(&self, known: &ProcessEntry) -> bool {
        // In the first look all are asked: sessions are to be known before the first stray is judged.
        let parent = known.parent.and_then(|pid| self.known.get(&pid));
        self.supervises(known.uid)
            && (self.first || parent.is_some_and(|parent| parent.session != known.session))
    }

    /// What a rule makes of it, else that it was started under a limit.
    fn rule(&self, known: &ProcessEntry) -> Option<Arc<Recognised>> {
        known.rule.clone().or_else(|| self.limited.rule(known.key.pid, &known.name))
    }

    fn supervises(&self, uid: Uid) -> bool {
        self.only.is_none_or(|only| only == uid)
    }

    fn seen_one(&self, known: &ProcessEntry) -> ObservedProcess {
        ObservedProcess {
            key: known.key,
            parent: known.parent,
            session: Pid::new(known.session),
            uid: known.uid,
            rule: self.rule(known).filter(|_| self.supervises(known.uid)),
            origin: match &known.environment {
                Environment::Told(origin) => origin.clone(),
                _ => None,
            },
            environment_read: matches!(known.environment, Environment::Told(_)),
            scope: self.limited.root_of(known.key.pid),
        }
    }
}

fn ask_environment(slow: &mut SlowReader, known: &mut ProcessEntry) {
    if matches!(known.environment, Environment::Unasked)
        && slow.ask(known.key, known.image, Question::Variables)
    {
        known.environment = Environment::Asked;
    }
}
