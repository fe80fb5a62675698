//! The explanation as text.

use crate::api::explanation::{
    CgroupInfo, CgroupUse, Explanation, Membership, ProcessInfo, ProcessMemory, SharesStatus, ThresholdsInfo,
};
use crate::api::forecast::Forecast;
use crate::api::status::{AgentInfo, AgentLevel};
use crate::cli::health::forecast_text::per_hour;
use crate::cli::terminal::{Page, Paint, Style};
use crate::model::Bytes;
use crate::model::match_trace::{MatchStep, MatchTrace};

/// Column of the text in the head.
const HEAD_COLUMN: usize = 10;

/// Columns of the labels and values in each section.
const LABEL_COLUMN: usize = 2;
const VALUE_COLUMN: usize = 14;

/// The page as text: at most 80 columns, without control characters other than the colours of `style`.
#[must_use]
pub fn render_plain(explanation: &Explanation, style: &Style) -> String {
    let mut page = Page::new(*style);
    head(&mut page, explanation);
    process(&mut page, &explanation.process);
    if let Some(recognition) = &explanation.recognition {
        rules(&mut page, recognition);
    }
    if let (Some(agent), Some(membership)) = (&explanation.agent, &explanation.membership) {
        self::agent(&mut page, agent);
        if membership.unverified.get() > 0 {
            let unverified = format!("{} of it may be counted twice; being verified", membership.unverified);
            value(&mut page, "unverified", &unverified);
        }
    }
    if let Some(thresholds) = &explanation.thresholds {
        self::thresholds(&mut page, thresholds);
    }
    process_memory(&mut page, explanation.memory.as_ref(), explanation.membership.as_ref());
    if let Some(cgroup) = &explanation.cgroup {
        cgroup_use(&mut page, cgroup, explanation.agent.is_some());
    }
    section(&mut page, "Signals");
    let (paint, word) =
        if explanation.signals.never { (Paint::Good, "never") } else { (Paint::Aside, "possible") };
    page.to(LABEL_COLUMN)
        .paint(paint, word)
        .to(VALUE_COLUMN)
        .wrapped(VALUE_COLUMN, &explanation.signals.because);
    notes(&mut page, &explanation.notes);
    page.finish()
}

fn head(page: &mut Page, explanation: &Explanation) {
    let ProcessInfo { pid, uid, name, .. } = &explanation.process;
    page.paint(Paint::Heading, &pid.to_string()).to(HEAD_COLUMN);
    let process = name
        .as_deref()
        .map_or_else(|| format!("process of user {uid}"), |name| format!("{name}, of user {uid}"));
    let text = match &explanation.membership {
        Some(membership) => format!("{process}, belongs to {}", membership.agent),
        None => format!("{process}, belongs to no agent"),
    };
    page.wrapped(HEAD_COLUMN, &text);
    page.to(HEAD_COLUMN).wrapped(HEAD_COLUMN, &explanation.because);
    if !explanation.watched {
        page.to(HEAD_COLUMN)
            .paint(Paint::Warning, "the daemon is not running; showing /proc and the built-in rules only")
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
            // One line; `--json` has all of it.
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
    let exited = if agent.root_alive { "" } else { ", has exited" };
    value(page, "root", &format!("pid {}, of user {}{exited}", agent.pid, agent.uid));
    value(page, "processes", &agent.processes.to_string());
    let split = memory_kinds(agent.anon, agent.shmem, agent.swap);
    value(page, "memory", &format!("{}: {split}", agent.charge));
    let (paint, level) = match agent.level {
        AgentLevel::Ok => (Paint::Good, "ok, below its warn threshold"),
        AgentLevel::Warned => (Paint::Warning, "warned: over its warn threshold, or still close to it"),
        AgentLevel::Acting => (Paint::Alarm, "acting: a part of it is being stopped"),
    };
    label(page, "level").paint(paint, level).end();
    if let Some(forecast) = &agent.forecast {
        self::forecast(page, forecast);
    }
}

/// The forecast, and the least-squares slope for comparison.
fn forecast(page: &mut Page, forecast: &Forecast) {
    let Forecast { trend, reason, bytes_per_hour, least_squares_per_hour, .. } = forecast;
    value(page, "forecast", &format!("{trend}: {reason}"));
    let rates = [bytes_per_hour, least_squares_per_hour].map(|rate| rate.map(per_hour));
    if let [Some(floor), Some(plain)] = rates {
        let text = format!("{floor}; {plain} by least squares over 30 min (for comparison only)");
        value(page, "rate", &text);
    }
}

fn thresholds(page: &mut Page, thresholds: &ThresholdsInfo) {
    for (name, line) in [("warn threshold", &thresholds.warn), ("kill threshold", &thresholds.kill)] {
        value(page, name, &format!("{}, set to {} ({})", line.bytes, line.set, line.origin));
    }
    for note in &thresholds.notes {
        page.to(VALUE_COLUMN).wrapped(VALUE_COLUMN, note);
    }
}

fn notes(page: &mut Page, notes: &[String]) {
    if notes.is_empty() {
        return;
    }
    section(page, "Notes");
    for note in notes {
        page.to(LABEL_COLUMN).put("-").to(LABEL_COLUMN + 2).wrapped(LABEL_COLUMN + 2, note);
    }
}

fn section(page: &mut Page, name: &str) {
    page.end().paint(Paint::Heading, name).end();
}

fn label<'a>(page: &'a mut Page, name: &str) -> &'a mut Page {
    page.to(LABEL_COLUMN).paint(Paint::Aside, name).to(VALUE_COLUMN)
}

