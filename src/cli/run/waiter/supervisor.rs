//! What the supervisor did to the command, as far as it remembers.

use std::path::Path;
use std::thread;
use std::time::Duration;

use jiff::Timestamp;

use super::vigil::{End, Ended};
use crate::api::status::ActionInfo;
use crate::ipc::{Client, paths};
use crate::model::time::UnixSeconds;

/// How long an answer may take: the command has ended, and somebody waits for their prompt.
const PATIENCE: Duration = Duration::from_secs(2);

/// It tells of an action when the signals are out, and what they end may be faster.
const AGAIN: Duration = Duration::from_millis(300);

/// What it did to the command and its children in this run, newest first; nothing where it cannot be asked.
pub(super) fn actions(ended: &Ended, began: UnixSeconds, socket: Option<&Path>) -> Vec<ActionInfo> {
    let candidates = paths::candidates(socket);
    let ask = || {
        let status = Client::connect_within(&candidates, PATIENCE)
            .and_then(|mut client| client.status_waiting(Duration::ZERO));
        status.map(|status| status.actions)
    };
    let Ok(actions) = ask() else { return Vec::new() };
    let found = of(actions, ended, began);
    if !found.is_empty() || !may_be_its(ended) {
        return found;
    }
    thread::sleep(AGAIN);
    ask().map(|actions| of(actions, ended, began)).unwrap_or_default()
}

/// Its signals are `TERM` and `KILL`; a shell that is ended by one for its child exits with 128 and the number.
fn may_be_its(ended: &Ended) -> bool {
    let by_signal = matches!(ended.end, End::Killed(9 | 15) | End::Exited(137 | 143));
    by_signal && ended.seen.taken.killed == 0
}

/// Those of this run: the pid may have been another agent's before.
fn of(mut actions: Vec<ActionInfo>, ended: &Ended, began: UnixSeconds) -> Vec<ActionInfo> {
    actions.retain(|action| {
        // The time of an action has whole seconds.
        let in_time = time(action).is_some_and(|time| time >= began);
        action.pid == ended.pid && in_time && !action.dry_run
    });
    actions
}

/// When it was decided.
pub(super) fn time(action: &ActionInfo) -> Option<UnixSeconds> {
    action.time.parse::<Timestamp>().ok().map(|time| UnixSeconds(time.as_second()))
}
