//! Reads that may block: `cmdline`, `environ` and `smaps_rollup` take the process's mmap lock, and a process that faults from
//! a slow disk or thrashes may hold it for seconds. Worker threads read them, so that no tick waits.

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

/// A question that is older waits behind a process that blocks: another worker takes the questions behind it.
const STALLED_AFTER: Duration = Duration::from_millis(100);

/// Processes that may block at once. If more do, all other questions wait until one of them unblocks. Each worker is a thread,
/// and the unit may have 32.
const MAX_WORKERS: usize = 4;

/// Further questions are refused, and asked again later.
const MAX_PENDING_QUESTIONS: usize = 4096;

/// A worker with a further answer waits. One answer may have 16 KiB of arguments, cut into words.
const MAX_UNREAD_ANSWERS: usize = 32;

/// Further arguments are dropped: a program's options and its script are at the start, and each word has an overhead.
const MAX_ARGUMENTS: usize = 256;

/// A question about a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReadRequest {
    /// Its arguments.
    Arguments,
    /// The environment variables that the reader was created for.
    Variables,
    /// Its `smaps_rollup`, with `status` and `meminfo` of the same moment.
    Smaps,
}

/// The content of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadResult {
    /// Its arguments; empty if it has none or hides them.
    Arguments(Vec<OsString>),
    /// The values of the variables, in the order of their names; `None` if it has none of them or hides them.
    Variables(Option<Vec<Option<OsString>>>),
    /// Its memory, `None` if it cannot be read; and how long the read took.
    Smaps(Option<SmapsReading>, Duration),
}

/// Shared and total memory of a process at one moment: otherwise the newest pages of a process that allocates would be in one
/// figure and not in the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SmapsReading {
    /// Its share, from `smaps_rollup`.
    pub rollup: Rollup,
    /// Its memory, from `status`.
    pub charge: Charge,
    /// Memory of all processes, from `meminfo`.
    pub totals: Charge,
}

/// The answer to one question.
#[derive(Clone, Debug)]
pub struct ReadReply {
    /// The process.
    pub key: ProcessKey,
    /// The program that it ran at the question: an exec may have replaced it since.
    pub exec_id: u64,
    /// The content.
    pub found: ReadResult,
}

/// The process, its program, and the question.
type Asked = (ProcessKey, u64, ReadRequest);

/// Passes questions to workers and collects their answers.
#[derive(Debug)]
pub struct BackgroundReader {
    proc: Arc<Proc>,
    variables: &'static [&'static str],
    ask: Sender<Asked>,
    asked: Arc<Mutex<Receiver<Asked>>>,
    answer: SyncSender<ReadReply>,
    answered: Receiver<ReadReply>,
    /// Unanswered questions, and when they were asked.
    open: HashMap<Asked, Instant>,
    workers: usize,
}

