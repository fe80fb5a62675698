//! `claude-watchdog stop`: the end of an agent, by the ladder that the lines have.

mod command;

use super::terminal::escape_for_terminal;
use crate::api::status::ActionInfo;

pub(super) use command::run;

/// What became of it, and how to take up the work again.
#[must_use]
pub fn render(action: &ActionInfo) -> String {
    let mut text = if action.dry_run {
        format!("{}\n", escape_for_terminal(&action.outcome))
    } else {
        format!("{}: {}\n", escape_for_terminal(&action.agent), escape_for_terminal(&action.outcome))
    };
    if let Some(resume) = action.resume.as_ref().filter(|_| !action.dry_run) {
        text += &format!("take up its work with: {}\n", escape_for_terminal(&resume.shell));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_with_how_to_go_on() {
        let mut action: ActionInfo = serde_json::from_value(serde_json::json!({
            "id": "1", "time": "2026-11-23T14:02:05Z", "kind": "act", "agent": "claude-1234", "rule": "claude", "pid": 1234,
            "uid": 1000, "charge": 1, "threshold": 2, "signals": ["TERM"], "dry_run": false, "cause": "request",
            "outcome": "ended, 720M freed 0.3s after the decision", "resume": { "cwd": null, "command": ["claude"], "shell": "cd /home/\u{1b}[1m && claude --continue" },
        }))
        .unwrap();
        let ended = render(&action);
        action.dry_run = true;
        action.outcome =
            "claude-1234 is at 720M; root asked for its end: dry run: would end it whole".to_owned();
        insta::assert_snapshot!(format!("{ended}--\n{}", render(&action)));
    }
}
