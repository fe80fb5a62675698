//! The command line as clap knows it; help, man pages and completions come from here.

use std::ffi::OsString;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::limit::Name;
use crate::model::{Bytes, Pid, Size};

/// Names that the binary may be called by, and the command each stands for.
const LINKS: [(&str, &str); 2] = [("vm-health-check", "health"), ("run-claude-limited", "run")];

/// A memory supervisor for AI coding agents.
#[derive(Debug, Parser)]
#[command(name = "claude-watchdog", version, about, after_help = "Example: claude-watchdog daemon --dry-run")]
pub(super) struct Arguments {
    /// Socket of the supervisor [default: the system's, for `health` else the user's own]
    #[arg(long, global = true, value_name = "PATH")]
    pub(super) socket: Option<PathBuf>,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Supervise: warn of agents that grow, end what would take the guest down
    #[command(after_help = "Example: claude-watchdog daemon --dry-run")]
    Daemon(Daemon),
    /// How the guest and its agents are; also called vm-health-check
    #[command(after_help = HEALTH_HELP)]
    Health(Health),
    /// What the supervisor makes of one process: which agent it belongs to, or why to none
    #[command(after_help = EXPLAIN_HELP)]
    Explain(Explain),
    /// What happened of late: agents found and gone, warnings, actions
    #[command(after_help = EVENTS_HELP)]
    Events(Events),
    /// End an agent now, with all that it started: TERM, the grace, KILL
    #[command(after_help = STOP_HELP)]
    Stop(Stop),
    /// Have the supervisor read its configuration anew
    #[command(after_help = RELOAD_HELP)]
    Reload,
    /// Run a command under a memory limit that holds; also called run-claude-limited
    #[command(after_help = RUN_HELP)]
    Run(Run),
    /// What policy and forecaster would have done with a recorded trace
    #[command(after_help = REPLAY_HELP)]
    Replay(Replay),
    /// Whether the configuration is right, what counts of it, and what its rules match now
    #[command(after_help = CHECK_HELP)]
    CheckConfig(CheckConfig),
}

const HEALTH_HELP: &str = "\
Exit status: 0 all is well, 1 warning, 2 critical, 3 no supervisor answers.

