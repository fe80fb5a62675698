//! Reads that may block: `cmdline`, `environ` and `smaps_rollup` take the process's mmap lock, and a process that
//! faults from a slow disk or thrashes may hold it for long. They are asked for and answered later, by threads of
//! their own, so that no tick waits for them.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::Proc;
use super::error::ReadError;
use super::smaps_rollup::Rollup;
use crate::linux::process::capability;
use crate::model::{Charge, ProcessKey};

/// A question that is older waits behind a process that blocks: another thread takes on those behind it.
const BLOCKED: Duration = Duration::from_millis(100);

/// So many processes may block at once; what is asked of others then goes unanswered until one of them gives way.
/// Each is a thread, and the unit has 32.
const THREADS: usize = 4;

/// Questions that wait; those beyond are refused, and asked again later.
const WAITING: usize = 4096;

/// Answers that wait to be taken; a thread with one more waits with it. One may have 16 KiB of arguments, cut into
/// words.
const ANSWERS: usize = 32;

/// A command line is told up to so many words: a program's options and its script stand at the start, and a word costs
/// more than its letters.
const WORDS: usize = 256;

/// What may be asked of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Question {
    /// Its arguments.
    Arguments,
    /// Those of its environment's variables that the reader was made for.
    Variables,
    /// Its `smaps_rollup`, and what `status` and `meminfo` say at the same moment.
    Weight,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Its arguments; empty where it has none or hides them.
    Arguments(Vec<OsString>),
    /// The values of the variables, in the order of their names; `None` where it has none of them or hides them.
    Variables(Option<Vec<Option<OsString>>>),
    /// Its memory, and how long it took to read; `None` where it cannot be had.
    Weight(Option<Weight>, Duration),
}

/// What a process holds and what it seems to, at one moment: a process that allocates meanwhile would else have its
/// newest pages in one figure and not in the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weight {
    /// What it shares.
    pub rollup: Rollup,
    /// What it maps.
    pub charge: Charge,
    /// What the guest holds.
    pub held: Charge,
}

/// The answer to one question.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Of whom.
    pub key: ProcessKey,
    /// What it ran when it was asked about; an answer may speak of a program that is gone by an exec.
    pub image: u64,
    /// What.
    pub found: Found,
}

/// Of whom, running what, and what.
type Asked = (ProcessKey, u64, Question);

/// Asks and collects answers.
#[derive(Debug)]
pub struct SlowReader {
    proc: Arc<Proc>,
    variables: &'static [&'static str],
    ask: Sender<Asked>,
    asked: Arc<Mutex<Receiver<Asked>>>,
    answer: SyncSender<Answer>,
    answered: Receiver<Answer>,
    /// What is asked and not answered, with when.
    open: HashMap<Asked, Instant>,
    threads: usize,
}

impl SlowReader {
    /// A reader of the tree at `root`; of environments it returns nothing but `variables`.
    ///
    /// # Errors
    /// Where `root` is no directory that we may read.
    pub fn open(root: &Path, variables: &'static [&'static str]) -> Result<Self, ReadError> {
        let (ask, asked) = channel();
        let (answer, answered) = sync_channel(ANSWERS);
        Ok(Self {
            proc: Arc::new(Proc::open(root)?),
            variables,
            ask,
            asked: Arc::new(Mutex::new(asked)),
            answer,
            answered,
            open: HashMap::new(),
            threads: 0,
        })
    }

    /// Asks, unless the same was asked and not answered. `image` tells one program from the next that the process runs
    /// by exec; it comes back with the answer. `false`: nobody can answer now.
    pub fn ask(&mut self, key: ProcessKey, image: u64, question: Question) -> bool {
        if self.open.len() >= WAITING || (self.threads == 0 && !self.hire()) {
            return false;
        }
        self.open.entry((key, image, question)).or_insert_with(|| {
            // The receiver is ours and lives as long as we do.
            let _ = self.ask.send((key, image, question));
            Instant::now()
        });
        true
    }

    /// Whether a question to that process is not answered yet.
    #[must_use]
    pub fn waits_for(&self, key: ProcessKey) -> bool {
        self.open.keys().any(|(asked, ..)| *asked == key)
    }

    /// The answers that are there, and those to questions that are not older than `patience`: a process that blocks
    /// is waited for once, not in every tick.
    pub fn answers(&mut self, patience: Duration) -> Vec<Answer> {
        let mut answers = Vec::new();
        while let Some(newest) = self.open.values().max() {
            let left = patience.saturating_sub(newest.elapsed());
            match self.answered.recv_timeout(left.min(BLOCKED)) {
                Ok(answer) => {
                    self.open.remove(&(answer.key, answer.image, answer.found.question()));
                    answers.push(answer);
                }
                Err(RecvTimeoutError::Timeout) if left > Duration::ZERO => self.relieve(),
                Err(_) => break,
            }
        }
        self.relieve();
        answers
    }

    /// Another thread, where those there are seem to be blocked.
    fn relieve(&mut self) {
        let oldest = self.open.values().min();
        if oldest.is_some_and(|asked| asked.elapsed() > BLOCKED * u32::try_from(self.threads).unwrap_or(1)) {
            self.hire();
        }
    }

    fn hire(&mut self) -> bool {
        if self.threads >= THREADS {
            return false;
        }
        let (proc, variables) = (Arc::clone(&self.proc), self.variables);
        let (asked, answer) = (Arc::clone(&self.asked), self.answer.clone());
        let work = move || {
            loop {
                let next = asked.lock().unwrap_or_else(PoisonError::into_inner).recv();
                let Ok((key, image, question)) = next else { return };
                let found = read(&proc, key, question, variables);
                if answer.send(Answer { key, image, found }).is_err() {
                    return;
                }
            }
        };
        let hired = thread::Builder::new().name("slow-reader".to_owned()).spawn(work).is_ok();
        self.threads += usize::from(hired);
        hired
    }
}

