//! Whether memory ended the command, or a part of it.

use std::time::Duration;

use super::supervisor::time;
use super::vigil::{End, Ended};
use crate::api::status::ActionInfo;
use crate::model::time::UnixSeconds;

/// An action on the whole agent is over when its grace is, which is ten minutes at the most, and the time for `KILL`.
const ACTION: i64 = 11 * 60;

/// What the kernel kills for want of memory ends within this time: it has nothing to do but to give its memory back.
const KILL: Duration = Duration::from_secs(10);

/// `SIGKILL`.
const BY_KILL: End = End::Killed(9);

/// What memory has to do with it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cause {
    /// Nothing, as far as can be told.
    Other,
    /// The supervisor ended the command.
    Supervisor(ActionInfo),
    /// The kernel did.
    Kernel,
    /// Something that the command started was ended, or several, while it lived on.
    Part {
        /// By the supervisor, the last time.
        action: Option<ActionInfo>,
    },
}

impl Cause {
    /// From what was seen of the scope, and what the supervisor did to the command, newest first.
    pub(super) fn of(ended: &Ended, actions: &[ActionInfo], now: UnixSeconds) -> Self {
        // What the kernel did is known here at first hand.
        let actions: Vec<&ActionInfo> = actions.iter().filter(|action| action.kind == "act").collect();
        let is_whole = |action: &ActionInfo| action.culprit.as_ref().is_some_and(|it| it.pid == ended.pid);
        let is_recent = |action: &ActionInfo| time(action).is_some_and(|time| now.0 - time.0 <= ACTION);
        let whole = actions.iter().copied().find(|action| is_whole(action) && is_recent(action));
        if let Some(action) = whole.filter(|action| is_for_memory(action)) {
            return Self::Supervisor(action.clone());
        }
        // Somebody had it ended otherwise: then that was it.
        let lately = ended.seen.last.is_some_and(|last| ended.at.since(last) <= KILL);
        if whole.is_none() && ended.end == BY_KILL && lately {
            return Self::Kernel;
        }
        let action =
            actions.iter().copied().find(|action| is_for_memory(action) && !is_whole(action)).cloned();
        if action.is_none() && ended.seen.taken.killed == 0 { Self::Other } else { Self::Part { action } }
    }

    /// Whether it ended the command itself.
    pub(super) const fn is_its_end(&self) -> bool {
        matches!(self, Self::Supervisor(_) | Self::Kernel)
    }
}

/// Somebody's request is none of memory's.
fn is_for_memory(action: &ActionInfo) -> bool {
    matches!(action.cause.as_str(), "threshold" | "guard" | "slice")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::api::resume::Resume;
    use crate::cli::run::waiter::scope::Seen;
    use crate::linux::cgroup::events::Taken;
    use crate::model::{Boottime, Bytes, Pid};

    pub(in crate::cli::run::waiter) const NOW: UnixSeconds = UnixSeconds(1_795_000_000);

    /// A command that is process 100, with a limit of 300M, of which the kernel ended so many processes so long before
    /// its end.
    pub(in crate::cli::run::waiter) fn ended(end: End, killed: u64, before: u64) -> Ended {
        let at = Boottime::new(Duration::from_secs(5000));
        let last = (killed > 0).then(|| Boottime::new(Duration::from_secs(5000 - before)));
        let taken = Taken { killed, at_limit: killed > 0 };
        let seen = Seen { limit: Some(Bytes::mib(300)), taken, last, peak: Some(Bytes::mib(299)) };
        Ended { pid: Pid::new(100).unwrap(), end, at, seen }
    }

    /// What the supervisor did so many seconds ago to the process `culprit`.
    pub(in crate::cli::run::waiter) fn action(cause: &str, culprit: i32, ago: i64) -> ActionInfo {
        let time = jiff::Timestamp::from_second(NOW.0 - ago).unwrap().to_string();
        serde_json::from_value(serde_json::json!({
            "id": "1795000000-3", "time": time, "kind": "act", "agent": "claude-100", "rule": "claude", "pid": 100,
            "uid": 1000, "charge": 303_038_464, "threshold": 304_087_040, "signals": ["TERM"], "dry_run": false,
            "culprit": { "pid": culprit, "charge": 293_601_280, "command": "node /x/\u{1b}[1m/server.js" },
            "cause": cause, "outcome": "ended, 280M freed 0.3s after the decision",
            "resume": (culprit == 100).then(|| Resume::new("claude --resume 7", Some("/home/me/work".to_owned()))),
        }))
        .unwrap()
    }

    fn of(end: End, killed: u64, before: u64, actions: &[ActionInfo]) -> Cause {
        Cause::of(&ended(end, killed, before), actions, NOW)
    }

    #[test]
    fn the_supervisor_says_what_it_did() {
        for cause in ["threshold", "guard", "slice"] {
            let its = action(cause, 100, 3);
            // Some say goodbye when they get their TERM.
            for end in [End::Killed(15), BY_KILL, End::Exited(143), End::Exited(0)] {
                assert_eq!(of(end, 0, 0, std::slice::from_ref(&its)), Cause::Supervisor(its.clone()));
            }
            assert_eq!(of(BY_KILL, 1, 1, std::slice::from_ref(&its)), Cause::Supervisor(its), "both at once");
        }
        let long_ago = action("threshold", 100, 3600);
        assert_eq!(of(End::Exited(0), 0, 0, &[long_ago]), Cause::Other, "it could not be ended then");
    }

    #[test]
    fn a_request_is_none_of_memorys() {
        let request = action("request", 100, 3);
        assert_eq!(of(End::Killed(15), 0, 0, std::slice::from_ref(&request)), Cause::Other);
        assert_eq!(of(BY_KILL, 1, 5, &[request]), Cause::Part { action: None }, "a child of it was");
    }

    #[test]
    fn a_kill_that_follows_one_by_the_kernel_is_the_kernels() {
        assert_eq!(of(BY_KILL, 1, 0, &[]), Cause::Kernel);
        let told = ActionInfo { kind: "kernel_oom".to_owned(), ..action("kernel", 100, 1) };
        assert_eq!(of(BY_KILL, 1, 0, &[told]), Cause::Kernel, "also where the supervisor has told of it");
        assert_eq!(of(BY_KILL, 0, 0, &[]), Cause::Other, "a user's");
        assert_eq!(of(BY_KILL, 1, 60, &[]), Cause::Part { action: None }, "that was a child, a minute ago");
        for end in [End::Exited(137), End::Exited(0), End::Killed(2), End::Killed(15)] {
            assert_eq!(of(end, 1, 0, &[]), Cause::Part { action: None }, "{end:?}");
        }
    }

    #[test]
    fn an_end_by_itself_after_its_child_was_ended_is_its_own() {
        let child = action("threshold", 101, 3000);
        assert_eq!(
            of(End::Exited(0), 0, 0, std::slice::from_ref(&child)),
            Cause::Part { action: Some(child) }
        );
        assert_eq!(of(End::Exited(1), 0, 0, &[]), Cause::Other);
    }
}
