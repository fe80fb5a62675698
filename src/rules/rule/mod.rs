//! A rule as written in a file.

mod deserialize;
mod problem;

use serde::{Deserialize, Serialize};

use super::pattern::{Name, Pattern};
use crate::model::flag;

pub use problem::{RuleError, RuleProblem};

/// The rule of a limited command that no other rule matches; reserved.
pub const LIMITED_RULE: &str = "limited";

/// `[rules.NAME]`. A key that is `None` keeps its built-in value, or is not set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RulePatch {
    /// Whether the rule is used.
    #[serde(deserialize_with = "flag::some")]
    pub enabled: Option<bool>,
    /// The executable.
    #[serde(deserialize_with = "deserialize::specific_executables")]
    pub exe: Option<Vec<Pattern>>,
    /// The script that an interpreter runs.
    #[serde(deserialize_with = "deserialize::specific_scripts")]
    pub script: Option<Vec<Pattern>>,
    /// The module that Python runs (`-m`).
    #[serde(deserialize_with = "deserialize::modules")]
    pub module: Option<Vec<Name>>,
    /// The base name of `argv[0]`, for agents recognised by nothing else.
    #[serde(deserialize_with = "deserialize::specific_names")]
    pub argv0: Option<Vec<Name>>,
    /// Base names of `argv[0]` under which the executable is another program: some agents are their own `rg`.
    #[serde(deserialize_with = "deserialize::any_names")]
    pub not_argv0: Option<Vec<Name>>,
    /// The command that resumes the work.
    #[serde(deserialize_with = "deserialize::command")]
    pub resume: Option<String>,
    /// The script starts the agent as its direct child; both are one agent.
    #[serde(deserialize_with = "flag::some")]
    pub launcher: Option<bool>,
    /// Shared by several agents, part of none.
    #[serde(deserialize_with = "flag::some")]
    pub service: Option<bool>,
}

impl RulePatch {
    /// This over `below`, key by key.
    #[must_use]
    pub fn over(self, below: Self) -> Self {
        Self {
            enabled: self.enabled.or(below.enabled),
            exe: self.exe.or(below.exe),
            script: self.script.or(below.script),
            module: self.module.or(below.module),
            argv0: self.argv0.or(below.argv0),
            not_argv0: self.not_argv0.or(below.not_argv0),
            resume: self.resume.or(below.resume),
            launcher: self.launcher.or(below.launcher),
            service: self.service.or(below.service),
        }
    }

    /// Whether there is anything to match.
    #[must_use]
    pub fn has_pattern(&self) -> bool {
        fn any<T>(patterns: Option<&Vec<T>>) -> bool {
            patterns.is_some_and(|patterns| !patterns.is_empty())
        }
        any(self.exe.as_ref())
            || any(self.script.as_ref())
            || any(self.module.as_ref())
            || any(self.argv0.as_ref())
    }
}

/// Checks the name of a rule, which becomes part of the names of its agents.
///
/// # Errors
/// If the name is not allowed.
pub fn check_name(name: &str) -> Result<(), RuleProblem> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let ends = |c: Option<char>| c.is_some_and(|c| c != '-');
    if !name.chars().all(plain)
        || !ends(name.chars().next())
        || !ends(name.chars().next_back())
        || name.len() > 32
    {
        return Err(RuleProblem::Name);
    }
    if name == LIMITED_RULE { Err(RuleProblem::Reserved) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_names_are_lowercase_words() {
        for name in ["claude", "my-agent", "agent2", "x"] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        for name in ["", "-", "-x", "x-", "My", "a b", "a.b", "a_b", "ä", "\u{1b}", &"x".repeat(33)] {
            assert_eq!(check_name(name), Err(RuleProblem::Name), "{name}");
        }
        assert_eq!(check_name("limited"), Err(RuleProblem::Reserved));
    }

    #[test]
    fn a_patch_replaces_only_its_own_keys() {
        let below =
            RulePatch { argv0: Some(vec!["x".parse().unwrap()]), service: Some(true), ..Default::default() };
        let above = RulePatch { argv0: Some(vec![]), enabled: Some(false), ..Default::default() };
        let both = above.over(below);
        assert_eq!(
            (both.argv0.as_deref(), both.service, both.enabled),
            (Some(&[][..]), Some(true), Some(false))
        );
        assert!(!both.has_pattern());
    }
}