impl BackgroundReader {
    /// A reader of the tree at `root`. Of environments it returns only `variables`.
    ///
    /// # Errors
    /// If `root` is not a readable directory.
    pub fn open(root: &Path, variables: &'static [&'static str]) -> Result<Self, ReadError> {
        let (ask, asked) = channel();
        let (answer, answered) = sync_channel(MAX_UNREAD_ANSWERS);
        Ok(Self {
            proc: Arc::new(Proc::open(root)?),
            variables,
            ask,
            asked: Arc::new(Mutex::new(asked)),
            answer,
            answered,
            open: HashMap::new(),
            workers: 0,
        })
    }

    /// Asks, unless the same question is unanswered. `exec_id` identifies the program that the process runs; it comes back with
    /// the answer. Returns `false` if the question is refused.
    pub fn ask(&mut self, key: ProcessKey, exec_id: u64, question: ReadRequest) -> bool {
        if self.open.len() >= MAX_PENDING_QUESTIONS || (self.workers == 0 && !self.spawn_worker()) {
            return false;
        }
        self.open.entry((key, exec_id, question)).or_insert_with(|| {
            // The receiver lives as long as this.
            let _ = self.ask.send((key, exec_id, question));
            Instant::now()
        });
        true
    }

    /// Whether a question about that process is unanswered.
    #[must_use]
    pub fn waits_for(&self, key: ProcessKey) -> bool {
        self.open.keys().any(|(asked, ..)| *asked == key)
    }

    /// Takes all answers. Waits for answers to questions that are not older than `timeout`: a process that blocks is waited for
    /// once, not in every tick.
    pub fn collect(&mut self, timeout: Duration) -> Vec<ReadReply> {
        let mut answers = Vec::new();
        while let Some(newest) = self.open.values().max() {
            let left = timeout.saturating_sub(newest.elapsed());
            match self.answered.recv_timeout(left.min(STALLED_AFTER)) {
                Ok(answer) => {
                    self.open.remove(&(answer.key, answer.exec_id, answer.found.question()));
                    answers.push(answer);
                }
                Err(RecvTimeoutError::Timeout) if left > Duration::ZERO => self.add_worker_if_stalled(),
                Err(_) => break,
            }
        }
        self.add_worker_if_stalled();
        answers
    }

    /// Starts another worker if all seem to be blocked.
    fn add_worker_if_stalled(&mut self) {
        let oldest = self.open.values().min();
        if oldest
            .is_some_and(|asked| asked.elapsed() > STALLED_AFTER * u32::try_from(self.workers).unwrap_or(1))
        {
            self.spawn_worker();
        }
    }

    fn spawn_worker(&mut self) -> bool {
        if self.workers >= MAX_WORKERS {
            return false;
        }
        let (proc, variables) = (Arc::clone(&self.proc), self.variables);
        let (asked, answer) = (Arc::clone(&self.asked), self.answer.clone());
        let work = move || {
            loop {
                let next = asked.lock().unwrap_or_else(PoisonError::into_inner).recv();
                let Ok((key, exec_id, question)) = next else { return };
                let found = read(&proc, key, question, variables);
                if answer.send(ReadReply { key, exec_id, found }).is_err() {
                    return;
                }
            }
        };
        let spawned = thread::Builder::new().name("slow-reader".to_owned()).spawn(work).is_ok();
        self.workers += usize::from(spawned);
        spawned
    }
}

impl ReadResult {
    fn question(&self) -> ReadRequest {
        match self {
            Self::Arguments(_) => ReadRequest::Arguments,
            Self::Variables(_) => ReadRequest::Variables,
            Self::Smaps(..) => ReadRequest::Smaps,
        }
    }
}

fn read(proc: &Proc, key: ProcessKey, question: ReadRequest, variables: &[&str]) -> ReadResult {
    match question {
        ReadRequest::Arguments => {
            let mut argv = proc.arguments(key.pid).unwrap_or_default();
            argv.truncate(MAX_ARGUMENTS);
            argv.shrink_to_fit();
            ReadResult::Arguments(argv)
        }
        ReadRequest::Variables => ReadResult::Variables(
            capability::reading_any_file(|| proc.variables(key.pid, variables)).ok().flatten(),
        ),
        ReadRequest::Smaps => {
            let begun = Instant::now();
            ReadResult::Smaps(read_smaps(proc, key), begun.elapsed())
        }
    }
}

