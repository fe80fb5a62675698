//! The command line as clap knows it; help, man pages and completions come from here.

use std::ffi::OsString;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::limit::LimitName;
use crate::model::{Bytes, Pid, Size};

/// Other names of the binary, each with the command that it runs.
const ALIASES: [(&str, &str); 2] = [("vm-health-check", "health"), ("run-claude-limited", "run")];

/// A memory supervisor for AI coding agents.
#[derive(Debug, Parser)]
#[command(name = "claude-watchdog", version, about, after_help = "Example: claude-watchdog daemon --dry-run")]
pub(super) struct Arguments {
    /// Daemon socket [default: /run/claude-watchdog/…; if absent, the user daemon's]
    #[arg(long, global = true, value_name = "PATH")]
    pub(super) socket: Option<PathBuf>,
    #[command(subcommand)]
    pub(super) command: Subcommands,
}

#[derive(Debug, Subcommand)]
pub(super) enum Subcommands {
    /// Run the daemon: warn about growing agents and kill what would exhaust memory
    #[command(after_help = DAEMON_HELP)]
    Daemon(DaemonOptions),
    /// Show memory status of this machine and its agents (alias: vm-health-check)
    #[command(after_help = HEALTH_HELP)]
    Health(HealthOptions),
    /// Explain why a process does or does not belong to an agent
    #[command(after_help = EXPLAIN_HELP)]
    Explain(ExplainOptions),
    /// Show recent events (agents started and exited, warnings, kills)
    #[command(after_help = EVENTS_HELP)]
    Events(EventsOptions),
    /// Stop an agent and all its child processes (SIGTERM, then SIGKILL)
    #[command(after_help = STOP_HELP)]
    Stop(StopOptions),
    /// Reload the configuration
    #[command(after_help = RELOAD_HELP)]
    Reload,
    /// Run a command with a hard cgroup memory limit (alias: run-claude-limited)
    #[command(after_help = RUN_HELP)]
    Run(RunOptions),
    /// Replay a recorded memory trace through the current thresholds and forecast
    #[command(after_help = REPLAY_HELP)]
    Replay(ReplayOptions),
    /// Validate the configuration and show the effective settings
    #[command(after_help = CHECK_HELP)]
    CheckConfig(CheckConfigOptions),
}

const DAEMON_HELP: &str = "\
Exit status: 0 stopped by SIGTERM or SIGINT, 1 error, 78 invalid configuration.

Example: claude-watchdog daemon --dry-run";

const HEALTH_HELP: &str = "\
Exit status: 0 OK, 1 warning, 2 critical, 3 the daemon is not running.

