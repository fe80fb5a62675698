//! One rule, prepared for matching.

use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use super::facts::MatchInput;
use crate::model::{Recognised, Role};
use crate::rules::{
    pattern::{Name, Pattern},
    rule::{RulePatch, RuleProblem},
};

/// The patterns of one kind of agent.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) exe: Vec<Pattern>,
    pub(crate) script: Vec<Pattern>,
    pub(crate) module: Vec<Name>,
    pub(crate) argv0: Vec<Name>,
    not_argv0: Vec<Name>,
    /// Its results, built once, so that a match only increments a counter.
    by_script: Arc<Recognised>,
    otherwise: Arc<Recognised>,
}

/// The result of a rule for one property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MatchOutcome<'a> {
    Matched(&'a str),
    /// The executable matches, but `argv[0]` names another program.
    Excluded(&'a str),
    Different,
    /// The rule has no pattern for this property.
    NotTried,
}

impl Rule {
    /// The rule that a complete patch describes; `None` if it is disabled.
    pub(crate) fn new(name: &str, patch: RulePatch) -> Result<Option<Self>, RuleProblem> {
        let launcher = patch.launcher == Some(true);
        let service = patch.service == Some(true);
        if patch.enabled == Some(false) {
            return Ok(None);
        }
        if !patch.has_pattern() {
            return Err(RuleProblem::NoPatterns);
        }
        if launcher && service {
            return Err(RuleProblem::LauncherAndService);
        }
        let script = patch.script.unwrap_or_default();
        if launcher && script.is_empty() {
            return Err(RuleProblem::LauncherWithoutScript);
        }
        let result =
            |role| Arc::new(Recognised { rule: name.to_owned(), role, resume: patch.resume.clone() });
        let role = if service { Role::Service } else { Role::Agent };
        Ok(Some(Self {
            name: name.to_owned(),
            by_script: result(if launcher { Role::Launcher } else { role }),
            otherwise: result(role),
            exe: patch.exe.unwrap_or_default(),
            script,
            module: patch.module.unwrap_or_default(),
            argv0: patch.argv0.unwrap_or_default(),
            not_argv0: patch.not_argv0.unwrap_or_default(),
        }))
    }

    /// Whether it has the same name and patterns; its other keys may differ.
    pub(crate) fn has_same_patterns(&self, other: &Self) -> bool {
        self.name == other.name
            && (&self.exe, &self.script, &self.module) == (&other.exe, &other.script, &other.module)
            && (&self.argv0, &self.not_argv0) == (&other.argv0, &other.not_argv0)
    }

    pub(crate) fn outcome(&self, input: &MatchInput<'_>) -> MatchOutcome<'_> {
        match input {
            MatchInput::Exe { path, argv0 } => {
                match decide(&self.exe, |pattern| pattern.matches(path), Pattern::as_str) {
                    MatchOutcome::Matched(pattern) => self
                        .not_argv0
                        .iter()
                        .find(|name| name.matches(argv0.as_bytes()))
                        .map_or(MatchOutcome::Matched(pattern), |name| MatchOutcome::Excluded(name.as_str())),
                    other => other,
                }
            }
            MatchInput::Script(path) => {
                decide(&self.script, |pattern| pattern.matches(path), Pattern::as_str)
            }
            MatchInput::Module(name) => decide(&self.module, |n| n.matches(name.as_bytes()), Name::as_str),
            MatchInput::Argv0(name) => decide(&self.argv0, |n| n.matches(name.as_bytes()), Name::as_str),
        }
    }

    /// Its result for a process of which this property matched.
    pub(crate) fn result_for(&self, matched: &MatchInput<'_>) -> Arc<Recognised> {
        Arc::clone(if matches!(matched, MatchInput::Script(_)) { &self.by_script } else { &self.otherwise })
    }

    /// Its result for a process that had this role before.
    pub(crate) fn result_for_role(&self, role: Role) -> Arc<Recognised> {
        Arc::clone(if role == Role::Launcher { &self.by_script } else { &self.otherwise })
    }

    /// Its patterns for this property, as written.
    pub(crate) fn patterns(&self, input: &MatchInput<'_>) -> Vec<String> {
        match input {
            MatchInput::Exe { .. } => self.exe.iter().map(ToString::to_string).collect(),
            MatchInput::Script(_) => self.script.iter().map(ToString::to_string).collect(),
            MatchInput::Module(_) => self.module.iter().map(ToString::to_string).collect(),
            MatchInput::Argv0(_) => self.argv0.iter().map(ToString::to_string).collect(),
        }
    }
}

fn decide<T>(patterns: &[T], matches: impl Fn(&T) -> bool, text: impl Fn(&T) -> &str) -> MatchOutcome<'_> {
    if patterns.is_empty() {
        return MatchOutcome::NotTried;
    }
    patterns
        .iter()
        .find(|pattern| matches(pattern))
        .map_or(MatchOutcome::Different, |p| MatchOutcome::Matched(text(p)))
}
