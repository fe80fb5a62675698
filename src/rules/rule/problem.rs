//! What can be wrong with a rule as a whole.

/// A rule that cannot be. The parts are for those who know where it was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the rule `{}`: {problem}", rule.escape_debug())]
pub struct RuleError {
    /// Its name.
    pub rule: String,
    /// What is wrong.
    pub problem: RuleProblem,
}

/// What is wrong with a rule, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleProblem {
    /// Its name cannot be part of the name of an agent.
    #[error("its name has to be of a-z, 0-9 and -, at most 32 of them, like \"my-agent\"")]
    Name,
    /// The name means something else.
    #[error("the name is taken by what `run-claude-limited` starts; give it another one")]
    Reserved,
    /// Neither built in nor with a pattern.
    #[error(
        "it is not built in, so it needs at least one of `exe`, `script`, `module` and `argv0`; built in are {built_in}"
    )]
    NotBuiltIn {
        /// The names of those that are.
        built_in: String,
    },
    /// The embedded built-in rules cannot be parsed: this build is broken.
    #[error("the built-in rules cannot be parsed, this build is broken: {reason}")]
    Embedded {
        /// The parser's message.
        reason: String,
    },
    /// A built-in one of which no pattern is left.
    #[error("no pattern of it is left; to switch it off, say `enabled = false`")]
    NothingLeft,
    /// A launcher is recognised by its script.
    #[error(
        "`launcher` is about a script that starts the agent, but there is no `script`; add one, or leave it out"
    )]
    LauncherWithoutScript,
    /// One excludes the other.
    #[error(
        "it cannot be a `launcher`, which is part of one agent, and a `service`, which is part of none; set one of the two to false"
    )]
    LauncherAndService,
}

impl RuleProblem {
    /// The key that it is about; `None` where it is about the rule as a whole.
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