With --trend and --json, each agent has its history ({\"time\",\"seconds\",\"min\",
\"mean\",\"max\"}, oldest first), its forecast and a trend: stable, growing,
shrinking, insufficient_data or oom_predicted:MINUTES.

Example: vm-health-check --json | jq '.agents[] | {id, charge, level}'
Example: vm-health-check --trend --since 6h";

const EXPLAIN_HELP: &str = "\
Exit status: 0 success, 1 no such process, 3 success, but the daemon is not
running: explained from /proc and the built-in rules only.

For other users' processes, only totals are shown (unless run as root).

Example: claude-watchdog explain $$";

const EVENTS_HELP: &str = "\
Shows the events that the daemon keeps in memory: the last 256 since it started.
The events of an agent are visible to its owner and root. The journal has them all.

Exit status: 0 success, 1 error, 3 the daemon is not running.

Example: claude-watchdog events --follow --json | jq -r .message";

const STOP_HELP: &str = "\
Only the agent's owner and root may stop it. Waits for the agent to exit and prints
how to resume it. Ctrl-C does not cancel the stop.

Exit status: 0 stopped (or, in a dry run, reported); 1 not stopped, see standard
error; 3 the daemon is not running.

Example: claude-watchdog stop claude-1234";

const RELOAD_HELP: &str = "\
Only root and the user that runs the daemon may reload it. Returns when the new
configuration is in effect. Agents, history and stops in progress are kept. If the new
configuration is invalid, the current one stays in effect. Same as
`systemctl reload claude-watchdog`.

Exit status: 0 reloaded; 78 invalid configuration, standard error shows where and how
to fix it; 1 error; 3 the daemon is not running.

Example: claude-watchdog check-config && claude-watchdog reload";

const RUN_HELP: &str = "\
LIMIT is a size (8G) or a percentage of RAM (50%). Default: 12G. A first argument that
starts with a digit is LIMIT. Without COMMAND, claude is run; arguments that start with
`-` in its place are passed to it. Put options of run-claude-limited before LIMIT.

The command replaces this process and keeps its terminal, directory, environment and
signals. Its child processes are limited with it. All limited commands together may use
85% of RAM; a larger LIMIT is reduced to that, with a warning. Within a limit, a nested
one can only lower it.

With --report or --restart=on-oom, a monitor process stays outside of the limit, in the
command's process group, and forwards signals to it. A command killed for memory is
restarted after 1, 2, 4, 8 and 16 seconds, at most five times per hour; press Ctrl-C
while it waits to cancel the restart.

Exit status: that of the command, or 128+N if it was killed by signal N; 125 the limit
could not be applied and the command was not run; 126 the command cannot be executed;
127 the command was not found.

Example: run-claude-limited 8G claude --continue";

const REPLAY_HELP: &str = "\
A trace is a file with the header `seconds,bytes` and one sample per line, in order of
time. Prints the resulting actions as JSON Lines: {\"seconds\",\"action\",\"bytes\"} with
warn, recovered or kill; with --samples also {\"seconds\",\"bytes\",\"forecast\"}, once per
minute of the trace and whenever the forecast level changes.

With --from-history, replays the history that the daemon has recorded: of the machine,
and of each agent with its own thresholds or those given here. Each recorded interval
counts as its minimum and its maximum. Prints text unless --json is given; its objects
then also have \"series\", and \"seconds\" since 1970.

Exit status: 0 success; 65 invalid trace, standard error shows where; 2 invalid
arguments; 3 the daemon is not running; 1 error.

Example: claude-watchdog replay --limit 13G --samples trace.csv";

const CHECK_HELP: &str = "\
Reads what the daemon would read: the file, its drop-ins (FILE.d/*.toml) and the
environment; for the system configuration also the unit's environment file,
/etc/default/claude-watchdog. Shows the running processes that each rule matches;
unless run as root, only your own.

Exit status: 0 valid, with or without warnings; 78 invalid, standard error shows where
and how to fix it; 1 error.

Example: claude-watchdog check-config /etc/claude-watchdog/config.toml";

/// Options of `daemon`.
#[derive(Args, Debug)]
pub(super) struct DaemonOptions {
    /// Configuration file [default: /etc/claude-watchdog/config.toml for root, ~/.config/… otherwise]
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Directory to read processes from (signals always go to the real ones)
    #[arg(long, value_name = "DIR", default_value = "/proc")]
    pub(super) proc: PathBuf,
    /// Directory of the recorded memory history [default: /var/lib/claude-watchdog for root, ~/.local/state/… otherwise]
    #[arg(long, value_name = "DIR")]
    pub(super) state_dir: Option<PathBuf>,
    /// Directory to read cgroups from
    #[arg(long, value_name = "DIR", default_value = "/sys/fs/cgroup")]
    pub(super) cgroup: PathBuf,
    /// Log what would be killed, but do not send signals
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Release agents throttled by a crashed daemon, then exit (used by the unit)
    #[arg(long, conflicts_with = "dry_run")]
    pub(super) release_throttles: bool,
}

/// Options of `health`.
#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(super) struct HealthOptions {
    /// Print as one JSON object
    #[arg(long)]
    pub(super) json: bool,
    /// Print one line of at most 80 columns within 50 ms (for a prompt or tmux)
    #[arg(long, conflicts_with = "json")]
    pub(super) oneline: bool,
    /// Show memory history as a chart, with growth rate and forecast
    #[arg(long, short, conflicts_with = "oneline")]
    pub(super) trend: bool,
    /// Time span to show with --trend, 1m to 30d
    #[arg(long, value_name = "TIME", default_value = "3h", value_parser = history_span, requires = "trend")]
    pub(super) since: Duration,
    /// Disable colour (same as setting `NO_COLOR`)
    #[arg(long)]
    pub(super) no_color: bool,
}

/// Options of `explain`.
#[derive(Args, Debug)]
pub(super) struct ExplainOptions {
    /// Process to explain
    #[arg(value_name = "PID", value_parser = pid)]
    pub(super) pid: Pid,
    /// Print as one JSON object
    #[arg(long)]
    pub(super) json: bool,
    /// Disable colour (same as setting `NO_COLOR`)
    #[arg(long)]
    pub(super) no_color: bool,
}

/// Options of `events`.
#[derive(Args, Debug)]
pub(super) struct EventsOptions {
    /// Keep printing new events (Ctrl-C to stop)
    #[arg(long, short)]
    pub(super) follow: bool,
    /// Number of events to show [default: all, or 10 with --follow]
    #[arg(long, short = 'n', value_name = "COUNT")]
    pub(super) last: Option<usize>,
    /// Print each event as a JSON object on a line of its own
    #[arg(long)]
    pub(super) json: bool,
    /// Disable colour (same as setting `NO_COLOR`)
    #[arg(long)]
    pub(super) no_color: bool,
}

/// Options of `stop`.
#[derive(Args, Debug)]
pub(super) struct StopOptions {
    /// Agent name (claude-1234) or the pid of its root process
    #[arg(value_name = "AGENT")]
    pub(super) agent: String,
    /// Print the result as JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Options of `run`.
#[derive(Args, Debug)]
pub(super) struct RunOptions {
    /// Swap limit in addition to LIMIT [default: 1/16 of LIMIT, at most 512M]
    #[arg(long, value_name = "SIZE")]
    pub(super) swap: Option<Size>,
    /// Name of the systemd scope [default: the command]
    #[arg(long, value_name = "NAME")]
    pub(super) name: Option<LimitName>,
    /// Print one line if the command was killed for memory, and how to resume it
    #[arg(long)]
    pub(super) report: bool,
    /// Restart the command if it was killed for memory (with its resume option)
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = Restart::Never)]
    pub(super) restart: Restart,
    /// Run without a limit if none can be applied, with a warning
    #[arg(long)]
    pub(super) best_effort: bool,
    /// Limit and command to run
    #[arg(value_name = "[LIMIT] [--] [COMMAND]", trailing_var_arg = true, allow_hyphen_values = true)]
    pub(super) words: Vec<OsString>,
}

/// When the command is restarted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Restart {
    /// Do not restart
    Never,
    /// Only if killed by the kernel or claude-watchdog for memory
    OnOom,
}

/// Options of `replay`.
#[derive(Args, Debug)]
pub(super) struct ReplayOptions {
    /// Ceiling for the forecast [default: the kill threshold]
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    pub(super) limit: Option<Bytes>,
    /// Warn threshold [default: 8G, or 55/85 of --kill or --limit]
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    pub(super) warn: Option<Bytes>,
    /// Kill threshold [default: --limit, or 13G]
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    pub(super) kill: Option<Bytes>,
    /// Print forecasts as well
    #[arg(long)]
    pub(super) samples: bool,
    /// Replay the history recorded by the daemon instead of a file
    #[arg(long, conflicts_with = "file")]
    pub(super) from_history: bool,
    /// Time span to replay with --from-history, 1m to 30d
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = history_span, conflicts_with = "file")]
    pub(super) since: Duration,
    /// Print JSON Lines with --from-history, as for a file
    #[arg(long)]
    pub(super) json: bool,
    /// Trace file
    #[arg(value_name = "FILE", required_unless_present = "from_history")]
    pub(super) file: Option<PathBuf>,
}

