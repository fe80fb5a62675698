//! Scopes of limited agents: which processes were started in one, and which have left it.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::sampling_policy::SCOPE_CHECK_INTERVAL;
use crate::limit::{self, SLICE};
use crate::linux::cgroup::Cgroups;
use crate::linux::procfs::Proc;
use crate::model::{AgentId, Boottime, Member, Pid, ProcessKey, Recognised, Role};
use crate::rules::rule::LIMITED_RULE;
use crate::systemd;

/// Our own program, which is limited for a moment before it executes the command.
const OWN_PROGRAM: &str = "claude-watchdog";

/// Processes named in a warning.
const MAX_NAMED_PIDS: usize = 3;

/// The processes in those scopes below `agents.slice` that still contain their first process. A process that was started
/// under a limit is an agent, whatever it runs.
#[derive(Debug)]
pub(super) struct LimitedScopes {
    cgroups: Option<Cgroups>,
    slices: Vec<PathBuf>,
    /// Each process with the first one of its scope.
    inside: HashMap<Pid, Pid>,
    rule: Arc<Recognised>,
}

impl LimitedScopes {
    /// Those below the root of the tree at `cgroup`; without systemd also those below any cgroup above our own.
    pub(super) fn new(proc: &Proc, cgroup: &Path) -> Self {
        let rule = Recognised { rule: LIMITED_RULE.to_owned(), role: Role::Agent, resume: None };
        let own = if systemd::is_booted() { None } else { proc.own_cgroup() };
        let above = own.as_deref().unwrap_or(Path::new("/")).ancestors();
        Self {
            cgroups: Cgroups::open(cgroup),
            slices: above.map(|path| path.join(SLICE)).collect(),
            inside: HashMap::new(),
            rule: Arc::new(rule),
        }
    }

    /// Reads them again. Returns whether anything has changed.
    pub(super) fn update(&mut self) -> bool {
        let Some(cgroups) = &self.cgroups else { return false };
        let scopes = self.slices.iter().flat_map(|slice| cgroups.children(slice));
        let with_root = |(scope, pids): (String, Vec<Pid>)| {
            limit::root_of(&scope).filter(|root| pids.contains(root)).map(|root| (root, pids))
        };
        let each = |(root, pids): (Pid, Vec<Pid>)| pids.into_iter().map(move |pid| (pid, root));
        let inside = scopes.filter_map(with_root).flat_map(each).collect();
        let changed = inside != self.inside;
        self.inside = inside;
        changed
    }

    /// The first process of the scope that `pid` is in.
    pub(super) fn root_of(&self, pid: Pid) -> Option<Pid> {
        self.inside.get(&pid).copied()
    }

    /// The rule for the first process of a scope; its program is `name`. A rule that matches the program comes first.
    pub(super) fn rule(&self, pid: Pid, name: &str) -> Option<Arc<Recognised>> {
        (self.root_of(pid) == Some(pid) && name != OWN_PROGRAM).then(|| Arc::clone(&self.rule))
    }
}

/// The scope of each limited agent, and its members that are elsewhere now.
#[derive(Debug, Default)]
pub(super) struct ScopeEscapes {
    tracked: HashMap<ProcessKey, Tracked>,
}

#[derive(Debug)]
struct Tracked {
    checked_at: Boottime,
    agent: AgentId,
    scope: PathBuf,
    escaped: Vec<Pid>,
    logged: bool,
}

impl ScopeEscapes {
    /// Forgets exited agents.
    pub(super) fn retain(&mut self, is_alive: impl Fn(&ProcessKey) -> bool) {
        self.tracked.retain(|root, _| is_alive(root));
    }

    /// Searches for members that have left the scope of their agent; its root is in the cgroup `path`.
    pub(super) fn check(
        &mut self,
        (proc, cgroups, at): (&Proc, &Cgroups, Boottime),
        (agent, root): (&AgentId, ProcessKey),
        members: &[Member],
        path: Option<&Path>,
    ) {
        let before = self.tracked.get(&root);
        if before.is_some_and(|before| at.since(before.checked_at) < SCOPE_CHECK_INTERVAL) {
            return;
        }
        let current = || path.and_then(limit::any_scope_of);
        let Some(scope) = before.map(|before| before.scope.clone()).or_else(current) else { return };
        let inside: HashSet<Pid> = cgroups.pids(&scope).unwrap_or_default().into_iter().collect();
        let outside = members.iter().map(|member| member.key.pid).filter(|pid| !inside.contains(pid));
        // A member that has exited meanwhile is in no cgroup.
        let escaped: Vec<Pid> = outside.filter(|pid| is_elsewhere(proc, *pid, &scope)).collect();
        let logged = before.is_some_and(|b| b.logged && escaped.iter().all(|pid| b.escaped.contains(pid)));
        self.tracked.insert(root, Tracked { checked_at: at, agent: agent.clone(), scope, escaped, logged });
    }

    /// The scope of the agent with that root.
    pub(super) fn scope(&self, root: &ProcessKey) -> Option<&Path> {
        self.tracked.get(root).map(|tracked| tracked.scope.as_path())
    }

    #[cfg(test)]
    pub(super) fn check_again(&mut self) {
        self.tracked.values_mut().for_each(|tracked| tracked.checked_at = Boottime::default());
    }

    /// A warning for each agent with escaped members.
    pub(super) fn warnings(&self) -> impl Iterator<Item = String> {
        self.tracked.values().filter(|tracked| !tracked.escaped.is_empty()).map(Tracked::warning)
    }

    /// The warnings that have not been logged yet.
    pub(super) fn drain_new(&mut self) -> Vec<String> {
        let new = self.tracked.values_mut().filter(|tracked| !tracked.escaped.is_empty() && !tracked.logged);
        new.map(|tracked| {
            tracked.logged = true;
            tracked.warning()
        })
        .collect()
    }
}

impl Tracked {
    fn warning(&self) -> String {
        let scope = self.scope.file_name().unwrap_or_default().to_string_lossy();
        let named: Vec<String> = self.escaped.iter().take(MAX_NAMED_PIDS).map(ToString::to_string).collect();
        let processes = match self.escaped.len() {
            1 => format!("process {} has", named.join("")),
            n if n <= MAX_NAMED_PIDS => format!("processes {} have", named.join(", ")),
            n => format!("{n} processes ({}, …) have", named.join(", ")),
        };
        let agent = &self.agent;
        format!(
            "{agent}: {processes} left {scope}, whose limit no longer applies there; the thresholds of {agent} still do"
        )
    }
}

fn is_elsewhere(proc: &Proc, pid: Pid, scope: &Path) -> bool {
    proc.cgroup(pid).is_some_and(|path| !path.starts_with(scope))
}