With --trend and --json each agent has its points ({\"time\",\"seconds\",\"min\",
\"mean\",\"max\"}, oldest first), its forecast and a word: stable, growing,
shrinking, insufficient_data or oom_predicted:MINUTES.

Example: vm-health-check --json | jq '.agents[] | {id, charge, level}'
Example: vm-health-check --trend --since 6h";

const EXPLAIN_HELP: &str = "\
Exit status: 0 explained, 1 there is no such process, 3 explained, but no
supervisor answers: from /proc and the built-in rules then.

Of other users' processes only the totals are told, unless root asks.

Example: claude-watchdog explain $$";

const EVENTS_HELP: &str = "\
Shows what the supervisor keeps: the last 256 events since it started. Those of
an agent are for its owner and root. The journal has all of them.

Exit status: 0 told, 1 it failed, 3 no supervisor answers.

Example: claude-watchdog events --follow --json | jq -r .message";

const STOP_HELP: &str = "\
For the agent's owner and root. It waits until the agent has ended and its memory
is back, and says how to take up the work; interrupted, the agent ends all the
same.

Exit status: 0 ended, or a dry run has said what it would do; 1 not ended, and
standard error says why; 3 no supervisor answers.

Example: claude-watchdog stop claude-1234";

const RELOAD_HELP: &str = "\
For root, and for the user whose supervisor it is. It comes back when the
configuration is in force; nothing that is known or under way is lost. One that is
wrong changes nothing. `systemctl reload claude-watchdog` does the same.

Exit status: 0 in force; 78 it is wrong, and standard error says where and what
would be right; 1 it failed; 3 no supervisor answers.

Example: claude-watchdog check-config && claude-watchdog reload";

const RUN_HELP: &str = "\
LIMIT is a size like 8G or 50%, 12G where none is said; a first word that starts with
a digit is one. Without a COMMAND, or with arguments that start with `-` in its place,
it is claude, with these. Options of run-claude-limited itself come before LIMIT.

The command takes this process over: terminal, directory, environment and signals are
as without a limit. What it starts counts with it. Together all limited commands have
85% of the guest; a larger LIMIT is cut to that, and said. Inside of a limit another
one tightens it and never widens it.

With --report or --restart=on-oom a waiter stays outside of the limit, in the command's
process group, and hands on what is sent to it. What memory ended is run again after 1,
2, 4, 8 and 16 seconds, five times in an hour at the most; Ctrl-C in between ends it.

Exit status: the command's own, 128+N where signal N ended it; 125 the limit could not
be applied, and nothing was run; 126 it cannot be run; 127 it was not found.

Example: run-claude-limited 8G claude --continue";

const REPLAY_HELP: &str = "\
A trace is a file with the line `seconds,bytes` and then one line a sample, in order
of time. What would be done is printed as JSON Lines: {\"seconds\",\"action\",\"bytes\"}
with warn, recovered or kill; with --samples also {\"seconds\",\"bytes\",\"forecast\"},
once a minute of the trace and at once when the level changes.

With --from-history it is what the supervisor has recorded: of the guest, and of
each agent against its own lines, or against those that are set here. A span of
the record counts as its lowest and its highest figure. For people, unless --json
is given; objects then have \"series\", too, and \"seconds\" since 1970.

Exit status: 0 replayed; 65 the trace is wrong, and standard error says where;
2 the arguments are; 3 no supervisor answers; 1 it failed.

Example: claude-watchdog replay --limit 13G --samples trace.csv";

const CHECK_HELP: &str = "\
Reads what the supervisor would read: the file, its drop-ins (FILE.d/*.toml) and
the environment; for the system's file also the unit's, which is
/etc/default/claude-watchdog. Not root, it looks at your own processes only.

Exit status: 0 it is right, warnings or not; 78 it is wrong, and standard error
says where and what would be right; 1 it could not be checked.

Example: claude-watchdog check-config /etc/claude-watchdog/config.toml";

/// Options of `daemon`.
#[derive(Args, Debug)]
pub(super) struct Daemon {
    /// Configuration [default: /etc/claude-watchdog/config.toml, for others than root ~/.config/…]
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Where to read processes from; signals always go to the real ones
    #[arg(long, value_name = "DIR", default_value = "/proc")]
    pub(super) proc: PathBuf,
    /// Where the record of memory is kept [default: /var/lib/claude-watchdog, for others than root ~/.local/state/…]
    #[arg(long, value_name = "DIR")]
    pub(super) state_dir: Option<PathBuf>,
    /// Where to read cgroups from
    #[arg(long, value_name = "DIR", default_value = "/sys/fs/cgroup")]
    pub(super) cgroup: PathBuf,
    /// Say what would be done, send no signal
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Only let go what a supervisor that crashed has left held back below its limit; for the unit
    #[arg(long, conflicts_with = "dry_run")]
    pub(super) lift_brakes: bool,
}

/// Options of `health`.
#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(super) struct Health {
    /// Print everything as one JSON object
    #[arg(long)]
    pub(super) json: bool,
    /// Print one line of at most 80 columns, within 50 ms: for a prompt or a tmux status line
    #[arg(long, conflicts_with = "json")]
    pub(super) oneline: bool,
    /// Show how memory went and where it leads: a chart, the rate, the forecast
    #[arg(long, short, conflicts_with = "oneline")]
    pub(super) trend: bool,
    /// With --trend: of how much time, 1m to 30d
    #[arg(long, value_name = "TIME", default_value = "3h", value_parser = since, requires = "trend")]
    pub(super) since: Duration,
    /// No colour, whatever the terminal can do (so does `NO_COLOR`)
    #[arg(long)]
    pub(super) no_color: bool,
}

/// Options of `explain`.
#[derive(Args, Debug)]
pub(super) struct Explain {
    /// The process
    #[arg(value_name = "PID", value_parser = pid)]
    pub(super) pid: Pid,
    /// Print everything as one JSON object
    #[arg(long)]
    pub(super) json: bool,
    /// No colour, whatever the terminal can do (so does `NO_COLOR`)
    #[arg(long)]
    pub(super) no_color: bool,
}

/// Options of `events`.
#[derive(Args, Debug)]
pub(super) struct Events {
    /// Go on with those that come, until interrupted
    #[arg(long, short)]
    pub(super) follow: bool,
    /// Only the newest so many [default: all that are kept, with --follow 10]
    #[arg(long, short = 'n', value_name = "COUNT")]
    pub(super) last: Option<usize>,
    /// Print each as one JSON object on a line
    #[arg(long)]
    pub(super) json: bool,
    /// No colour, whatever the terminal can do (so does `NO_COLOR`)
    #[arg(long)]
    pub(super) no_color: bool,
}

/// Options of `stop`.
#[derive(Args, Debug)]
pub(super) struct Stop {
    /// Its name, like claude-1234, or the pid of its root
    #[arg(value_name = "AGENT")]
    pub(super) agent: String,
    /// Print what became of it as one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

/// Options of `run`.
#[derive(Args, Debug)]
pub(super) struct Run {
    /// Swap beside the limit [default: a sixteenth of it, 512M at most]
    #[arg(long, value_name = "SIZE")]
    pub(super) swap: Option<Size>,
    /// What its scope is called by [default: the command]
    #[arg(long, value_name = "NAME")]
    pub(super) name: Option<Name>,
    /// Say in one line at the end who was ended where memory was the cause, and how to go on
    #[arg(long)]
    pub(super) report: bool,
    /// Whether it is run again where memory ended it, as its kind takes up its work
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = Restart::Never)]
    pub(super) restart: Restart,
    /// Run it without a limit where none can be had, and say so
    #[arg(long)]
    pub(super) best_effort: bool,
    /// The limit and the command
    #[arg(value_name = "[LIMIT] [--] [COMMAND]", trailing_var_arg = true, allow_hyphen_values = true)]
    pub(super) words: Vec<OsString>,
}

/// When a command is run again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Restart {
    /// Never
    Never,
    /// Where the kernel or the supervisor ended it for want of memory
    OnOom,
}

/// Options of `replay`.
#[derive(Args, Debug)]
pub(super) struct Replay {
    /// What is foretold [default: the kill threshold]
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    pub(super) limit: Option<Bytes>,
    /// The warn threshold [default: 8G; where another kill threshold is set, 55/85 of it]
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    pub(super) warn: Option<Bytes>,
    /// The kill threshold [default: the limit, else 13G]
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    pub(super) kill: Option<Bytes>,
    /// Print forecasts, too
    #[arg(long)]
    pub(super) samples: bool,
    /// What the supervisor has recorded, instead of a file
    #[arg(long, conflicts_with = "file")]
    pub(super) from_history: bool,
    /// With --from-history: of how much time, 1m to 30d
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = since, conflicts_with = "file")]
    pub(super) since: Duration,
    /// With --from-history: print JSON Lines, as is done of a file
    #[arg(long)]
    pub(super) json: bool,
    /// The trace
    #[arg(value_name = "FILE", required_unless_present = "from_history")]
    pub(super) file: Option<PathBuf>,
}

