//! What a process is, for as long as it does not exec.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::linux::procfs::stat::{Comm, Stat, Traces};
use crate::model::{Boottime, Bytes, Pid, ProcessIdentity, ProcessKey, Recognised, SpawnOrigin, Uid};
use crate::rules::{self, ProcessFacts, Rules};

/// An unmatched process is looked at again for so long after its start: a fork is seen before its exec.
const SETTLING: Duration = Duration::from_secs(10);

/// The first time.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Command lines are shown up to here.
pub(crate) const MAX_COMMAND_LEN: usize = 256;

/// What runs in a process.
pub(crate) struct Program {
    pub(crate) uid: Uid,
    /// `None` where it is hidden from us.
    pub(crate) exe: Option<PathBuf>,
    /// Forked from its parent and not exec'd yet.
    pub(crate) is_copy: bool,
}

/// What its environment says of where a process came from.
#[derive(Clone, Debug)]
pub(crate) enum Environment {
    /// Nobody was asked.
    Unasked,
    /// The answer is not there yet.
    Asked,
    /// `None`: nothing, or it cannot be read.
    Told(Option<Arc<SpawnOrigin>>),
}

/// One process.
#[derive(Debug)]
pub(crate) struct ProcessEntry {
    pub(crate) key: ProcessKey,
    pub(crate) parent: Option<Pid>,
    pub(crate) session: i32,
    /// Its main thread has left before the others.
    pub(crate) headless: bool,
    comm: Comm,
    /// Where its stack starts: the same for a process and its forks until they exec.
    pub(crate) image: u64,
    pub(crate) uid: Uid,
    pub(crate) exe: Option<PathBuf>,
    /// What tells whether its memory has moved.
    pub(crate) traces: Traces,
    pub(crate) rule: Option<Arc<Recognised>>,
    /// The rule that matched this very image before it gave itself a new title.
    matched: Option<Arc<Recognised>>,
    /// The rules have changed since they were asked: what they say anew counts.
    outdated: bool,
    /// Its parent's copy, forked and nothing else yet: whatever it looks like, it is no agent of its own.
    copy: bool,
    pub(crate) environment: Environment,
    /// What its arguments, or else its environment, say of its heap's limit.
    heap_said: [Option<Bytes>; 2],
    pub(crate) name: String,
    pub(crate) command: String,
    /// When its arguments were asked for; `None`: nobody could be asked, too many questions wait.
    pub(crate) looked: Option<Boottime>,
}

impl ProcessEntry {
    /// What `stat` and its executable tell; its arguments come later, until then it is what it was `before`.
    pub(crate) fn new(
        rules: &Rules,
        at: Boottime,
        stat: &Stat,
        program: Program,
        before: Option<Self>,
    ) -> Self {
        let Program { uid, exe, is_copy } = program;
        let same = before.filter(|known| known.exe == exe && known.image == stat.start_stack);
        let still = |known: &Self| if known.outdated { known.matched.clone() } else { known.rule.clone() };
        let matched = same.as_ref().and_then(still);
        let outdated = same.as_ref().filter(|known| known.outdated).and_then(|known| known.rule.clone());
        let mut known = Self {
            key: stat.key,
            parent: stat.parent,
            session: stat.session,
            headless: stat.state == b'Z',
            comm: stat.comm,
            image: stat.start_stack,
            uid,
            traces: stat.traces,
            rule: None,
            matched,
            outdated: false,
            copy: is_copy || same.as_ref().is_some_and(|known| known.copy),
            environment: same.as_ref().map_or(Environment::Unasked, |known| known.environment.clone()),
            heap_said: same.as_ref().map_or([None; 2], |known| known.heap_said),
            name: ProcessIdentity::name(exe.as_deref(), None, stat.comm.as_bytes()),
            command: same.map(|known| known.command).unwrap_or_default(),
            exe,
            looked: Some(at),
        };
        known.recognise(rules, &[], &|| None);
        if known.rule.is_none() && outdated.is_some() {
            // Until its arguments are there to ask by.
            known.rule = outdated;
            known.outdated = true;
        }
        known
    }

    /// Takes in what `stat` says now; `false`: it may have become something else.
    pub(crate) fn update(&mut self, at: Boottime, stat: &Stat) -> bool {
        self.parent = stat.parent;
        self.session = stat.session;
        self.traces = stat.traces;
        self.headless = stat.state == b'Z';
        // The memory of a process is no longer its main thread's to tell, once that has left.
        if self.headless {
            return true;
        }
        let again = self.due().is_some_and(|due| at >= due);
        stat.comm == self.comm && stat.start_stack == self.image && !again
    }

    /// Has it looked at again, by other rules. What its own rule `still` says of it counts: it may have given itself a
    /// title since, by which no rule would know it.
    pub(crate) fn doubt(&mut self, still: impl Fn(&Recognised) -> Option<Arc<Recognised>>) {
        self.matched = self.rule.as_deref().and_then(still);
        self.outdated = true;
        self.looked = None;
    }

    /// When it is to be looked at again, young as it is and known by no rule: each second at first, and then each time when
    /// it is half as old again.
    pub(crate) fn due(&self) -> Option<Boottime> {
        let start = Boottime::from_ticks(self.key.start_ticks);
        let Some(looked) = self.looked else { return Some(start) };
        if self.rule.is_some() {
            return None;
        }
        let age = looked.since(start);
        Some(looked + (age / 2).max(LOOK_AGAIN)).filter(|due| *due < self.settled())
    }

    /// Whether it may not be yet what it is to be: most execs follow their fork soon.
    pub(crate) fn is_young(&self, at: Boottime) -> bool {
        at < self.settled()
    }

    /// When it is no longer young.
    pub(crate) fn settled(&self) -> Boottime {
        Boottime::from_ticks(self.key.start_ticks) + SETTLING
    }

    /// Takes in its environment's variables; `None` where they are hidden.
    pub(crate) fn variables(&mut self, values: Option<&[Option<OsString>]>) {
        self.environment = Environment::Told(values.and_then(rules::origin).map(Arc::new));
        self.heap_said[1] = values.and_then(rules::heap_limit_in);
    }

    /// What its runtime allows its heap, with so much memory.
    pub(crate) fn heap_limit(&self, memory: Bytes) -> Option<Bytes> {
        let [argument, variable] = self.heap_said;
        // Not before both are known.
        let told = matches!(self.environment, Environment::Told(_)) && rules::has_heap_limit(&self.name);
        told.then(|| argument.or(variable).unwrap_or_else(|| rules::default_heap_limit(memory)))
    }

    /// Takes in its arguments.
    pub(crate) fn arguments(&mut self, rules: &Rules, argv: &[OsString], cwd: &dyn Fn() -> Option<PathBuf>) {
        let argv0 = argv.first().map(OsString::as_os_str);
        self.name = ProcessIdentity::name(self.exe.as_deref(), argv0, self.comm.as_bytes());
        self.command = ProcessIdentity::command(argv, MAX_COMMAND_LEN);
        self.heap_said[0] = rules::heap_limit_of(argv);
        self.outdated = false;
        self.recognise(rules, argv, cwd);
    }

    fn recognise(&mut self, rules: &Rules, argv: &[OsString], cwd: &dyn Fn() -> Option<PathBuf>) {
        let rule = rules.recognise(&ProcessFacts { exe: self.exe.as_deref(), argv, cwd });
        // A program that rewrites its title stays what it was: only an exec makes it something else.
        self.rule = rule.or(self.matched.clone()).filter(|_| !self.copy);
    }
}
