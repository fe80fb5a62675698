//! Recent actions: reason, signals, result, resume command.

use crate::api::resume::Resume;
use crate::api::status::ActionInfo;
use crate::cli::terminal::{Page, Paint, WIDTH, escape_for_terminal, wrap_command};

/// Maximum number of actions shown; `--json` has all.
const MAX_ACTIONS: usize = 5;

/// Columns of the labels and of the details.
const LABEL_COLUMN: usize = 2;
const DETAIL_COLUMN: usize = 10;

/// Lists the newest actions.
pub(super) fn list(page: &mut Page, actions: &[ActionInfo]) {
    if actions.is_empty() {
        return;
    }
    page.end().paint(Paint::Heading, "Recent actions").end();
    for action in actions.iter().take(MAX_ACTIONS) {
        one(page, action);
    }
    if let Some(older) = actions.len().checked_sub(MAX_ACTIONS).filter(|older| *older > 0) {
        page.paint(Paint::Aside, &format!("and {older} more, with --json")).end();
    }
}

fn one(page: &mut Page, action: &ActionInfo) {
    page.wrapped(0, &format!("{} {}", action.time, reason(action)));
    if let Some(text) = signals(action) {
        // One line: a command line is truncated here, `--json` has all of it.
        page.to(LABEL_COLUMN).paint(Paint::Aside, "action").to(DETAIL_COLUMN).put(&text).end();
    }
    if !action.outcome.is_empty() {
        page.to(LABEL_COLUMN)
            .paint(Paint::Aside, "result")
            .to(DETAIL_COLUMN)
            .wrapped(DETAIL_COLUMN, &action.outcome);
    }
    if let Some(command) = &action.resume {
        page.to(LABEL_COLUMN).paint(Paint::Aside, "resume");
        resume(page, command);
    }
}

fn reason(action: &ActionInfo) -> String {
    let ActionInfo { agent, charge, threshold, .. } = action;
    match action.kind.as_str() {
        "act" if action.cause == "guard" => format!("{agent} at {charge}: the machine ran out of memory"),
        "act" if action.cause == "slice" => {
            format!("{agent} at {charge}: limited agents near their total limit")
        }
        "act" if charge >= threshold => {
            format!("{agent} at {charge}, over its kill threshold of {threshold}")
        }
        "act" => format!("{agent} at {charge}, threshold {threshold}"),
        "kernel_oom" => format!("{agent} at {charge}: the kernel killed a process for memory"),
        "died" => format!("{agent} at {charge}: it died"),
        other => format!("{agent} at {charge}: {other}"),
    }
}

fn signals(action: &ActionInfo) -> Option<String> {
    let target = match action.culprit.as_ref().filter(|culprit| culprit.pid != action.pid) {
        None => "the whole agent".to_owned(),
        Some(culprit) => {
            let command =
                culprit.command.as_deref().map(|command| format!(": {command}")).unwrap_or_default();
            format!("pid {} and its children, {}{command}", culprit.pid, culprit.charge)
        }
    };
    if action.dry_run {
        return Some(format!("dry run: would have stopped {target}"));
    }
    let signals: Vec<_> = action.signals.iter().map(|signal| format!("SIG{signal}")).collect();
    (!signals.is_empty()).then(|| format!("{} to {target}", signals.join(", ")))
}

fn resume(page: &mut Page, command: &Resume) {
    let pieces: Vec<String> = command.shell_pieces().iter().map(|piece| escape_for_terminal(piece)).collect();
    if let Some(lines) = wrap_command(&escape_for_terminal(&command.shell), &pieces, WIDTH - DETAIL_COLUMN) {
        for line in lines {
            page.to(DETAIL_COLUMN).put(&line).end();
        }
    } else {
        // A truncated command cannot be pasted, so that is said.
        page.to(DETAIL_COLUMN).put(&command.shell).end();
        page.to(DETAIL_COLUMN).paint(Paint::Aside, "(truncated, see vm-health-check --json)").end();
    }
}
