//! The table of agents.

use super::forecast_text;
use crate::api::status::{AgentInfo, AgentLevel};
use crate::cli::terminal::{Clock, Page, Paint, escape_for_terminal, truncate_start, width};
use crate::model::Bytes;

/// Maximum columns of a name, to leave room for the rest.
const MAX_ID_WIDTH: usize = 24;

/// Columns from the end of one number to the end of the next: `1023M` and a gap.
const NUMBER_WIDTH: usize = 7;

/// The columns of the table: the end of each number, the start of each text.
struct TableColumns {
    memory: usize,
    warn: usize,
    kill: usize,
    processes: usize,
    level: usize,
    directory: usize,
}

impl TableColumns {
    fn new(agents: &[AgentInfo]) -> Self {
        let widest = agents.iter().map(|agent| width(&escape_for_terminal(&agent.id))).max().unwrap_or(0);
        let memory = widest.clamp("AGENT".len(), MAX_ID_WIDTH) + NUMBER_WIDTH + 1;
        let [warn, kill, processes] = [1, 2, 3].map(|nth| memory + nth * NUMBER_WIDTH);
        Self {
            memory,
            warn,
            kill,
            processes,
            level: processes + 2,
            directory: processes + 2 + "warned".len() + 2,
        }
    }
}

/// One line per agent, with its details below.
pub(super) fn table(page: &mut Page, agents: &[AgentInfo], clock: &Clock) {
    if agents.is_empty() {
        return;
    }
    let columns = TableColumns::new(agents);
    page.end().paint(Paint::Heading, "AGENT");
    let numbers = [columns.memory, columns.warn, columns.kill, columns.processes];
    for (end, title) in numbers.into_iter().zip(["MEMORY", "WARN", "KILL", "PROCS"]) {
        page.to(end - title.len()).paint(Paint::Heading, title);
    }
    page.to(columns.level).paint(Paint::Heading, "LEVEL");
    page.to(columns.directory).paint(Paint::Heading, "WHERE").end();
    for agent in agents {
        row(page, &columns, agent);
        details(page, agent, clock);
    }
}

fn row(page: &mut Page, columns: &TableColumns, agent: &AgentInfo) {
    let id = escape_for_terminal(&agent.id);
    // The end of a name is the pid, which distinguishes agents of one rule.
    page.put(&truncate_start(&id, MAX_ID_WIDTH));
    page.right(columns.memory, &agent.charge.to_string());
    page.right(columns.warn, &threshold(agent.warn_threshold));
    page.right(columns.kill, &threshold(agent.kill_threshold));
    page.right(columns.processes, &agent.processes.to_string()).to(columns.level);
    match agent.level {
        // Not known without a daemon.
        AgentLevel::Ok if agent.warn_threshold == Bytes::ZERO => page.put("-"),
        AgentLevel::Ok => page.put("ok"),
        AgentLevel::Warned => page.paint(Paint::Warning, "warned"),
        AgentLevel::Acting => page.paint(Paint::Alarm, "acting"),
    };
    page.to(columns.directory);
    let place = match &agent.cwd {
        Some(cwd) => truncate_start(&escape_for_terminal(cwd), page.room()),
        None => format!("(user {})", agent.uid),
    };
    page.put(&place).end();
}

/// Thresholds are not known without a daemon.
fn threshold(bytes: Bytes) -> String {
    if bytes == Bytes::ZERO { "-".to_owned() } else { bytes.to_string() }
}

fn details(page: &mut Page, agent: &AgentInfo, clock: &Clock) {
    let mut detail = |text: String| {
        page.to(2).paint(Paint::Aside, &text).end();
    };
    if let Some(text) =
        agent.forecast.as_ref().and_then(|forecast| forecast_text::short_sentence(forecast, clock))
    {
        detail(format!("forecast: {text}"));
    }
    // Not for an agent far below its thresholds: nothing of it would be killed.
    if let Some(culprit) = agent.culprits.first().filter(|_| agent.level != AgentLevel::Ok) {
        let command = culprit.command.as_deref().map(|command| format!(": {command}")).unwrap_or_default();
        detail(format!("largest part: {}, pid {}{command}", culprit.charge, culprit.pid));
    }
    if !agent.root_alive {
        detail("its root process has exited; its children are still running".to_owned());
    }
    if let Some(parent) = &agent.parent {
        detail(format!("started by {parent}"));
    }
    if agent.total_charge > agent.charge {
        detail(format!("including the agents it started: {}", agent.total_charge));
    }
    match (&agent.scope, agent.limit) {
        (Some(scope), Some(limit)) => detail(format!("limited to {limit} by {scope}")),
        (None, Some(limit)) => detail(format!("limited to {limit}")),
        (Some(scope), None) => detail(format!("in {scope}")),
        (None, None) => {}
    }
}
