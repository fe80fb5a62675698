//! Problems of a rule as a whole.

/// An invalid rule. The parts are for callers that know where it was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("rule `{}`: {problem}", rule.escape_debug())]
pub struct RuleError {
    /// Its name.
    pub rule: String,
    /// The problem.
    pub problem: RuleProblem,
}

/// The problem of a rule, and its remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleProblem {
    /// Its name cannot be part of the name of an agent.
    #[error("invalid name, expected at most 32 characters of a-z, 0-9 and -, like \"my-agent\"")]
    Name,
    /// The name is reserved.
    #[error("this name is reserved for commands started by `run-claude-limited`; choose another name")]
    Reserved,
    /// Neither built in nor with a pattern.
    #[error(
        "not a built-in rule, so at least one of `exe`, `script`, `module` and `argv0` is required; the built-in rules are {built_in}"
    )]
    NotBuiltIn {
        /// The names of the built-in rules.
        built_in: String,
    },
    /// The embedded built-in rules cannot be parsed: this build is broken.
    #[error("the built-in rules cannot be parsed, this build is broken: {reason}")]
    Embedded {
        /// The parser's message.
        reason: String,
    },
    /// All patterns of a built-in rule were removed.
    #[error("all its patterns are empty; to disable the rule, set `enabled = false`")]
    NoPatterns,
    /// A launcher is recognised by its script.
    #[error(
        "`launcher = true` requires a `script` that starts the agent; add `script` or set `launcher = false`"
    )]
    LauncherWithoutScript,
    /// `launcher` and `service` exclude each other.
    #[error(
        "`launcher` and `service` exclude each other: a launcher is part of one agent, a service of none; set one of them to false"
    )]
    LauncherAndService,
}

impl RuleProblem {
    /// The key concerned; `None` for the rule as a whole.
    #[must_use]
    pub fn key(&self) -> Option<&'static str> {
        match self {
            Self::LauncherWithoutScript | Self::LauncherAndService => Some("launcher"),
            Self::Name
            | Self::Reserved
            | Self::NotBuiltIn { .. }
            | Self::Embedded { .. }
            | Self::NoPatterns => None,
        }
    }
}
