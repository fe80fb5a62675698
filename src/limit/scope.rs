//! Names and cgroups of the scopes that limit agents.

use std::path::{Path, PathBuf};

use super::LimitName;
use super::SLICE;
use crate::model::{Pid, ProcessKey};

/// The name of the scope that begins with the process `root`. Pids are reused, and the scope of an earlier process with the
/// same pid may still have processes: `retry` yields a different name.
#[must_use]
pub fn scope_name(name: &LimitName, root: ProcessKey, retry: bool) -> String {
    if retry {
        format!("agent-{name}-{}.{}.scope", root.pid, root.start_ticks)
    } else {
        format!("agent-{name}-{}.scope", root.pid)
    }
}

/// Whether a unit or folder of that name limits an agent.
#[must_use]
pub fn is_scope(name: &str) -> bool {
    name.strip_prefix("agent-").is_some_and(|rest| rest.strip_suffix(".scope").is_some())
}

/// The first process of the scope with that name.
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

/// The cgroup of the scope that the cgroup at `path` is or is below, in any `agents.slice`, also one of a user's own
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
    fn a_scope_is_recognised_by_its_path() {
        let of = |path: &'static str| scope_of(Path::new(path));
        assert_eq!(of("/agents.slice/agent-claude-7.scope"), Some("agent-claude-7.scope"));
        assert_eq!(of("/agents.slice/agent-claude-7.scope/below"), Some("agent-claude-7.scope"));
        // Users may choose the same names for their own units, which limit nothing.
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
    fn a_retry_yields_another_name_of_the_same_root() {
        let root = ProcessKey { pid: Pid::new(7).unwrap(), start_ticks: 99 };
        let name: LimitName = "claude".parse().unwrap();
        assert_eq!(scope_name(&name, root, false), "agent-claude-7.scope");
        assert_eq!(scope_name(&name, root, true), "agent-claude-7.99.scope");
        for retry in [false, true] {
            let scope = scope_name(&name, root, retry);
            assert!(is_scope(&scope) && root_of(&scope) == Some(root.pid), "{scope}");
        }
        for invalid in ["agent-x.scope", "agent-x-0.scope", "agent-x-y.scope", "x-7.scope"] {
            assert_eq!(root_of(invalid), None, "{invalid}");
        }
    }
}
