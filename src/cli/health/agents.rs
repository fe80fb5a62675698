//! The table of agents.

use super::foretold;
use crate::api::status::{AgentInfo, AgentLevel};
use crate::cli::terminal::{Clock, Page, Paint, escape_for_terminal, truncate_start, width};
use crate::model::Bytes;

/// A name wider than this is cut, else nothing would be left for the rest.
const LONGEST_ID: usize = 24;

/// Columns from the end of one number to the end of the next: `1023M` and a little air.
const NUMBER: usize = 7;

/// Where the columns of the table are.
struct Columns {
    charge: usize,
    warn: usize,
    kill: usize,
    processes: usize,
    level: usize,
    place: usize,
}

impl Columns {
    fn of(agents: &[AgentInfo]) -> Self {
        let widest = agents.iter().map(|agent| width(&escape_for_terminal(&agent.id))).max().unwrap_or(0);
        let charge = widest.clamp("AGENT".len(), LONGEST_ID) + NUMBER + 1;
        let [warn, kill, processes] = [1, 2, 3].map(|nth| charge + nth * NUMBER);
        Self {
            charge,
            warn,
            kill,
            processes,
            level: processes + 2,
            place: processes + 2 + "warned".len() + 2,
        }
    }
}

/// Every agent in a line, and below it what there is to say of it.
pub(super) fn table(page: &mut Page, agents: &[AgentInfo], clock: &Clock) {
    if agents.is_empty() {
        return;
    }
    let columns = Columns::of(agents);
    page.end().paint(Paint::Heading, "AGENT");
    let numbers = [columns.charge, columns.warn, columns.kill, columns.processes];
    for (end, title) in numbers.into_iter().zip(["CHARGE", "WARN", "KILL", "PROCS"]) {
        page.to(end - title.len()).paint(Paint::Heading, title);
    }
    page.to(columns.level).paint(Paint::Heading, "LEVEL");
    page.to(columns.place).paint(Paint::Heading, "WHERE").end();
    for agent in agents {
        row(page, &columns, agent);
        asides(page, agent, clock);
    }
}

fn row(page: &mut Page, columns: &Columns, agent: &AgentInfo) {
    let id = escape_for_terminal(&agent.id);
    // The end of a name holds the pid, which tells two agents of one rule apart.
    page.put(&truncate_start(&id, LONGEST_ID));
    page.right(columns.charge, &agent.charge.to_string());
    page.right(columns.warn, &line(agent.warn_threshold));
    page.right(columns.kill, &line(agent.kill_threshold));
    page.right(columns.processes, &agent.processes.to_string()).to(columns.level);
    match agent.level {
        // Nobody has looked.
        AgentLevel::Ok if agent.warn_threshold == Bytes::ZERO => page.put("-"),
        AgentLevel::Ok => page.put("ok"),
        AgentLevel::Warned => page.paint(Paint::Warning, "warned"),
        AgentLevel::Acting => page.paint(Paint::Alarm, "acting"),
    };
    page.to(columns.place);
    let place = match &agent.cwd {
        Some(cwd) => truncate_start(&escape_for_terminal(cwd), page.room()),
        None => format!("(user {})", agent.uid),
    };
    page.put(&place).end();
}

/// Without a supervisor there are no lines.
fn line(line: Bytes) -> String {
    if line == Bytes::ZERO { "-".to_owned() } else { line.to_string() }
}

fn asides(page: &mut Page, agent: &AgentInfo, clock: &Clock) {
    let mut aside = |text: String| {
        page.to(2).paint(Paint::Aside, &text).end();
    };
    if let Some(text) = agent.forecast.as_ref().and_then(|forecast| foretold::aside(forecast, clock)) {
        aside(format!("foretold: {text}"));
    }
    // Of an agent far from its lines nothing would be ended, so nobody needs to know what.
    if let Some(culprit) = agent.culprits.first().filter(|_| agent.level != AgentLevel::Ok) {
        let command = culprit.command.as_deref().map(|command| format!(": {command}")).unwrap_or_default();
        aside(format!("largest part: {}, pid {}{command}", culprit.charge, culprit.pid));
    }
    if !agent.root_alive {
        aside("its main process has ended; what is counted here outlived it".to_owned());
    }
    if let Some(parent) = &agent.parent {
        aside(format!("started by {parent}"));
    }
    if agent.total_charge > agent.charge {
        aside(format!("with the agents that it started: {}", agent.total_charge));
    }
    match (&agent.scope, agent.limit) {
        (Some(scope), Some(limit)) => aside(format!("limited to {limit} by {scope}")),
        (None, Some(limit)) => aside(format!("limited to {limit}")),
        (Some(scope), None) => aside(format!("in {scope}")),
        (None, None) => {}
    }
}
