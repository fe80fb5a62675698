//! Where limited agents are in the cgroup tree.

use std::path::{Path, PathBuf};

use super::Name;
use crate::model::{Pid, ProcessKey};

/// Holds every limited agent, and has a cap of its own.
pub const SLICE: &str = "agents.slice";

/// The scope of `name` that begins with the process `root`. A pid is given out again while another's scope with that
/// number may still hold somebody: `again` makes it another name.
#[must_use]
pub fn scope_name(name: &Name, root: ProcessKey, again: bool) -> String {
    if again {
        format!("agent-{name}-{}.{}.scope", root.pid, root.start_ticks)
    } else {
        format!("agent-{name}-{}.scope", root.pid)
    }
}

/// Whether a unit or folder of that name is a limited agent's.
#[must_use]
pub fn is_scope(name: &str) -> bool {
    name.strip_prefix("agent-").is_some_and(|rest| rest.strip_suffix(".scope").is_some())
}

/// The process that the scope of that name began with.
#[must_use]
pub fn root_of(scope: &str) -> Option<Pid> {
    let (_, id) = scope.strip_prefix("agent-")?.strip_suffix(".scope")?.rsplit_once('-')?;
    id.split('.').next()?.parse().ok().and_then(Pid::new)
}

/// The scope, of those in the system's slice, that the cgroup at `path` is or is below.
#[must_use]
pub fn scope_of(path: &Path) -> Option<&str> {
    let below = path.strip_prefix("/").ok()?.strip_prefix(SLICE).ok()?;
    let name = below.components().next()?.as_os_str().to_str()?;
    is_scope(name).then_some(name)
}

/// The cgroup of the scope that the cgroup at `path` is or is below, in whosever `agents.slice`: also of a user's own
/// manager.
#[must_use]
pub fn any_scope_of(path: &Path) -> Option<PathBuf> {
    let is_slice = |path: &&Path| path.file_name().is_some_and(|name| name == SLICE);
    let slice = path.ancestors().find(is_slice)?;
    let scope = path.strip_prefix(slice).ok()?.components().next()?;
    is_scope(scope.as_os_str().to_str()?).then(|| slice.join(scope))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_found_by_its_place() {
        let of = |path: &'static str| scope_of(Path::new(path));
        assert_eq!(of("/agents.slice/agent-claude-7.scope"), Some("agent-claude-7.scope"));
        assert_eq!(of("/agents.slice/agent-claude-7.scope/below"), Some("agent-claude-7.scope"));
        // A user may call their own units so; what is theirs limits nothing.
        assert_eq!(of("/user.slice/agents.slice/agent-claude-7.scope"), None);
        assert_eq!(
            any_scope_of(Path::new("/user.slice/agents.slice/agent-claude-7.scope/below")).unwrap(),
            Path::new("/user.slice/agents.slice/agent-claude-7.scope")
        );
        assert_eq!(any_scope_of(Path::new("/user.slice/agent-claude-7.scope")), None);
        assert_eq!(of("/agents.slice"), None);
        assert_eq!(of("/agents.slice/other.scope"), None);
        assert_eq!(of("/agents.slice/agent-x.service"), None);
    }

    #[test]
    fn a_name_is_not_given_twice() {
        let root = ProcessKey { pid: Pid::new(7).unwrap(), start_ticks: 99 };
        let name: Name = "claude".parse().unwrap();
        assert_eq!(scope_name(&name, root, false), "agent-claude-7.scope");
        assert_eq!(scope_name(&name, root, true), "agent-claude-7.99.scope");
        for again in [false, true] {
            let scope = scope_name(&name, root, again);
            assert!(is_scope(&scope) && root_of(&scope) == Some(root.pid), "{scope}");
        }
        for none in ["agent-x.scope", "agent-x-0.scope", "agent-x-y.scope", "x-7.scope"] {
            assert_eq!(root_of(none), None, "{none}");
        }
    }
}