impl Found {
    fn question(&self) -> Question {
        match self {
            Self::Arguments(_) => Question::Arguments,
            Self::Variables(_) => Question::Variables,
            Self::Weight(..) => Question::Weight,
        }
    }
}

fn read(proc: &Proc, key: ProcessKey, question: Question, variables: &[&str]) -> Found {
    match question {
        Question::Arguments => {
            let mut argv = proc.arguments(key.pid).unwrap_or_default();
            argv.truncate(WORDS);
            argv.shrink_to_fit();
            Found::Arguments(argv)
        }
        Question::Variables => Found::Variables(
            capability::reading_any_file(|| proc.variables(key.pid, variables)).ok().flatten(),
        ),
        Question::Weight => {
            let begun = Instant::now();
            Found::Weight(weigh(proc, key), begun.elapsed())
        }
    }
}

fn weigh(proc: &Proc, key: ProcessKey) -> Option<Weight> {
    let rollup = proc.whole_file(key.pid, "smaps_rollup").ok()?;
    // At once after it: the walk takes milliseconds, these do not.
    let charge = proc.status(key.pid).ok()??.charge?;
    let held = proc.guest().ok()?.process_totals;
    Some(Weight { rollup: Rollup::parse(&rollup, charge.swap)?, charge, held })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Bytes, Pid};

    const PATIENCE: Duration = Duration::from_secs(20);

    fn ourselves() -> ProcessKey {
        let pid = Pid::new(i32::try_from(std::process::id()).unwrap()).unwrap();
        ProcessKey { pid, start_ticks: 0 }
    }

    #[test]
    fn all_is_answered_once() {
        let mut reader = SlowReader::open(Path::new("/proc"), &["PATH", "NO_SUCH_VARIABLE"]).unwrap();
        for question in [Question::Arguments, Question::Variables, Question::Weight, Question::Arguments] {
            assert!(reader.ask(ourselves(), 7, question));
        }
        assert!(reader.waits_for(ourselves()));
        let answers = reader.answers(PATIENCE);
        assert_eq!(answers.len(), 3);
        for answer in answers {
            match answer.found {
                Found::Arguments(argv) => assert!(!argv.is_empty()),
                Found::Variables(values) => {
                    assert_eq!(values, Some(vec![std::env::var_os("PATH"), None]));
                }
                Found::Weight(weight, _) => {
                    let Weight { rollup, charge, held } = weight.unwrap();
                    assert!(rollup.share.anon > Bytes::ZERO && charge.anon <= held.anon);
                }
            }
        }
        assert!(!reader.waits_for(ourselves()));
    }

    #[test]
    fn a_process_that_is_gone_is_answered_too() {
        let mut reader = SlowReader::open(Path::new("/proc"), &[]).unwrap();
        let gone = ProcessKey { pid: Pid::new(i32::MAX).unwrap(), start_ticks: 1 };
        reader.ask(gone, 0, Question::Weight);
        reader.ask(gone, 0, Question::Arguments);
        assert_eq!(reader.answers(PATIENCE).len(), 2);
    }

    /// A fifo blocks whoever opens it, as a process in a page fault blocks whoever reads its arguments.
    #[test]
    fn a_process_that_blocks_holds_up_nobody_else() {
        let root = tempfile::tempdir().unwrap();
        for pid in [1, 2, 3] {
            std::fs::create_dir(root.path().join(pid.to_string())).unwrap();
        }
        let key = |pid| ProcessKey { pid: Pid::new(pid).unwrap(), start_ticks: 0 };
        let fifo = root.path().join("1/cmdline");
        let made = std::process::Command::new("mkfifo").arg(&fifo).status().unwrap();
        assert!(made.success());
        std::fs::write(root.path().join("2/cmdline"), "two\0").unwrap();
        std::fs::write(root.path().join("3/cmdline"), "three\0").unwrap();
        let mut reader = SlowReader::open(root.path(), &[]).unwrap();
        for pid in [1, 2, 3] {
            assert!(reader.ask(key(pid), 0, Question::Arguments));
        }
        let mut answered = Vec::new();
        while answered.len() < 2 {
            answered.extend(reader.answers(BLOCKED).into_iter().map(|a| a.key.pid.get()));
        }
        answered.sort_unstable();
        assert_eq!(answered, [2, 3]);
        assert!(reader.waits_for(key(1)));
        // It gives way: nothing was lost.
        std::fs::write(&fifo, "one\0").unwrap();
        assert_eq!(reader.answers(PATIENCE).len(), 1);
    }

    /// The answer that is under way speaks of the program before the exec.
    #[test]
    fn after_an_exec_the_same_is_asked_again() {
        let mut reader = SlowReader::open(Path::new("/proc"), &[]).unwrap();
        assert!(reader.ask(ourselves(), 1, Question::Arguments));
        assert!(reader.ask(ourselves(), 2, Question::Arguments));
        let mut images: Vec<u64> = reader.answers(PATIENCE).into_iter().map(|a| a.image).collect();
        images.sort_unstable();
        assert_eq!(images, [1, 2]);
    }

    #[test]
    fn a_long_command_line_is_cut() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("5")).unwrap();
        std::fs::write(root.path().join("5/cmdline"), "x\0".repeat(4 * WORDS)).unwrap();
        let mut reader = SlowReader::open(root.path(), &[]).unwrap();
        reader.ask(ProcessKey { pid: Pid::new(5).unwrap(), start_ticks: 0 }, 0, Question::Arguments);
        let answer = reader.answers(PATIENCE).remove(0);
        assert!(matches!(answer.found, Found::Arguments(argv) if argv.len() == WORDS));
    }
}
