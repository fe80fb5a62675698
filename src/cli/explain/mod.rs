//! `claude-watchdog explain PID`: what the supervisor makes of a process, and why.

mod command;
mod memory;
mod rules;

#[cfg(test)]
mod tests;

use super::health::foretold::per_hour;
use super::terminal::{Page, Paint, Style};
use crate::api::explanation::{ProcessInfo, ThresholdsInfo};
use crate::api::status::{AgentInfo, AgentLevel};
use crate::api::{explanation::Explanation, forecast::Forecast};

pub(super) use command::run;

/// Where the values of the first thresholds begin, and those of each section.
const FIRST: usize = 10;
const LABEL: usize = 2;
const VALUE: usize = 14;

/// The page for people: at most 80 columns, and nothing in it that a terminal would obey but the colours of `style`.
#[must_use]
pub fn render_plain(told: &Explanation, style: &Style) -> String {
    let mut page = Page::new(*style);
    head(&mut page, told);
    process(&mut page, &told.process);
    if let Some(recognition) = &told.recognition {
        rules::list(&mut page, recognition);
    }
    if let (Some(agent), Some(membership)) = (&told.agent, &told.membership) {
        self::agent(&mut page, agent);
        if membership.unverified.get() > 0 {
            let unverified =
                format!("{} of it may be counted twice; a closer look is under way", membership.unverified);
            value(&mut page, "unproven", &unverified);
        }
    }
    if let Some(thresholds) = &told.thresholds {
        self::thresholds(&mut page, thresholds);
    }
    memory::of_process(&mut page, told.memory.as_ref(), told.membership.as_ref());
    if let Some(cgroup) = &told.cgroup {
        memory::of_cgroup(&mut page, cgroup, told.agent.is_some());
    }
    section(&mut page, "Signals");
    let (paint, word) = if told.signals.never { (Paint::Good, "never") } else { (Paint::Aside, "possible") };
    page.to(LABEL).paint(paint, word).to(VALUE).wrapped(VALUE, &told.signals.because);
    notes(&mut page, &told.notes);
    page.finish()
}

fn head(page: &mut Page, told: &Explanation) {
    let ProcessInfo { pid, uid, name, .. } = &told.process;
    page.paint(Paint::Heading, &pid.to_string()).to(FIRST);
    let who =
        name.as_deref().map_or_else(|| format!("of user {uid}"), |name| format!("{name}, of user {uid}"));
    let what = match &told.membership {
        Some(membership) => format!("{who}, belongs to {}", membership.agent),
        None => format!("{who}, belongs to no agent"),
    };
    page.wrapped(FIRST, &what);
    page.to(FIRST).wrapped(FIRST, &told.because);
    if !told.watched {
        page.to(FIRST)
            .paint(Paint::Warning, "nobody watches: this is what /proc and the built-in rules tell")
            .end();
    }
}

fn process(page: &mut Page, process: &ProcessInfo) {
    let ProcessInfo { parent, exe, command, cwd, .. } = process;
    let texts = [("executable", exe), ("command", command), ("directory", cwd)];
    if parent.is_none() && texts.iter().all(|(_, text)| text.is_none()) {
        return;
    }
    section(page, "Process");
    for (name, text) in texts {
        if let Some(text) = text {
            // One line; what is cut is whole in `--json`.
            label(page, name).put(text).end();
        }
    }
    if let Some(parent) = parent {
        label(page, "parent").put(&parent.to_string()).end();
    }
}

fn agent(page: &mut Page, agent: &AgentInfo) {
    section(page, &format!("Agent {}", agent.id));
    value(page, "rule", &agent.rule);
    if let Some(parent) = &agent.parent {
        value(page, "started by", parent);
    }
    let ended = if agent.root_alive { "" } else { ", has ended" };
    value(page, "root", &format!("pid {}, of user {}{ended}", agent.pid, agent.uid));
    value(page, "processes", &agent.processes.to_string());
    let split = memory::kinds(agent.anon, agent.shmem, agent.swap);
    value(page, "charge", &format!("{}: {split}", agent.charge));
    let (paint, level) = match agent.level {
        AgentLevel::Ok => (Paint::Good, "ok, below its warn threshold"),
        AgentLevel::Warned => (Paint::Warning, "warned: over its warn threshold, or not yet clearly back"),
        AgentLevel::Acting => (Paint::Alarm, "acting: a part of it is being ended"),
    };
    label(page, "level").paint(paint, level).end();
    if let Some(forecast) = &agent.forecast {
        foretold(page, forecast);
    }
}

/// What is foretold, and the plain slope beside ours.
fn foretold(page: &mut Page, forecast: &Forecast) {
    let Forecast { trend, reason, bytes_per_hour, least_squares_per_hour, .. } = forecast;
    value(page, "forecast", &format!("{trend}: {reason}"));
    let rates = [bytes_per_hour, least_squares_per_hour].map(|rate| rate.map(per_hour));
    if let [Some(floor), Some(plain)] = rates {
        let text = format!("{floor}; {plain} by least squares over half an hour, which decides nothing");
        value(page, "rate", &text);
    }
}

fn thresholds(page: &mut Page, thresholds: &ThresholdsInfo) {
    for (name, line) in [("warn threshold", &thresholds.warn), ("kill threshold", &thresholds.kill)] {
        value(page, name, &format!("{}, set to {} ({})", line.bytes, line.set, line.origin));
    }
    for note in &thresholds.notes {
        page.to(VALUE).wrapped(VALUE, note);
    }
}

fn notes(page: &mut Page, notes: &[String]) {
    if notes.is_empty() {
        return;
    }
    section(page, "Notes");
    for note in notes {
        page.to(LABEL).put("-").to(LABEL + 2).wrapped(LABEL + 2, note);
    }
}

fn section(page: &mut Page, name: &str) {
    page.end().paint(Paint::Heading, name).end();
}

fn label<'a>(page: &'a mut Page, name: &str) -> &'a mut Page {
    page.to(LABEL).paint(Paint::Aside, name).to(VALUE)
}

fn value(page: &mut Page, name: &str, text: &str) {
    label(page, name).wrapped(VALUE, text);
}