/// Options of `check-config`.
#[derive(Args, Debug)]
pub(super) struct CheckConfig {
    /// Configuration [default: /etc/claude-watchdog/config.toml, for others than root ~/.config/…]
    #[arg(value_name = "FILE")]
    pub(super) file: Option<PathBuf>,
    /// Print everything as one JSON object
    #[arg(long)]
    pub(super) json: bool,
    /// No colour, whatever the terminal can do (so does `NO_COLOR`)
    #[arg(long)]
    pub(super) no_color: bool,
}

/// A size that does not depend on a guest: there is none.
fn bytes(text: &str) -> Result<Bytes, String> {
    match text.parse::<Size>() {
        Ok(Size::Bytes(bytes)) if bytes > Bytes::ZERO => Ok(bytes),
        Ok(_) => Err("it takes a size like 13G, not a share".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// How much of the past is asked for. The record keeps 30 days.
fn since(text: &str) -> Result<Duration, String> {
    const RANGE: RangeInclusive<Duration> = Duration::from_mins(1)..=Duration::from_hours(30 * 24);
    let time = humantime::parse_duration(text).ok().filter(|time| RANGE.contains(time));
    time.ok_or_else(|| "it takes a time from 1m to 30d, like 90m, 6h or 2d".to_owned())
}

fn pid(text: &str) -> Result<Pid, String> {
    text.parse().ok().and_then(Pid::new).ok_or_else(|| "a process is a number from 1, like 1234".to_owned())
}

/// The arguments with the command that the name they start with stands for: `vm-health-check --json` becomes
/// `claude-watchdog health --json`.
pub(super) fn by_name(mut arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let name = arguments.next().unwrap_or_default();
    let called = Path::new(&name).file_name();
    let command =
        LINKS.iter().find(|(link, _)| called.is_some_and(|c| c == *link)).map(|(_, command)| command);
    let front = std::iter::once(OsString::from("claude-watchdog")).chain(command.map(OsString::from));
    front.chain(arguments).collect()
}

/// The command among such arguments, by its place: options that all commands have may come before it.
pub(super) fn command_of(words: &[OsString]) -> Option<&OsString> {
    let mut rest = words.iter().skip(1);
    while let Some(word) = rest.next() {
        if word == "--socket" {
            rest.next();
        } else if !word.as_encoded_bytes().starts_with(b"-") {
            return Some(word);
        }
    }
    None
}

/// The commands that links stand for, by the names of those.
pub(super) fn links(definition: &clap::Command) -> Vec<clap::Command> {
    let shared: Vec<clap::Arg> =
        definition.get_arguments().filter(|arg| arg.is_global_set()).cloned().collect();
    let command = |(link, command): (&'static str, &str)| {
        let about = |found: &clap::Command| {
            let text = found.get_about().map(ToString::to_string).unwrap_or_default();
            text.trim_end_matches(&format!("; also called {link}")).to_owned()
        };
        let named = |found: &clap::Command| found.clone().name(link).about(about(found)).args(shared.clone());
        definition.find_subcommand(command).map(named)
    };
    LINKS.into_iter().filter_map(command).collect()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_command_is_found_behind_the_options_of_all() {
        let of = |line: &str| {
            let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
            command_of(&words).map(|word| word.to_string_lossy().into_owned())
        };
        assert_eq!(of("claude-watchdog run --swap x"), Some("run".to_owned()));
        assert_eq!(of("claude-watchdog --socket run health"), Some("health".to_owned()));
        assert_eq!(of("claude-watchdog --socket=/x run 8GB"), Some("run".to_owned()));
        assert_eq!(of("claude-watchdog --socket"), None);
    }

    #[test]
    fn a_link_selects_its_command() {
        let of = |line: &str| by_name(line.split(' ').map(OsString::from)).join(" ".as_ref());
        assert_eq!(of("/usr/bin/vm-health-check --json"), "claude-watchdog health --json");
        assert_eq!(of("/usr/bin/claude-watchdog daemon"), "claude-watchdog daemon");
        assert_eq!(of("run-claude-limited 8G claude"), "claude-watchdog run 8G claude");
    }

    #[test]
    fn the_past_is_asked_for_in_times_that_are_kept() {
        assert_eq!(since("6h"), Ok(Duration::from_hours(6)));
        assert_eq!((since("1m").is_ok(), since("30d").is_ok()), (true, true));
        for wrong in ["59s", "30d 1s", "6", "", "-1h", "three hours", "99999999999999999999y"] {
            assert!(since(wrong).is_err_and(|why| why.contains("from 1m to 30d")), "{wrong}");
        }
    }

    #[test]
    fn options_of_a_limit_come_before_it() {
        let of = |line: &str| match Arguments::try_parse_from(by_name(line.split(' ').map(OsString::from))) {
            Ok(Arguments { command: Command::Run(run), .. }) => {
                Some((run.report, run.restart, run.words.len()))
            }
            _ => None,
        };
        assert_eq!(of("run-claude-limited 8G claude"), Some((false, Restart::Never, 2)));
        assert_eq!(of("run-claude-limited --report --restart=on-oom 8G"), Some((true, Restart::OnOom, 1)));
        assert_eq!(of("run-claude-limited --restart never 8G"), Some((false, Restart::Never, 1)));
        assert_eq!(of("run-claude-limited 8G claude --report"), Some((false, Restart::Never, 3)));
        assert_eq!(of("run-claude-limited --restart=always 8G"), None);
    }

    #[test]
    fn every_command_shows_an_example() {
        for command in Arguments::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Example: "), "{}", command.get_name());
        }
    }
}