fn value(page: &mut Page, name: &str, text: &str) {
    label(page, name).wrapped(VALUE_COLUMN, text);
}

/// The parts of an amount of memory.
fn memory_kinds(anon: Bytes, shmem: Bytes, swap: Bytes) -> String {
    format!("{anon} private, {shmem} shared, {swap} swapped out")
}

/// The memory of the process itself.
fn process_memory(page: &mut Page, memory: Option<&ProcessMemory>, membership: Option<&Membership>) {
    section(page, "Memory");
    let Some(memory) = memory else {
        page.to(LABEL_COLUMN).put("no memory of its own").end();
        return;
    };
    value(
        page,
        "memory",
        &format!("{}: {}", memory.charge, memory_kinds(memory.anon, memory.shmem, memory.swap)),
    );
    if let Some(counted) = membership.map(|membership| membership.counted).filter(|c| *c != memory.charge) {
        value(page, "counted", &format!("{counted} of it counted for the agent at the last sample"));
    }
    match (memory.look, &memory.shares) {
        (_, Some(shares)) => {
            value(page, "alone", &format!("{} not shared with other processes", shares.private));
            let split = memory_kinds(shares.anon, shares.shmem, shares.swap);
            value(page, "its share", &format!("{split}; {} of page cache, not counted", shares.file));
        }
        (SharesStatus::TimedOut, None) => {
            value(page, "its share", "not read in time: its memory map is locked or very large");
        }
        (SharesStatus::Hidden, None) => value(page, "its share", "visible to its owner and root only"),
        (_, None) => value(page, "its share", "not available from the kernel"),
    }
}

/// The cgroup of the process.
fn cgroup_use(page: &mut Page, cgroup: &CgroupInfo, has_agent: bool) {
    section(page, "Cgroup");
    if let Some(path) = &cgroup.path {
        value(page, "path", path);
    }
    let text = match (cgroup.use_by, cgroup.processes) {
        (CgroupUse::Own, _) => "this agent only: all of its memory counts for the agent".to_owned(),
        (CgroupUse::Shared, Some(count)) if has_agent => {
            format!("other processes as well ({count} in total): not used for accounting")
        }
        (CgroupUse::Shared, Some(count)) => format!("{count} processes, not one agent only"),
        (CgroupUse::Shared, None) => "not one agent only".to_owned(),
        (CgroupUse::Unknown, _) => "could not be read".to_owned(),
    };
    value(page, "used by", &text);
    if let (Some(current), Some(cache)) = (cgroup.current, cgroup.cache) {
        value(page, "usage", &format!("{current}, including {cache} of page cache, which is not counted"));
    }
    if let Some(charge) = cgroup.charge {
        value(page, "memory", &charge.to_string());
    }
    if let Some(max) = cgroup.max {
        value(page, "limit", &max.to_string());
    }
}

/// One paragraph per step, then the result of the search.
fn rules(page: &mut Page, trace: &MatchTrace) {
    section(page, "Rules");
    for step in &trace.steps {
        rule_results(page, step);
    }
    page.to(LABEL_COLUMN).wrapped(LABEL_COLUMN, &trace.ended);
}

fn rule_results(page: &mut Page, step: &MatchStep) {
    page.to(LABEL_COLUMN).paint(Paint::Aside, &step.part.to_string()).to(VALUE_COLUMN).put(&step.text).end();
    for (rules, matched, why) in grouped(step) {
        page.to(LABEL_COLUMN * 2);
        let paint = if matched { Paint::Good } else { Paint::Aside };
        // Several names may wrap; a single one is coloured.
        match rules.as_slice() {
            [rule] => page.paint(paint, rule).to(VALUE_COLUMN).wrapped(VALUE_COLUMN, why),
            rules => page.wrapped(VALUE_COLUMN, &format!("{}: {why}", rules.join(", "))),
        };
    }
}

/// Groups the rules with the same result: most rules have no pattern for a script.
fn grouped(step: &MatchStep) -> Vec<(Vec<&str>, bool, &str)> {
    let mut groups: Vec<(Vec<&str>, bool, &str)> = Vec::new();
    for result in &step.results {
        match groups.iter_mut().find(|(_, matched, why)| *matched == result.matched && *why == result.why) {
            Some((rules, ..)) => rules.push(&result.rule),
            None => groups.push((vec![&result.rule], result.matched, &result.why)),
        }
    }
    groups
}
