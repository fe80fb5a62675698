//! Who has left the scope that limits its agent.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::limit;
use crate::linux::cgroup::Cgroups;
use crate::linux::procfs::Proc;
use crate::model::{AgentId, Boottime, Member, Pid, ProcessKey};

/// How often it is looked: nothing hurries, since who has left still counts and is acted on.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// So many are named.
const NAMED: usize = 3;

/// The scopes that agents were seen in, and who of them is elsewhere now.
#[derive(Debug, Default)]
pub(crate) struct ScopeEscapes {
    stays: HashMap<ProcessKey, Tracked>,
}

#[derive(Debug)]
struct Tracked {
    looked: Boottime,
    agent: AgentId,
    scope: PathBuf,
    left: Vec<Pid>,
    said: bool,
}

impl ScopeEscapes {
    /// Forgets agents that are gone.
    pub(crate) fn retain(&mut self, lives: impl Fn(&ProcessKey) -> bool) {
        self.stays.retain(|root, _| lives(root));
    }

    /// Takes in where the members of an agent are, whose root is in the cgroup `path`.
    pub(crate) fn look(
        &mut self,
        (proc, cgroups): (&Proc, &Cgroups),
        at: Boottime,
        (agent, root): (&AgentId, ProcessKey),
        members: &[Member],
        path: Option<&Path>,
    ) {
        let known = self.stays.get(&root);
        if known.is_some_and(|stay| at.since(stay.looked) < LOOK_AGAIN) {
            return;
        }
        let seen = || path.and_then(limit::any_scope_of);
        let Some(scope) = known.map(|stay| stay.scope.clone()).or_else(seen) else { return };
        let inside: HashSet<Pid> = cgroups.pids(&scope).unwrap_or_default().into_iter().collect();
        let outside = members.iter().map(|member| member.key.pid).filter(|pid| !inside.contains(pid));
        // Who has ended meanwhile is in neither.
        let left: Vec<Pid> = outside.filter(|pid| is_elsewhere(proc, *pid, &scope)).collect();
        let said = known.is_some_and(|stay| stay.said && left.iter().all(|pid| stay.left.contains(pid)));
        self.stays.insert(root, Tracked { looked: at, agent: agent.clone(), scope, left, said });
    }

    /// The scope that the agent with that root was seen in.
    pub(crate) fn scope(&self, root: &ProcessKey) -> Option<&Path> {
        self.stays.get(root).map(|stay| stay.scope.as_path())
    }

    #[cfg(test)]
    pub(crate) fn look_again(&mut self) {
        self.stays.values_mut().for_each(|stay| stay.looked = Boottime::default());
    }

    /// A sentence for each agent of which somebody has left.
    pub(crate) fn notes(&self) -> impl Iterator<Item = String> {
        self.stays.values().filter(|stay| !stay.left.is_empty()).map(Tracked::sentence)
    }

    /// Those of the sentences that have not been said yet.
    pub(crate) fn news(&mut self) -> Vec<String> {
        let news = self.stays.values_mut().filter(|stay| !stay.left.is_empty() && !stay.said);
        news.map(|stay| {
            stay.said = true;
            stay.sentence()
        })
        .collect()
    }
}

impl Tracked {
    fn sentence(&self) -> String {
        let scope = self.scope.file_name().unwrap_or_default().to_string_lossy();
        let named: Vec<String> = self.left.iter().take(NAMED).map(ToString::to_string).collect();
        let who = match self.left.len() {
            1 => format!("process {} has", named.join("")),
            n if n <= NAMED => format!("processes {} have", named.join(", ")),
            n => format!("{n} processes ({}, …) have", named.join(", ")),
        };
        let agent = &self.agent;
        format!(
            "{agent}: {who} left {scope}, whose limit no longer holds there; the lines of {agent} still do"
        )
    }
}

fn is_elsewhere(proc: &Proc, pid: Pid, scope: &Path) -> bool {
    proc.cgroup(pid).is_some_and(|path| !path.starts_with(scope))
}
