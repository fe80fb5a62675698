//! Problems of a rule as a whole.

/// An invalid rule. The parts are for callers that know where it was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the rule `{}`: {problem}", rule.escape_debug())]
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
    #[error("its name has to be of a-z, 0-9 and -, at most 32 of them, like \"my-agent\"")]
    Name,
    /// The name is reserved.
    #[error("the name is taken by what `run-claude-limited` starts; give it another one")]
    Reserved,
    /// Neither built in nor with a pattern.
    #[error(
        "it is not built in, so it needs at least one of `exe`, `script`, `module` and `argv0`; built in are {built_in}"
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
    /// No pattern of a built-in rule is left.
    #[error("no pattern of it is left; to switch it off, say `enabled = false`")]
    NothingLeft,
    /// A launcher is recognised by its script.
    #[error(
        "`launcher` is about a script that starts the agent, but there is no `script`; add one, or leave it out"
    )]
    LauncherWithoutScript,
    /// `launcher` and `service` exclude each other.
    #[error(
        "it cannot be a `launcher`, which is part of one agent, and a `service`, which is part of none; set one of the two to false"
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
            | Self::NothingLeft => None,
        }
    }
}
