//! What was started under a limit: an agent, whatever it runs.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::limit::{self, SLICE};
use crate::linux::cgroup::Cgroups;
use crate::linux::procfs::Proc;
use crate::model::{Pid, Recognised, Role};
use crate::rules::rule::LIMITED;
use crate::systemd;

/// Our own program, which is limited for a moment before it becomes the command.
const OURSELVES: &str = "claude-watchdog";

/// Who is in the scopes below `agents.slice` whose first process is still in them.
#[derive(Debug)]
pub(crate) struct Limited {
    cgroups: Option<Cgroups>,
    slices: Vec<PathBuf>,
    /// Each with the first process of its scope.
    inside: HashMap<Pid, Pid>,
    rule: Arc<Recognised>,
}

impl Limited {
    /// Of the tree at `cgroup`: those in its root, and where systemd does not run also those anywhere above us.
    pub(crate) fn new(proc: &Proc, cgroup: &Path) -> Self {
        let rule = Recognised { rule: LIMITED.to_owned(), role: Role::Agent, resume: None };
        let own = if systemd::is_booted() { None } else { proc.own_cgroup() };
        let above = own.as_deref().unwrap_or(Path::new("/")).ancestors();
        Self {
            cgroups: Cgroups::open(cgroup),
            slices: above.map(|path| path.join(SLICE)).collect(),
            inside: HashMap::new(),
            rule: Arc::new(rule),
        }
    }

    /// Looks again; whether it is no longer the same.
    pub(crate) fn look(&mut self) -> bool {
        let Some(cgroups) = &self.cgroups else { return false };
        let scopes = self.slices.iter().flat_map(|slice| cgroups.children(slice));
        let rooted = |(scope, pids): (String, Vec<Pid>)| {
            limit::root_of(&scope).filter(|root| pids.contains(root)).map(|root| (root, pids))
        };
        let each = |(root, pids): (Pid, Vec<Pid>)| pids.into_iter().map(move |pid| (pid, root));
        let inside = scopes.filter_map(rooted).flat_map(each).collect();
        let changed = inside != self.inside;
        self.inside = inside;
        changed
    }

    /// The first process of the scope that `pid` is in.
    pub(crate) fn root_of(&self, pid: Pid) -> Option<Pid> {
        self.inside.get(&pid).copied()
    }

    /// What the process is by that alone, which has the program `name`; a rule that knows it goes before.
    pub(crate) fn rule(&self, pid: Pid, name: &str) -> Option<Arc<Recognised>> {
        (self.root_of(pid) == Some(pid) && name != OURSELVES).then(|| Arc::clone(&self.rule))
    }
}
