//! A leak on demand, for the guest cases.
//!
//! `hog --rate 100M --until 2G` touches anonymous memory at a hundred MiB a second until it holds two GiB, then sleeps.
//! `--trace FILE` notes each MiB in FILE (see trace.rs); `--measure FILE` starts itself with `--trace FILE` and writes to
//! `FILE.end` when that process was gone. `--noise` fills memory with what cannot be compressed.
//!
//! `hog --do LINE` obeys lines like these first. Installed at a path where a rule looks for an agent, `hog --prompt` is
//! a stand-in for one: it obeys the lines on its standard input, so that a test can type into it as a person would:
//!
//! ```text
//! tool COMMAND        run COMMAND as an agent's shell tool does: below a shell of its own, in a session of its own
//! child COMMAND       the same without the session of its own
//! grow SIZE [RATE]    hold SIZE of memory from now on; a smaller SIZE lets go of some
//! map KIND SIZE       SIZE more of a kind: private, huge (transparent), hugetlb, shared (anonymous), memfd
//! read FILE           map FILE and read it
//! write SIZE          a file in memory that is written and not mapped
//! fork [touch]        a child that sleeps with all this memory; `touch`: that writes to every page of it first
//! bomb COUNT SIZE     forks as fast as it goes, and so does each child once it holds SIZE, COUNT times in all
//! pageout             have what was mapped swapped out
//! forget              give back what was mapped and keep the mapping
//! leave               end the main thread; another one has the memory and obeys what follows
//! exit [CODE]
//! ```
//!
//! Sizes are bytes, or end in K, M, G (powers of 1024).

mod memory;
mod raw;
mod trace;

use std::fs::File;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{self, Command, ExitCode, Stdio};
use std::{env, io, iter, thread};

use memory::Memory;
use trace::Trace;

const USAGE: &str =
    "usage: hog [--rate SIZE] [--until SIZE] [--noise] [--trace FILE | --measure FILE] [--do LINE]…
           [--then sleep|exit] [--ignore-term] [--prompt|--continue]";

fn main() -> ExitCode {
    // Not `args`: the name of the program itself may be no UTF-8, which is what a case wants to see.
    let words: Vec<String> = env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let outcome = Options::parse(&words).and_then(|options| match options.measure.as_deref() {
        _ if options.ignore_term => Err(deaf_to_term(&words)),
        Some(file) => measure(&words, file),
        None => options.run(),
    });
    ended(outcome)
}

fn ended(outcome: Result<ExitCode, String>) -> ExitCode {
    outcome.unwrap_or_else(|reason| {
        eprintln!("hog: {reason}\n{USAGE}");
        ExitCode::from(2)
    })
}

/// Runs this program again with SIGTERM ignored, which exec keeps. Returns only if that failed.
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

/// Runs this program again with `--trace FILE`, and says in `FILE.end` when that was gone and how.
fn measure(words: &[String], file: &str) -> Result<ExitCode, String> {
    let myself = env::current_exe().map_err(|error| format!("my own path: {error}"))?;
    let rest = words.iter().map(|word| if word == "--measure" { "--trace" } else { word });
    let status = Command::new(myself).args(rest).status();
    let at = trace::now();
    let status = status.map_err(|error| format!("myself again: {error}"))?;
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or_default();
    trace::ended(file, at, code).map_err(|error| format!("{file}.end: {error}"))?;
    Ok(ExitCode::from(u8::try_from(code).unwrap_or_default()))
}

#[derive(Default)]
#[allow(clippy::struct_excessive_bools, reason = "one an option")]
struct Options {
    rate: Option<usize>,
    until: usize,
    lines: Vec<String>,
    then_exit: bool,
    ignore_term: bool,
    prompt: bool,
    noise: bool,
    trace: Option<String>,
    measure: Option<String>,
}

