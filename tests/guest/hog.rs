//! A leak on demand, for the guest cases.
//!
//! `hog --rate 100M --until 2G` touches anonymous memory at a hundred MiB a second until it holds two GiB, then sleeps.
//! Installed at a path where a rule looks for an agent, `hog --prompt` is a stand-in for one: it obeys lines on its
//! standard input, so that a test can type into it as a person would:
//!
//! ```text
//! tool COMMAND        run COMMAND as an agent's shell tool does: below a shell of its own, in a session of its own
//! child COMMAND       the same without the session of its own
//! grow SIZE [RATE]    hold SIZE of memory from now on; a smaller SIZE lets go of some
//! exit [CODE]
//! ```
//!
//! Sizes are bytes, or end in K, M, G (powers of 1024).

use std::hint::black_box;
use std::io::BufRead as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};
use std::{env, io, thread};

const USAGE: &str = "usage: hog [--rate SIZE] [--until SIZE] [--then sleep|exit] [--ignore-term] [--prompt]";

/// Memory grows by blocks of this size. Small against every line a case sets, and large enough that a leak of a
/// gibibyte is a thousand system calls.
const BLOCK: usize = 1 << 20;

/// Every page has to be written, or it costs nothing.
const PAGE: usize = 4096;

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let outcome = Options::parse(&words)
        .and_then(|options| if options.ignore_term { Err(deaf_to_term(&words)) } else { options.run() });
    outcome.unwrap_or_else(|reason| {
        eprintln!("hog: {reason}\n{USAGE}");
        ExitCode::from(2)
    })
}

/// Runs this program again with SIGTERM ignored, which exec keeps. Returns only if that failed.
///
/// A shell does it, because ignoring a signal from Rust takes `unsafe`.
fn deaf_to_term(words: &[String]) -> String {
    let myself = match env::current_exe() {
        Ok(path) => path,
        Err(error) => return format!("my own path: {error}"),
    };
    let rest = words.iter().filter(|word| *word != "--ignore-term");
    let error =
        Command::new("sh").args(["-c", "trap '' TERM; exec \"$0\" \"$@\""]).arg(myself).args(rest).exec();
    format!("sh: {error}")
}

#[derive(Default)]
struct Options {
    rate: Option<usize>,
    until: usize,
    then_exit: bool,
    ignore_term: bool,
    prompt: bool,
}

impl Options {
    fn parse(words: &[String]) -> Result<Self, String> {
        let mut options = Self::default();
        let mut words = words.iter().map(String::as_str);
        while let Some(word) = words.next() {
            match word {
                "--rate" => options.rate = Some(size(words.next().unwrap_or_default())?),
                "--until" => options.until = size(words.next().unwrap_or_default())?,
                "--then" => match words.next() {
                    Some("sleep") => options.then_exit = false,
                    Some("exit") => options.then_exit = true,
                    other => return Err(format!("--then {}", other.unwrap_or_default())),
                },
                "--ignore-term" => options.ignore_term = true,
                "--prompt" => options.prompt = true,
                other => return Err(format!("what is `{other}`?")),
            }
        }
        Ok(options)
    }

    fn run(self) -> Result<ExitCode, String> {
        let mut memory = Memory::default();
        memory.hold(self.until, self.rate);
        if self.prompt {
            return prompt(&mut memory);
        }
        if self.then_exit {
            return Ok(ExitCode::SUCCESS);
        }
        loop {
            thread::park();
        }
    }
}

/// Obeys one line after the other until there are no more.
fn prompt(memory: &mut Memory) -> Result<ExitCode, String> {
    for line in io::stdin().lock().lines() {
        let line = line.map_err(|error| format!("standard input: {error}"))?;
        let (word, rest) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
        match word {
            "" => {}
            "tool" => shell(rest, true)?,
            "child" => shell(rest, false)?,
            "grow" => {
                let (until, rate) =
                    rest.split_once(' ').map_or((rest, None), |(until, rate)| (until, Some(rate)));
                memory.hold(size(until)?, rate.map(size).transpose()?);
            }
            "exit" => return Ok(ExitCode::from(rest.parse().unwrap_or(0))),
            other => eprintln!("hog: what is `{other}`?"),
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Starts a command below a bash that stays, as an agent's shell tool does, and does not wait for it.
fn shell(command: &str, own_session: bool) -> Result<(), String> {
    // The mention of a snapshot is what such a command line really says; the last line keeps bash from turning into
    // the command.
    let script = "true .claude/shell-snapshots/snapshot-bash.sh; eval \"$1\"\nexit $?";
    // setsid(1) rather than setsid(2), which takes `unsafe` between fork and exec.
    let mut start = Command::new(if own_session { "setsid" } else { "env" });
    let mut child = start
        .args(["bash", "-c", script, "bash", command])
        .stdin(Stdio::null())
        .spawn()
        .map_err(|error| format!("{}: {error}", start.get_program().display()))?;
    // Nobody asks how it ended, but a zombie would stay in the process table.
    thread::spawn(move || child.wait());
    Ok(())
}

/// Anonymous memory that is really there.
#[derive(Default)]
struct Memory {
    blocks: Vec<Vec<u8>>,
}

impl Memory {
    /// Grows at `rate` bytes a second, or as fast as it goes, or shrinks at once, until `bytes` are held.
    fn hold(&mut self, bytes: usize, rate: Option<usize>) {
        let blocks = bytes.div_ceil(BLOCK);
        self.blocks.truncate(blocks);
        let before = self.blocks.len();
        let started = Instant::now();
        while self.blocks.len() < blocks {
            let mut block = vec![0; BLOCK];
            block.iter_mut().step_by(PAGE).for_each(|byte| *byte = 1);
            self.blocks.push(black_box(block));
            if let Some(rate) = rate {
                pace(started, (self.blocks.len() - before) * BLOCK, rate);
            }
        }
    }
}

/// Sleeps until `done` bytes are no more than `rate` allows since `started`.
fn pace(started: Instant, done: usize, rate: usize) {
    let nanoseconds = (done as u128) * 1_000_000_000 / (rate.max(1) as u128);
    let due = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
    thread::sleep(due.saturating_sub(started.elapsed()));
}

/// `300M` in bytes.
fn size(text: &str) -> Result<usize, String> {
    let (digits, unit) = match text.as_bytes().last() {
        Some(b'K') => (&text[..text.len() - 1], 1 << 10),
        Some(b'M') => (&text[..text.len() - 1], 1 << 20),
        Some(b'G') => (&text[..text.len() - 1], 1 << 30),
        _ => (text, 1),
    };
    let number: usize = digits.parse().map_err(|_| format!("`{text}` is no size"))?;
    number.checked_mul(unit).ok_or_else(|| format!("`{text}` is too large"))
}