fn read_smaps(proc: &Proc, key: ProcessKey) -> Option<SmapsReading> {
    let rollup = proc.whole_file(key.pid, "smaps_rollup").ok()?;
    // At once after it: the walk takes milliseconds, these do not.
    let charge = proc.status(key.pid).ok()??.charge?;
    let totals = proc.guest().ok()?.process_totals;
    Some(SmapsReading { rollup: Rollup::parse(&rollup, charge.swap)?, charge, totals })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Bytes, Pid};

    const TIMEOUT: Duration = Duration::from_secs(20);

    fn ourselves() -> ProcessKey {
        let pid = Pid::new(i32::try_from(std::process::id()).unwrap()).unwrap();
        ProcessKey { pid, start_ticks: 0 }
    }

    #[test]
    fn each_question_is_answered_once() {
        let mut reader = BackgroundReader::open(Path::new("/proc"), &["PATH", "NO_SUCH_VARIABLE"]).unwrap();
        for question in
            [ReadRequest::Arguments, ReadRequest::Variables, ReadRequest::Smaps, ReadRequest::Arguments]
        {
            assert!(reader.ask(ourselves(), 7, question));
        }
        assert!(reader.waits_for(ourselves()));
        let answers = reader.collect(TIMEOUT);
        assert_eq!(answers.len(), 3);
        for answer in answers {
            match answer.found {
                ReadResult::Arguments(argv) => assert!(!argv.is_empty()),
                ReadResult::Variables(values) => {
                    assert_eq!(values, Some(vec![std::env::var_os("PATH"), None]));
                }
                ReadResult::Smaps(reading, _) => {
                    let SmapsReading { rollup, charge, totals } = reading.unwrap();
                    assert!(rollup.share.anon > Bytes::ZERO && charge.anon <= totals.anon);
                }
            }
        }
        assert!(!reader.waits_for(ourselves()));
    }

    #[test]
    fn an_exited_process_is_answered_too() {
        let mut reader = BackgroundReader::open(Path::new("/proc"), &[]).unwrap();
        let gone = ProcessKey { pid: Pid::new(i32::MAX).unwrap(), start_ticks: 1 };
        reader.ask(gone, 0, ReadRequest::Smaps);
        reader.ask(gone, 0, ReadRequest::Arguments);
        assert_eq!(reader.collect(TIMEOUT).len(), 2);
    }

    /// Opening a fifo blocks, as reading the arguments of a process in a page fault does.
    #[test]
    fn a_blocked_process_delays_no_other() {
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
        let mut reader = BackgroundReader::open(root.path(), &[]).unwrap();
        for pid in [1, 2, 3] {
            assert!(reader.ask(key(pid), 0, ReadRequest::Arguments));
        }
        let mut answered = Vec::new();
        while answered.len() < 2 {
            answered.extend(reader.collect(STALLED_AFTER).into_iter().map(|a| a.key.pid.get()));
        }
        answered.sort_unstable();
        assert_eq!(answered, [2, 3]);
        assert!(reader.waits_for(key(1)));
        // It unblocks: nothing was lost.
        std::fs::write(&fifo, "one\0").unwrap();
        assert_eq!(reader.collect(TIMEOUT).len(), 1);
    }

    /// The pending answer is about the program before the exec.
    #[test]
    fn after_an_exec_the_same_is_asked_again() {
        let mut reader = BackgroundReader::open(Path::new("/proc"), &[]).unwrap();
        assert!(reader.ask(ourselves(), 1, ReadRequest::Arguments));
        assert!(reader.ask(ourselves(), 2, ReadRequest::Arguments));
        let mut exec_ids: Vec<u64> = reader.collect(TIMEOUT).into_iter().map(|a| a.exec_id).collect();
        exec_ids.sort_unstable();
        assert_eq!(exec_ids, [1, 2]);
    }

    #[test]
    fn a_long_command_line_is_cut() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("5")).unwrap();
        std::fs::write(root.path().join("5/cmdline"), "x\0".repeat(4 * MAX_ARGUMENTS)).unwrap();
        let mut reader = BackgroundReader::open(root.path(), &[]).unwrap();
        reader.ask(ProcessKey { pid: Pid::new(5).unwrap(), start_ticks: 0 }, 0, ReadRequest::Arguments);
        let answer = reader.collect(TIMEOUT).remove(0);
        assert!(matches!(answer.found, ReadResult::Arguments(argv) if argv.len() == MAX_ARGUMENTS));
    }
}