impl Options {
    fn parse(words: &[String]) -> Result<Self, String> {
        let mut options = Self::default();
        let mut words = words.iter().map(String::as_str);
        while let Some(word) = words.next() {
            match word {
                "--rate" => options.rate = Some(size(words.next().unwrap_or_default())?),
                "--until" => options.until = size(words.next().unwrap_or_default())?,
                "--do" => options.lines.push(words.next().unwrap_or_default().to_owned()),
                "--then" => match words.next() {
                    Some("sleep") => options.then_exit = false,
                    Some("exit") => options.then_exit = true,
                    other => return Err(format!("--then {}", other.unwrap_or_default())),
                },
                "--ignore-term" => options.ignore_term = true,
                // As an agent is started again.
                "--prompt" | "--continue" => options.prompt = true,
                "--noise" => options.noise = true,
                "--trace" => options.trace = words.next().map(str::to_owned),
                "--measure" => options.measure = words.next().map(str::to_owned),
                other => return Err(format!("what is `{other}`?")),
            }
        }
        Ok(options)
    }

    fn run(self) -> Result<ExitCode, String> {
        let trace = self.trace.map(|path| Trace::new(&path).map_err(|error| format!("{path}: {error}")));
        let mut memory = Memory::new(self.noise, trace.transpose()?);
        memory.hold(self.until, self.rate);
        let first = self.lines.into_iter().map(Ok);
        if self.prompt {
            return obey(memory, Box::new(first.chain(iter::from_fn(typed))));
        }
        let last = if self.then_exit { "exit" } else { "sleep" };
        obey(memory, Box::new(first.chain(iter::once(Ok(last.to_owned())))))
    }
}

/// The next line of the standard input. Not `Stdin::lines`, whose lock stays with one thread.
fn typed() -> Option<io::Result<String>> {
    let mut line = String::new();
    match io::stdin().read_line(&mut line) {
        Ok(0) => None,
        Ok(_) => Some(Ok(line)),
        Err(error) => Some(Err(error)),
    }
}

type Thresholds = Box<dyn Iterator<Item = io::Result<String>> + Send>;

/// Obeys one line after the other until there are no more.
fn obey(mut memory: Memory, mut lines: Thresholds) -> Result<ExitCode, String> {
    while let Some(line) = lines.next() {
        let line = line.map_err(|error| format!("standard input: {error}"))?;
        let line = line.trim();
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let done = match word {
            "" => Ok(()),
            "tool" => shell(rest, true),
            "child" => shell(rest, false),
            "grow" => {
                let (until, rate) =
                    rest.split_once(' ').map_or((rest, None), |(until, rate)| (until, Some(rate)));
                memory.hold(size(until)?, rate.map(size).transpose()?);
                Ok(())
            }
            "map" => {
                let (kind, much) = rest.split_once(' ').unwrap_or((rest, ""));
                memory.map(kind, size(much)?)
            }
            "read" => File::open(rest).and_then(|file| raw::Region::of_file(&file)),
            "write" => memory.write(size(rest)?),
            "fork" => memory.fork(rest == "touch"),
            "bomb" => {
                let (count, held) = rest.split_once(' ').unwrap_or((rest, "1M"));
                let count = count.parse().map_err(|_| format!("`{count}` is no number"))?;
                raw::bomb(count, size(held)?)
            }
            "pageout" => memory.page_out(),
            "forget" => memory.forget(),
            "leave" => {
                thread::spawn(|| {
                    let failed = ended(obey(memory, lines)) != ExitCode::SUCCESS;
                    process::exit(i32::from(failed))
                });
                raw::leave()
            }
            "sleep" => loop {
                thread::park();
            },
            "exit" => return Ok(ExitCode::from(rest.parse().unwrap_or(0))),
            other => Err(io::Error::other(format!("what is `{other}`?"))),
        };
        // A person at a prompt may try again, and so may a test.
        done.unwrap_or_else(|error| eprintln!("hog: {line}: {error}"));
    }
    Ok(ExitCode::SUCCESS)
}

/// Starts a command below a bash that stays, as an agent's shell tool does, and does not wait for it.
fn shell(command: &str, own_session: bool) -> io::Result<()> {
    // The mention of a snapshot is what such a command line really says; the last line keeps bash from turning into
    // the command.
    let script = "true .claude/shell-snapshots/snapshot-bash.sh; eval \"$1\"\nexit $?";
    // setsid(1) rather than setsid(2), which would have to be called between fork and exec.
    let mut start = Command::new(if own_session { "setsid" } else { "env" });
    let mut child = start.args(["bash", "-c", script, "bash", command]).stdin(Stdio::null()).spawn()?;
    // Nobody asks how it ended, but a zombie would stay in the process table.
    thread::spawn(move || child.wait());
    Ok(())
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
