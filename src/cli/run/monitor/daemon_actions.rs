//! The daemon's recent actions on the command.

use std::path::Path;
use std::thread;
use std::time::Duration;

use jiff::Timestamp;

use super::child::{CommandExit, RunOutcome};
use crate::api::status::ActionInfo;
use crate::ipc::{Client, paths};
use crate::model::time::UnixSeconds;

/// Timeout of a reply: the command has exited, and the user waits for the prompt.
const REPLY_TIMEOUT: Duration = Duration::from_secs(2);

/// Delay before the second request: the daemon publishes an action after its signals, and the command may exit sooner.
const RETRY_DELAY: Duration = Duration::from_millis(300);

/// Its actions on the command and its children in this run, newest first; empty if the daemon does not answer.
pub(super) fn actions(outcome: &RunOutcome, started: UnixSeconds, socket: Option<&Path>) -> Vec<ActionInfo> {
    let candidates = paths::candidates(socket);
    let request = || {
        let status = Client::connect_within(&candidates, REPLY_TIMEOUT)
            .and_then(|mut client| client.status_waiting(Duration::ZERO));
        status.map(|status| status.actions)
    };
    let Ok(actions) = request() else { return Vec::new() };
    let found = in_this_run(actions, outcome, started);
    if !found.is_empty() || !may_be_by_daemon(outcome) {
        return found;
    }
    thread::sleep(RETRY_DELAY);
    request().map(|actions| in_this_run(actions, outcome, started)).unwrap_or_default()
}

/// Whether it exited by SIGTERM or SIGKILL, or as a shell does after its child has: with 128 and the number.
fn may_be_by_daemon(outcome: &RunOutcome) -> bool {
    let by_signal = matches!(outcome.exit, CommandExit::Killed(9 | 15) | CommandExit::Exited(137 | 143));
    by_signal && outcome.usage.taken.killed == 0
}

/// Keeps those of this run: another agent may have had this pid before.
fn in_this_run(mut actions: Vec<ActionInfo>, outcome: &RunOutcome, started: UnixSeconds) -> Vec<ActionInfo> {
    actions.retain(|action| {
        // The time of an action has whole seconds.
        let in_time = time(action).is_some_and(|time| time >= started);
        action.pid == outcome.pid && in_time && !action.dry_run
    });
    actions
}

/// The time of the decision.
pub(super) fn time(action: &ActionInfo) -> Option<UnixSeconds> {
    action.time.parse::<Timestamp>().ok().map(|time| UnixSeconds(time.as_second()))
}