/// Options of `check-config`.
#[derive(Args, Debug)]
pub(super) struct CheckConfigOptions {
    /// Configuration file [default: /etc/claude-watchdog/config.toml for root, ~/.config/… otherwise]
    #[arg(value_name = "FILE")]
    pub(super) file: Option<PathBuf>,
    /// Print as one JSON object
    #[arg(long)]
    pub(super) json: bool,
    /// Disable colour (same as setting `NO_COLOR`)
    #[arg(long)]
    pub(super) no_color: bool,
}

/// Parses a size in bytes. A percentage is refused: a trace has no machine to take it from.
fn bytes(text: &str) -> Result<Bytes, String> {
    match text.parse::<Size>() {
        Ok(Size::Bytes(bytes)) if bytes > Bytes::ZERO => Ok(bytes),
        Ok(_) => Err("expected a size such as 13G, not a percentage".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Parses a time span of the recorded history, which covers 30 days.
fn history_span(text: &str) -> Result<Duration, String> {
    const RANGE: RangeInclusive<Duration> = Duration::from_mins(1)..=Duration::from_hours(30 * 24);
    let time = humantime::parse_duration(text).ok().filter(|time| RANGE.contains(time));
    time.ok_or_else(|| "expected a time from 1m to 30d, such as 90m, 6h or 2d".to_owned())
}

fn pid(text: &str) -> Result<Pid, String> {
    text.parse().ok().and_then(Pid::new).ok_or_else(|| "expected a pid of 1 or more, such as 1234".to_owned())
}

/// Replaces an alias at the start of the arguments: `vm-health-check --json` becomes
/// `claude-watchdog health --json`.
pub(super) fn expand_alias(mut arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let name = arguments.next().unwrap_or_default();
    let called = Path::new(&name).file_name();
    let command =
        ALIASES.iter().find(|(alias, _)| called.is_some_and(|c| c == *alias)).map(|(_, command)| command);
    let front = std::iter::once(OsString::from("claude-watchdog")).chain(command.map(OsString::from));
    front.chain(arguments).collect()
}

/// Finds the command in such arguments: the first one that is not a global option.
pub(super) fn subcommand(words: &[OsString]) -> Option<&OsString> {
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

/// The commands that the aliases run, each under the name of its alias.
pub(super) fn aliases(definition: &clap::Command) -> Vec<clap::Command> {
    let shared: Vec<clap::Arg> =
        definition.get_arguments().filter(|arg| arg.is_global_set()).cloned().collect();
    let command = |(alias, command): (&'static str, &str)| {
        let about = |found: &clap::Command| {
            let text = found.get_about().map(ToString::to_string).unwrap_or_default();
            text.trim_end_matches(&format!(" (alias: {alias})")).to_owned()
        };
        let named =
            |found: &clap::Command| found.clone().name(alias).about(about(found)).args(shared.clone());
        definition.find_subcommand(command).map(named)
    };
    ALIASES.into_iter().filter_map(command).collect()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_valid() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_command_is_found_after_global_options() {
        let of = |line: &str| {
            let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
            subcommand(&words).map(|word| word.to_string_lossy().into_owned())
        };
        assert_eq!(of("claude-watchdog run --swap x"), Some("run".to_owned()));
        assert_eq!(of("claude-watchdog --socket run health"), Some("health".to_owned()));
        assert_eq!(of("claude-watchdog --socket=/x run 8GB"), Some("run".to_owned()));
        assert_eq!(of("claude-watchdog --socket"), None);
    }

    #[test]
    fn an_alias_selects_its_command() {
        let of = |line: &str| expand_alias(line.split(' ').map(OsString::from)).join(" ".as_ref());
        assert_eq!(of("/usr/bin/vm-health-check --json"), "claude-watchdog health --json");
        assert_eq!(of("/usr/bin/claude-watchdog daemon"), "claude-watchdog daemon");
        assert_eq!(of("run-claude-limited 8G claude"), "claude-watchdog run 8G claude");
    }

    #[test]
    fn a_history_span_is_limited_to_retained_history() {
        assert_eq!(history_span("6h"), Ok(Duration::from_hours(6)));
        assert_eq!((history_span("1m").is_ok(), history_span("30d").is_ok()), (true, true));
        for wrong in ["59s", "30d 1s", "6", "", "-1h", "three hours", "99999999999999999999y"] {
            assert!(history_span(wrong).is_err_and(|why| why.contains("from 1m to 30d")), "{wrong}");
        }
    }

    #[test]
    fn options_of_run_come_before_the_limit() {
        let of =
            |line: &str| match Arguments::try_parse_from(expand_alias(line.split(' ').map(OsString::from))) {
                Ok(Arguments { command: Subcommands::Run(run), .. }) => {
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
