//! Whether the command, or a child of it, was killed for memory.

use std::time::Duration;

use super::child::{CommandExit, RunOutcome};
use super::daemon_actions::time;
use crate::api::status::ActionInfo;
use crate::model::time::UnixSeconds;

/// Maximum age of an action that killed the command: a grace of at most ten minutes, and the time for SIGKILL.
const MAX_ACTION_AGE_SECONDS: i64 = 11 * 60;

/// Maximum time from a kill by the kernel to the exit of the process: it only has to free its memory.
const MAX_OOM_KILL_AGE: Duration = Duration::from_secs(10);

/// `SIGKILL`.
const SIGKILLED: CommandExit = CommandExit::Killed(9);

/// A kill for memory in one run of the command.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum MemoryKill {
    /// None is known.
    None,
    /// The daemon killed the command.
    ByDaemon(ActionInfo),
    /// The kernel killed the command.
    ByKernel,
    /// Only children of the command were killed.
    OfChild {
        /// The last kill by the daemon; `None`: only the kernel did.
        action: Option<ActionInfo>,
    },
}

impl MemoryKill {
    /// Detects it from the events of the scope and the actions of the daemon, newest first.
    pub(super) fn detect(outcome: &RunOutcome, actions: &[ActionInfo], now: UnixSeconds) -> Self {
        // Kills by the kernel are known from the scope.
        let actions: Vec<&ActionInfo> = actions.iter().filter(|action| action.kind == "act").collect();
        let is_whole = |action: &ActionInfo| action.culprit.as_ref().is_some_and(|it| it.pid == outcome.pid);
        let is_recent =
            |action: &ActionInfo| time(action).is_some_and(|time| now.0 - time.0 <= MAX_ACTION_AGE_SECONDS);
        let whole = actions.iter().copied().find(|action| is_whole(action) && is_recent(action));
        if let Some(action) = whole.filter(|action| is_for_memory(action)) {
            return Self::ByDaemon(action.clone());
        }
        // An action for another reason explains the SIGKILL.
        let is_recent =
            outcome.usage.last_kill.is_some_and(|kill| outcome.at.since(kill) <= MAX_OOM_KILL_AGE);
        if whole.is_none() && outcome.exit == SIGKILLED && is_recent {
            return Self::ByKernel;
        }
        let action =
            actions.iter().copied().find(|action| is_for_memory(action) && !is_whole(action)).cloned();
        if action.is_none() && outcome.usage.taken.killed == 0 {
            Self::None
        } else {
            Self::OfChild { action }
        }
    }

    /// Whether the command itself was killed.
    pub(super) const fn is_of_command(&self) -> bool {
        matches!(self, Self::ByDaemon(_) | Self::ByKernel)
    }
}

