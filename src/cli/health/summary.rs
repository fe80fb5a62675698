//! The reason of the verdict in one sentence.

use crate::api::forecast::Forecast;
use crate::api::status::{AgentInfo, AgentLevel, StatusInfo, Verdict};

/// The reason of the verdict.
pub(super) fn summary(status: &StatusInfo) -> String {
    match status.verdict {
        Verdict::Ok => match status.agents.len() {
            0 => "no agent is running".to_owned(),
            1 => "1 agent, below its warn threshold".to_owned(),
            count => format!("{count} agents, all below their warn thresholds"),
        },
        Verdict::Warning => warning(status),
        Verdict::Critical => critical(&status.agents),
        Verdict::Unknown => "the claude-watchdog daemon is not running; showing /proc data only".to_owned(),
    }
}

fn warning(status: &StatusInfo) -> String {
    let warned: Vec<_> = status.agents.iter().filter(|agent| agent.level != AgentLevel::Ok).collect();
    match warned.as_slice() {
        [] => match predicted(status).as_slice() {
            [] => "the machine is low on memory".to_owned(),
            [one] => format!("{one} is predicted to run out of memory"),
            many => format!("{} are predicted to run out of memory", many.join(", ")),
        },
        [one] if one.charge >= one.warn_threshold => {
            format!("{} is over its warn threshold: {} of {}", one.id, one.charge, one.warn_threshold)
        }
        [one] => format!("{} was over its warn threshold and is still close to it", one.id),
        many => format!("{} agents are over their warn thresholds", many.len()),
    }
}

/// The first three with a pressing forecast.
fn predicted(status: &StatusInfo) -> Vec<String> {
    let pressing = |forecast: &Option<Forecast>| forecast.as_ref().is_some_and(Forecast::is_pressing);
    let guest = pressing(&status.guest.forecast).then(|| "the machine".to_owned());
    let agents = status.agents.iter().filter(|agent| pressing(&agent.forecast)).map(|agent| agent.id.clone());
    guest.into_iter().chain(agents).take(3).collect()
}

fn critical(agents: &[AgentInfo]) -> String {
    let acting: Vec<_> = agents.iter().filter(|agent| agent.level == AgentLevel::Acting).collect();
    let over: Vec<_> = agents.iter().filter(|agent| agent.charge >= agent.kill_threshold).collect();
    match (acting.as_slice(), over.as_slice()) {
        ([one], _) => format!("{} is being stopped", one.id),
        ([], [one]) => {
            format!("{} is over its kill threshold: {} of {}", one.id, one.charge, one.kill_threshold)
        }
        ([], []) => "the machine is running out of memory".to_owned(),
        ([], many) => format!("{} agents are over their kill thresholds", many.len()),
        (many, _) => format!("{} agents are being stopped", many.len()),
    }
}
