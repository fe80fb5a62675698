//! Whether a process may be signalled, and why not. As in `belonging`, the sentences name no program.

use crate::api::explanation::SignalsInfo;
use crate::daemon::control_loop::active_config::Settings;
use crate::model::{AgentSample, Member};

/// Whether the executor may signal a member of an agent, or another process.
pub(crate) fn signals_info(found: Option<(&AgentSample, &Member)>, settings: &Settings) -> SignalsInfo {
    let never = |because: &str| SignalsInfo { never: true, because: because.to_owned() };
    let Some((agent, member)) = found else {
        return never("only members of agents are ever signalled");
    };
    if settings.supervisor == Some(member.key.pid) {
        return never("it is the supervisor itself");
    }
    if member.protected {
        return never(
            "its program is never signalled: killing a terminal multiplexer, a remote login or the desktop would affect more \
             than one agent",
        );
    }
    SignalsInfo { never: false, because: when(agent, member, settings) }
}

fn when(agent: &AgentSample, member: &Member, settings: &Settings) -> String {
    let id = &agent.agent.id;
    let over = format!(
        "once {id} is over its kill threshold of {}",
        agent.thresholds(settings.thresholds.thresholds).kill
    );
    let protected = || agent.members.iter().filter(|other| other.protected);
    if let Some(above) = protected().find(|other| member.lineage.contains(&other.key)) {
        return format!(
            "{over}, if it is in the responsible part; excluded when the whole agent is killed, because it runs below pid {}, \
             which is never signalled",
            above.key.pid
        );
    }
    if member.key == agent.agent.root {
        return format!("{over}, with the whole agent, if killing no smaller part frees enough");
    }
    if let Some(below) = protected().find(|other| other.lineage.contains(&member.key)) {
        return format!(
            "{over}, with the whole agent only: pid {} below it is never signalled",
            below.key.pid
        );
    }
    if member.is_ancestor_of_agent {
        return format!("{over}, but only after parts without other agents below them");
    }
    format!("{over}, if it is in the smallest part of it that frees enough, or with the whole agent")
}
