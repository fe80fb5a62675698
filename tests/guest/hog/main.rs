//! A leak on demand, for the guest cases. It replaces real agents and tools where a test needs exact amounts of memory.
//!
//! `hog --rate 100M --until 2G` touches anonymous memory at 100 MiB a second until it holds 2 GiB, then sleeps.
//! `--trace FILE` records each MiB in FILE (see trace.rs); `--measure FILE` starts itself with `--trace FILE` and writes the
//! time of that process's exit to `FILE.end`. `--noise` fills memory with incompressible data.
//!
//! `hog --do LINE` first executes commands like these. Installed at a path where a rule expects an agent, `hog --prompt`
//! is a stand-in for it: it executes the commands on its standard input, so that a test can type into its terminal:
//!
//! ```text
//! tool COMMAND        run COMMAND as an agent's shell tool does: below a shell of its own, in a session of its own
//! child COMMAND       the same without the session of its own
//! grow SIZE [RATE]    hold SIZE of memory from now on; a smaller SIZE frees some
//! map KIND SIZE       map SIZE more of a kind: private, huge (transparent), hugetlb, shared (anonymous), memfd
//! read FILE           map FILE and read it
//! write SIZE          write a file in memory without mapping it
//! fork [touch]        fork a child that sleeps with the same memory; `touch`: after writing to every page of it
//! bomb COUNT SIZE     fork as fast as possible, as does each child once it holds SIZE, COUNT times in all
//! pageout             swap the mappings out
//! forget              free the memory of the mappings, and keep the mappings
//! leave               exit the main thread; another one takes the memory and executes the following commands
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
    // Not `args`, which panics if the program's own name is not UTF-8; a case starts it with such a name.
    let words: Vec<String> = env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let result = Options::parse(&words).and_then(|options| match options.measure.as_deref() {
        _ if options.ignore_term => Err(exec_ignoring_term(&words)),
        Some(file) => measure(&words, file),
        None => options.run(),
    });
    exit_code(result)
}

fn exit_code(result: Result<ExitCode, String>) -> ExitCode {
    result.unwrap_or_else(|reason| {
        eprintln!("hog: {reason}\n{USAGE}");
        ExitCode::from(2)
    })
}

/// Executes this program again with SIGTERM ignored, which execve(2) preserves. Returns only on failure.
fn exec_ignoring_term(words: &[String]) -> String {
    let program = match env::current_exe() {
        Ok(path) => path,
        Err(error) => return format!("own path: {error}"),
    };
    let rest = words.iter().filter(|word| *word != "--ignore-term");
    let error =
        Command::new("sh").args(["-c", "trap '' TERM; exec \"$0\" \"$@\""]).arg(program).args(rest).exec();
    format!("sh: {error}")
}

/// Runs this program again with `--trace FILE`, and writes to `FILE.end` when and how that process exited.
fn measure(words: &[String], file: &str) -> Result<ExitCode, String> {
    let program = env::current_exe().map_err(|error| format!("own path: {error}"))?;
    let rest = words.iter().map(|word| if word == "--measure" { "--trace" } else { word });
    let status = Command::new(program).args(rest).status();
    let at = trace::now();
    let status = status.map_err(|error| format!("cannot start: {error}"))?;
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or_default();
    trace::record_exit(file, at, code).map_err(|error| format!("{file}.end: {error}"))?;
    Ok(ExitCode::from(u8::try_from(code).unwrap_or_default()))
}

#[derive(Default)]
#[allow(clippy::struct_excessive_bools, reason = "one per option")]
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
                    other => {
                        return Err(format!(
                            "--then expects sleep or exit, not `{}`",
                            other.unwrap_or_default()
                        ));
                    }
                },
                "--ignore-term" => options.ignore_term = true,
                // The second is an agent's option for continuing its last session.
                "--prompt" | "--continue" => options.prompt = true,
                "--noise" => options.noise = true,
                "--trace" => options.trace = words.next().map(str::to_owned),
                "--measure" => options.measure = words.next().map(str::to_owned),
                other => return Err(format!("unknown option `{other}`")),
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
            return execute(memory, Box::new(first.chain(iter::from_fn(read_command))));
        }
        let last = if self.then_exit { "exit" } else { "sleep" };
        execute(memory, Box::new(first.chain(iter::once(Ok(last.to_owned())))))
    }
}

/// The next line of the standard input. Not `Stdin::lines`, which keeps the lock for one thread.
fn read_command() -> Option<io::Result<String>> {
    let mut line = String::new();
    match io::stdin().read_line(&mut line) {
        Ok(0) => None,
        Ok(_) => Some(Ok(line)),
        Err(error) => Some(Err(error)),
    }
}

type Commands = Box<dyn Iterator<Item = io::Result<String>> + Send>;

/// Executes one command after the other.
fn execute(mut memory: Memory, mut commands: Commands) -> Result<ExitCode, String> {
    while let Some(line) = commands.next() {
        let line = line.map_err(|error| format!("standard input: {error}"))?;
        let line = line.trim();
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let result = match word {
            "" => Ok(()),
            "tool" => run_in_shell(rest, true),
            "child" => run_in_shell(rest, false),
            "grow" => {
                let (until, rate) =
                    rest.split_once(' ').map_or((rest, None), |(until, rate)| (until, Some(rate)));
                memory.hold(size(until)?, rate.map(size).transpose()?);
                Ok(())
            }
            "map" => {
                let (kind, bytes) = rest.split_once(' ').unwrap_or((rest, ""));
                memory.map(kind, size(bytes)?)
            }
            "read" => File::open(rest).and_then(|file| raw::Region::of_file(&file)),
            "write" => memory.write(size(rest)?),
            "fork" => memory.fork(rest == "touch"),
            "bomb" => {
                let (count, held) = rest.split_once(' ').unwrap_or((rest, "1M"));
                let count = count.parse().map_err(|_| format!("`{count}` is not a number"))?;
                raw::bomb(count, size(held)?)
            }
            "pageout" => memory.page_out(),
            "forget" => memory.forget(),
            "leave" => {
                thread::spawn(|| {
                    let failed = exit_code(execute(memory, commands)) != ExitCode::SUCCESS;
                    process::exit(i32::from(failed))
                });
                raw::exit_thread()
            }
            "sleep" => loop {
                thread::park();
            },
            "exit" => return Ok(ExitCode::from(rest.parse().unwrap_or(0))),
            other => Err(io::Error::other(format!("unknown command `{other}`"))),
        };
        // A failed command does not end a stand-in for an agent.
        result.unwrap_or_else(|error| eprintln!("hog: {line}: {error}"));
    }
    Ok(ExitCode::SUCCESS)
}

/// Starts a command below a bash that keeps running, as an agent's shell tool does, without waiting for it.
fn run_in_shell(command: &str, own_session: bool) -> io::Result<()> {
    // Claude Code's command lines mention such a snapshot. The last line keeps bash from replacing itself by the command.
    let script = "true .claude/shell-snapshots/snapshot-bash.sh; eval \"$1\"\nexit $?";
    // setsid(1), because setsid(2) would have to be called between fork and exec.
    let mut start = Command::new(if own_session { "setsid" } else { "env" });
    let mut child = start.args(["bash", "-c", script, "bash", command]).stdin(Stdio::null()).spawn()?;
    // The exit status is not used, but without a wait a zombie would stay in the process table.
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
    let number: usize = digits.parse().map_err(|_| format!("`{text}` is not a size"))?;
    number.checked_mul(unit).ok_or_else(|| format!("`{text}` is too large"))
}
