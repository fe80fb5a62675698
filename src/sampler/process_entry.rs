//! One process: its program, rule and environment, until its next exec.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use super::sampling_policy::{MIN_YOUNG_CHECK_INTERVAL, YOUNG_AGE};
use crate::linux::procfs::stat::{Comm, MemoryCounters, Stat};
use crate::model::{Boottime, Bytes, Pid, ProcessIdentity, ProcessKey, Recognised, SpawnOrigin, Uid};
use crate::rules::{self, ProcessFacts, Rules};

/// Upper bound for command lines as they are shown.
pub(crate) const MAX_COMMAND_LEN: usize = 256;

/// The program that a process runs.
pub(crate) struct RunningProgram {
    pub(crate) uid: Uid,
    /// `None` without the permission to see it.
    pub(crate) exe: Option<PathBuf>,
    /// Forked from its parent, and no exec since.
    pub(crate) is_copy: bool,
}

/// The origin of a process, as its environment says.
#[derive(Clone, Debug)]
pub(crate) enum EnvironmentState {
    /// Not requested.
    NotRead,
    /// Requested, and not answered yet.
    Requested,
    /// `None` if it has none, or cannot be read.
    Read(Option<Arc<SpawnOrigin>>),
}

/// One process.
#[derive(Debug)]
pub(crate) struct ProcessEntry {
    pub(crate) key: ProcessKey,
    pub(crate) parent: Option<Pid>,
    pub(crate) session: i32,
    /// Its main thread has exited before the others.
    pub(crate) main_thread_exited: bool,
    comm: Comm,
    /// Start of its stack: the same for a process and its forks until they exec.
    pub(crate) exec_id: u64,
    pub(crate) uid: Uid,
    pub(crate) exe: Option<PathBuf>,
    /// Unchanged as long as its memory is.
    pub(crate) counters: MemoryCounters,
    pub(crate) rule: Option<Arc<Recognised>>,
    /// The rule that matched this program before it changed its title.
    matched: Option<Arc<Recognised>>,
    /// The rules have changed since the last match.
    outdated: bool,
    /// A copy of its parent, forked and no exec since: it is no agent of its own, although the same rule matches it.
    is_copy: bool,
    pub(crate) environment: EnvironmentState,
    /// The limit of its heap by its arguments, and by its environment.
    heap_limits: [Option<Bytes>; 2],
    pub(crate) name: String,
    pub(crate) command: String,
    /// When its arguments were requested; `None` if the request was refused, because too many are pending.
    pub(crate) checked_at: Option<Boottime>,
}

impl ProcessEntry {
    /// From `stat` and the executable. The arguments follow; until then the rule of `before` applies.
    pub(crate) fn new(
        rules: &Rules,
        at: Boottime,
        stat: &Stat,
        program: RunningProgram,
        before: Option<Self>,
    ) -> Self {
        let RunningProgram { uid, exe, is_copy } = program;
        let same = before.filter(|entry| entry.exe == exe && entry.exec_id == stat.start_stack);
        let still = |entry: &Self| if entry.outdated { entry.matched.clone() } else { entry.rule.clone() };
        let matched = same.as_ref().and_then(still);
        let outdated = same.as_ref().filter(|entry| entry.outdated).and_then(|entry| entry.rule.clone());
        let mut entry = Self {
            key: stat.key,
            parent: stat.parent,
            session: stat.session,
            main_thread_exited: stat.state == b'Z',
            comm: stat.comm,
            exec_id: stat.start_stack,
            uid,
            counters: stat.counters,
            rule: None,
            matched,
            outdated: false,
            is_copy: is_copy || same.as_ref().is_some_and(|entry| entry.is_copy),
            environment: same.as_ref().map_or(EnvironmentState::NotRead, |entry| entry.environment.clone()),
            heap_limits: same.as_ref().map_or([None; 2], |entry| entry.heap_limits),
            name: ProcessIdentity::name(exe.as_deref(), None, stat.comm.as_bytes()),
            command: same.map(|entry| entry.command).unwrap_or_default(),
            exe,
            checked_at: Some(at),
        };
        entry.recognise(rules, &[], &|| None);
        if entry.rule.is_none() && outdated.is_some() {
            // Until its arguments are read.
            entry.rule = outdated;
            entry.outdated = true;
        }
        entry
    }

