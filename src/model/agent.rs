//! Who an agent is.

use std::fmt;
use std::sync::Arc;

use super::{Pid, ProcessKey, Uid};

/// An agent's name for people and programs: its rule and the pid of its root, like `claude-1234`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgentId(String);

impl AgentId {
    /// The name of the agent that `rule` recognised in the process `root`.
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

/// What a rule says of a process that it matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recognised {
    /// The rule.
    pub rule: String,
    /// What the process is to its agent.
    pub role: Role,
    /// The command that takes up the work again; `None` where the rule knows none.
    pub resume: Option<String>,
}

/// What a recognised process is to its agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The agent itself.
    Agent,
    /// It starts the agent as its direct child, which the same rule matches: the two are one agent.
    Launcher,
    /// A background program that several agents of its user share. It belongs to none of them, whoever started it,
    /// and all processes of one user that its rule matches are one entity.
    Service,
}

/// What the environment of a process says of where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpawnOrigin {
    /// The rule of the agent that started it.
    pub rule: String,
    /// That agent's session; `None` where its kind tells none.
    pub session: Option<Arc<str>>,
    /// The command that takes up that session.
    pub resume: Option<String>,
}

/// What identifies an agent in a report after the agent itself may be gone.
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
    /// The command that takes up its work after it was ended whole; `None` where its rule knows none.
    pub resume: Option<String>,
    /// The same for its very session, where that is known; for its owner and root only, as what told it was.
    pub resume_session: Option<String>,
}

impl AgentRef {
    /// The agent that `rule` recognised in the process `root`; no command is known that resumes it.
    #[must_use]
    pub fn new(rule: impl Into<String>, root: ProcessKey, uid: Uid) -> Self {
        let rule = rule.into();
        Self { id: AgentId::new(&rule, root), rule, root, uid, resume: None, resume_session: None }
    }

    /// Whether somebody who says `name` means this one: by its name, or by the pid of its root.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        self.id.as_str() == name || name.parse().ok().and_then(Pid::new) == Some(self.root.pid)
    }
}