/// A stop on request is not for memory.
fn is_for_memory(action: &ActionInfo) -> bool {
    matches!(action.cause.as_str(), "threshold" | "guard" | "slice")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::api::resume::Resume;
    use crate::cli::run::monitor::scope::ScopeUsage;
    use crate::linux::cgroup::events::OomEvents;
    use crate::model::{Boottime, Bytes, Pid};

    pub(in crate::cli::run::monitor) const NOW: UnixSeconds = UnixSeconds(1_795_000_000);

    /// The outcome of process 100 with a limit of 300M, in which the kernel killed `killed` processes, `before` seconds
    /// before the exit.
    pub(in crate::cli::run::monitor) fn outcome(exit: CommandExit, killed: u64, before: u64) -> RunOutcome {
        let at = Boottime::new(Duration::from_secs(5000));
        let last = (killed > 0).then(|| Boottime::new(Duration::from_secs(5000 - before)));
        let taken = OomEvents { killed, at_limit: killed > 0 };
        let usage =
            ScopeUsage { limit: Some(Bytes::mib(300)), taken, last_kill: last, peak: Some(Bytes::mib(299)) };
        RunOutcome { pid: Pid::new(100).unwrap(), exit, at, usage }
    }

    /// An action of the daemon on the process `culprit`, `ago` seconds ago.
    pub(in crate::cli::run::monitor) fn action(cause: &str, culprit: i32, ago: i64) -> ActionInfo {
        let time = jiff::Timestamp::from_second(NOW.0 - ago).unwrap().to_string();
        serde_json::from_value(serde_json::json!({
            "id": "1795000000-3", "time": time, "kind": "act", "agent": "claude-100", "rule": "claude", "pid": 100,
            "uid": 1000, "charge": 303_038_464, "threshold": 304_087_040, "signals": ["TERM"], "dry_run": false,
            "culprit": { "pid": culprit, "charge": 293_601_280, "command": "node /x/\u{1b}[1m/server.js" },
            "cause": cause, "outcome": "exited after 0.3s, 280M freed",
            "resume": (culprit == 100).then(|| Resume::new("claude --resume 7", Some("/home/me/work".to_owned()))),
        }))
        .unwrap()
    }

    fn detect(exit: CommandExit, killed: u64, before: u64, actions: &[ActionInfo]) -> MemoryKill {
        MemoryKill::detect(&outcome(exit, killed, before), actions, NOW)
    }

    #[test]
    fn a_kill_by_the_daemon_is_known_from_its_actions() {
        for cause in ["threshold", "guard", "slice"] {
            let kill = action(cause, 100, 3);
            // Some commands exit cleanly on SIGTERM.
            for exit in [CommandExit::Killed(15), SIGKILLED, CommandExit::Exited(143), CommandExit::Exited(0)]
            {
                assert_eq!(
                    detect(exit, 0, 0, std::slice::from_ref(&kill)),
                    MemoryKill::ByDaemon(kill.clone())
                );
            }
            assert_eq!(
                detect(SIGKILLED, 1, 1, std::slice::from_ref(&kill)),
                MemoryKill::ByDaemon(kill),
                "both at once"
            );
        }
        let long_ago = action("threshold", 100, 3600);
        assert_eq!(detect(CommandExit::Exited(0), 0, 0, &[long_ago]), MemoryKill::None, "that kill failed");
    }

    #[test]
    fn a_requested_stop_is_not_for_memory() {
        let request = action("request", 100, 3);
        assert_eq!(detect(CommandExit::Killed(15), 0, 0, std::slice::from_ref(&request)), MemoryKill::None);
        assert_eq!(detect(SIGKILLED, 1, 5, &[request]), MemoryKill::OfChild { action: None }, "a child was");
    }

    #[test]
    fn sigkill_right_after_an_oom_kill_is_the_kernels() {
        assert_eq!(detect(SIGKILLED, 1, 0, &[]), MemoryKill::ByKernel);
        let reported = ActionInfo { kind: "kernel_oom".to_owned(), ..action("kernel", 100, 1) };
        assert_eq!(
            detect(SIGKILLED, 1, 0, &[reported]),
            MemoryKill::ByKernel,
            "even if the daemon reported it"
        );
        assert_eq!(detect(SIGKILLED, 0, 0, &[]), MemoryKill::None, "sent by a user");
        assert_eq!(
            detect(SIGKILLED, 1, 60, &[]),
            MemoryKill::OfChild { action: None },
            "a child, a minute before"
        );
        for exit in [
            CommandExit::Exited(137),
            CommandExit::Exited(0),
            CommandExit::Killed(2),
            CommandExit::Killed(15),
        ] {
            assert_eq!(detect(exit, 1, 0, &[]), MemoryKill::OfChild { action: None }, "{exit:?}");
        }
    }

    #[test]
    fn an_exit_after_a_child_was_killed_is_its_own() {
        let child = action("threshold", 101, 3000);
        assert_eq!(
            detect(CommandExit::Exited(0), 0, 0, std::slice::from_ref(&child)),
            MemoryKill::OfChild { action: Some(child) }
        );
        assert_eq!(detect(CommandExit::Exited(1), 0, 0, &[]), MemoryKill::None);
    }
}