    /// Updates it from a new `stat`. Returns `false` if it may have exec'd, or is due for a check.
    pub(crate) fn update(&mut self, at: Boottime, stat: &Stat) -> bool {
        self.parent = stat.parent;
        self.session = stat.session;
        self.counters = stat.counters;
        self.main_thread_exited = stat.state == b'Z';
        // Without its main thread `comm` and the stack say nothing any more.
        if self.main_thread_exited {
            return true;
        }
        let is_due = self.next_check().is_some_and(|next_check| at >= next_check);
        stat.comm == self.comm && stat.start_stack == self.exec_id && !is_due
    }

    /// Has it matched again, by other rules. The successor of its own rule (`still`) applies as well: it may have changed its
    /// title since, which no rule would match.
    pub(crate) fn mark_outdated(&mut self, still: impl Fn(&Recognised) -> Option<Arc<Recognised>>) {
        self.matched = self.rule.as_deref().and_then(still);
        self.outdated = true;
        self.checked_at = None;
    }

    /// When a young process without a rule is due for a check: each second at first, then whenever it is half as old again.
    pub(crate) fn next_check(&self) -> Option<Boottime> {
        let start = Boottime::from_ticks(self.key.start_ticks);
        let Some(checked_at) = self.checked_at else { return Some(start) };
        if self.rule.is_some() {
            return None;
        }
        let age = checked_at.since(start);
        Some(checked_at + (age / 2).max(MIN_YOUNG_CHECK_INTERVAL))
            .filter(|next_check| *next_check < self.young_until())
    }

    /// Whether it may still exec: most execs follow soon after the fork.
    pub(crate) fn is_young(&self, at: Boottime) -> bool {
        at < self.young_until()
    }

    /// End of the time in which it is young.
    pub(crate) fn young_until(&self) -> Boottime {
        Boottime::from_ticks(self.key.start_ticks) + YOUNG_AGE
    }

    /// Records its environment variables; `None` if they are hidden.
    pub(crate) fn variables(&mut self, values: Option<&[Option<OsString>]>) {
        self.environment = EnvironmentState::Read(values.and_then(rules::origin).map(Arc::new));
        self.heap_limits[1] = values.and_then(rules::heap_limit_in);
    }

    /// The limit that its runtime sets for its heap, in a guest with this memory.
    pub(crate) fn heap_limit(&self, memory: Bytes) -> Option<Bytes> {
        let [argument, variable] = self.heap_limits;
        // Not before both are read.
        let is_known =
            matches!(self.environment, EnvironmentState::Read(_)) && rules::has_heap_limit(&self.name);
        is_known.then(|| argument.or(variable).unwrap_or_else(|| rules::default_heap_limit(memory)))
    }

    /// Records its arguments, and matches the rules.
    pub(crate) fn arguments(&mut self, rules: &Rules, argv: &[OsString], cwd: &dyn Fn() -> Option<PathBuf>) {
        let argv0 = argv.first().map(OsString::as_os_str);
        self.name = ProcessIdentity::name(self.exe.as_deref(), argv0, self.comm.as_bytes());
        self.command = ProcessIdentity::command(argv, MAX_COMMAND_LEN);
        self.heap_limits[0] = rules::heap_limit_of(argv);
        self.outdated = false;
        self.recognise(rules, argv, cwd);
    }

    fn recognise(&mut self, rules: &Rules, argv: &[OsString], cwd: &dyn Fn() -> Option<PathBuf>) {
        let rule = rules.recognise(&ProcessFacts { exe: self.exe.as_deref(), argv, cwd });
        // A program that rewrites its title keeps its rule: only an exec changes it.
        self.rule = rule.or(self.matched.clone()).filter(|_| !self.is_copy);
    }
}
