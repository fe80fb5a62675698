//! What was started under a limit: an agent, whatever it runs.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use crate::limit::{self, SLICE};
use crate::linux::cgroup::Cgroups;
use crate::model::rule::LIMITED;
use crate::model::{Pid, Recognised, Role};

/// Our own program, which is limited for a moment before it becomes the command.
const OURSELVES: &str = "claude-watchdog";

/// The first processes of the scopes below `agents.slice`, as far as they are still in them.
#[derive(Debug)]
pub(super) struct Limited {
    cgroups: Option<Cgroups>,
    roots: HashSet<Pid>,
    rule: Arc<Recognised>,
}

impl Limited {
    pub(super) fn new(cgroup: &Path) -> Self {
        let rule = Recognised { rule: LIMITED.to_owned(), role: Role::Agent, resume: None };
        Self { cgroups: Cgroups::open(cgroup), roots: HashSet::new(), rule: Arc::new(rule) }
    }

    /// Looks again; whether it is no longer the same.
    pub(super) fn look(&mut self) -> bool {
        let Some(cgroups) = &self.cgroups else { return false };
        let scopes = cgroups.below(&Path::new("/").join(SLICE));
        let root =
            |(scope, pids): (String, Vec<Pid>)| limit::root_of(&scope).filter(|pid| pids.contains(pid));
        let roots = scopes.into_iter().filter_map(root).collect();
        let changed = roots != self.roots;
        self.roots = roots;
        changed
    }

    /// What the process is by that alone, which has the program `name`; a rule that knows it goes before.
    pub(super) fn rule(&self, pid: Pid, name: &str) -> Option<Arc<Recognised>> {
        (self.roots.contains(&pid) && name != OURSELVES).then(|| Arc::clone(&self.rule))
    }
}
