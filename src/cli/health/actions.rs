//! What was done of late, why, and how to take up the work again.

use crate::api::resume::Resume;
use crate::api::status::ActionInfo;
use crate::cli::terminal::{Page, Paint, WIDTH, escape_for_terminal, wrap_command};

/// Actions shown; older ones are in `--json`.
const SHOWN: usize = 5;

/// Where the label and the text of a detail begin.
const LABEL: usize = 2;
const DETAIL: usize = 10;

/// The newest actions.
pub(super) fn list(page: &mut Page, actions: &[ActionInfo]) {
    if actions.is_empty() {
        return;
    }
    page.end().paint(Paint::Heading, "Recent actions").end();
    for action in actions.iter().take(SHOWN) {
        one(page, action);
    }
    if let Some(older) = actions.len().checked_sub(SHOWN).filter(|older| *older > 0) {
        page.paint(Paint::Aside, &format!("and {older} more, with --json")).end();
    }
}

fn one(page: &mut Page, action: &ActionInfo) {
    page.wrapped(0, &format!("{} {}", action.time, why(action)));
    if let Some(done) = done(action) {
        // One line: a command line is cut here, it is whole in `--json`.
        page.to(LABEL).paint(Paint::Aside, "done").to(DETAIL).put(&done).end();
    }
    if !action.outcome.is_empty() {
        page.to(LABEL).paint(Paint::Aside, "result").to(DETAIL).wrapped(DETAIL, &action.outcome);
    }
    if let Some(command) = &action.resume {
        page.to(LABEL).paint(Paint::Aside, "resume");
        resume(page, command);
    }
}

fn why(action: &ActionInfo) -> String {
    let ActionInfo { agent, charge, threshold, .. } = action;
    match action.kind.as_str() {
        "act" if action.cause == "guard" => format!("{agent} at {charge}, the guest ran out of memory"),
        "act" if action.cause == "slice" => format!("{agent} at {charge}, limited agents near their cap"),
        "act" if charge >= threshold => format!("{agent} at {charge}, over its threshold of {threshold}"),
        "act" => format!("{agent} at {charge}, threshold {threshold}"),
        "kernel_oom" => format!("{agent} at {charge}: the kernel's OOM killer took some"),
        "died" => format!("{agent} at {charge}: it died"),
        other => format!("{agent} at {charge}: {other}"),
    }
}

fn done(action: &ActionInfo) -> Option<String> {
    let whom = match action.culprit.as_ref().filter(|culprit| culprit.pid != action.pid) {
        None => "the whole agent".to_owned(),
        Some(culprit) => {
            let command =
                culprit.command.as_deref().map(|command| format!(": {command}")).unwrap_or_default();
            format!("pid {} and below, {}{command}", culprit.pid, culprit.charge)
        }
    };
    if action.dry_run {
        return Some(format!("nothing, in a dry run; else an end to {whom}"));
    }
    (!action.signals.is_empty()).then(|| format!("{} to {whom}", action.signals.join(", ")))
}

fn resume(page: &mut Page, command: &Resume) {
    let pieces: Vec<String> = command.shell_pieces().iter().map(|piece| escape_for_terminal(piece)).collect();
    if let Some(lines) = wrap_command(&escape_for_terminal(&command.shell), &pieces, WIDTH - DETAIL) {
        for line in lines {
            page.to(DETAIL).put(&line).end();
        }
    } else {
        // Cut in the middle of a word it cannot be pasted; better to say so than to look as if it could.
        page.to(DETAIL).put(&command.shell).end();
        page.to(DETAIL).paint(Paint::Aside, "(cut; whole in vm-health-check --json)").end();
    }
}
