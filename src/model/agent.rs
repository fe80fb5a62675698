//! Identity of an agent.

use std::fmt;
use std::sync::Arc;

use super::{Pid, ProcessKey, Uid};

/// The name of an agent: its rule and the pid of its root, like `claude-1234`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgentId(String);

impl AgentId {
    /// The name of the agent with the root process `root`, matched by `rule`.
    #[must_use]
    pub fn new(rule: &str, root: ProcessKey) -> Self {
        Self(format!("{rule}-{}", root.pid))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Result of a matching rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recognised {
    /// The rule.
    pub rule: String,
    /// The role of the process in its agent.
    pub role: Role,
    /// The command that resumes its work; `None` if the rule has none.
    pub resume: Option<String>,
}

/// The role of a recognised process in its agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The agent itself.
    Agent,
    /// It starts the agent as its direct child, which the same rule matches: the two are one agent.
    Launcher,
    /// A background program shared by several agents of its user. It belongs to none of them, whichever started it, and all
    /// processes of one user that its rule matches are one entity.
    Service,
}

/// The origin of a process according to its environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpawnOrigin {
    /// The rule of the agent that started it.
    pub rule: String,
    /// That agent's session; `None` if its kind sets none.
    pub session: Option<Arc<str>>,
    /// The command that resumes that session.
    pub resume: Option<String>,
}

/// Identifies an agent in a report, also after it has exited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentRef {
    /// Its name.
    pub id: AgentId,
    /// The rule that recognised it.
    pub rule: String,
    /// Its root process.
    pub root: ProcessKey,
    /// Its owner.
    pub uid: Uid,
    /// The command that resumes its work after the whole agent was killed; `None` if its rule has none.
    pub resume: Option<String>,
    /// The command that resumes its exact session, if known; only for its owner and root, like the environment it is from.
    pub resume_session: Option<String>,
}

impl AgentRef {
    /// The agent recognised by `rule` in the process `root`, without a resume command.
    #[must_use]
    pub fn new(rule: impl Into<String>, root: ProcessKey, uid: Uid) -> Self {
        let rule = rule.into();
        Self { id: AgentId::new(&rule, root), rule, root, uid, resume: None, resume_session: None }
    }

    /// Whether `name` refers to this agent: its name, or the pid of its root.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        self.id.as_str() == name || name.parse().ok().and_then(Pid::new) == Some(self.root.pid)
    }
}
