//! All rules, in the order in which they are tried.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::built_in;
use super::facts::{MatchInput, ProcessFacts};
use super::spec::{MatchOutcome, Rule};
use super::trace;
use crate::model::Recognised;
use crate::model::match_trace::MatchTrace;
use crate::rules::rule::check_name;
use crate::rules::{
    pattern::{Name, Pattern},
    rule::{RuleError, RulePatch, RuleProblem},
};

/// The user's own rules ordered by name, then the built-in ones as changed by the user.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    rules: Vec<Rule>,
    /// Names of the rules that the user wrote or changed.
    patched: Vec<String>,
}

/// A rule that never matches, because earlier rules match all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shadowed {
    /// Its name.
    pub rule: String,
    /// The earlier rules, each once.
    pub by: Vec<String>,
}

impl fmt::Display for Shadowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "never matches: {} comes first and matches the same", self.by.join(", "))
    }
}

impl Rules {
    /// The built-in rules only.
    #[must_use]
    pub fn built_in() -> Self {
        // Without any rule if the embedded file is broken: the tests exclude that, and `new` reports it.
        Self::new(&BTreeMap::new()).unwrap_or_default()
    }

    /// The built-in rules as changed by the user's, preceded by the user's own.
    ///
    /// # Errors
    /// The first rule, by name, that is not valid.
    pub fn new(patches: &BTreeMap<String, RulePatch>) -> Result<Self, RuleError> {
        let built_in = built_in::patches()?;
        let mut rules = Vec::new();
        for (name, patch) in
            patches.iter().filter(|(name, _)| !built_in.iter().any(|(other, _)| other == *name))
        {
            let invalid = |problem| RuleError { rule: name.clone(), problem };
            check_name(name).map_err(invalid)?;
            if !patch.has_pattern() {
                let names: Vec<_> = built_in.iter().map(|(name, _)| name.as_str()).collect();
                return Err(invalid(RuleProblem::NotBuiltIn { built_in: names.join(", ") }));
            }
            rules.extend(Rule::new(name, patch.clone()).map_err(invalid)?);
        }
        for (name, below) in built_in {
            let patch = patches.get(&name).cloned().unwrap_or_default().over(below);
            let rule = Rule::new(&name, patch);
            rules.extend(rule.map_err(|problem| RuleError { rule: name, problem })?);
        }
        Ok(Self { rules, patched: patches.keys().cloned().collect() })
    }

    /// The rule that matches these facts, if any.
    ///
    /// Tries the executable's path, then the program of an interpreter, then `argv[0]`; never the command name (Node 24 calls
    /// every program `MainThread`) nor the joined command line (each shell started by Claude has `.claude/shell-snapshots/` in
    /// it). A script that no rule matches ends the search.
    #[must_use]
    pub fn recognise(&self, facts: &ProcessFacts<'_>) -> Option<Arc<Recognised>> {
        facts.exe().and_then(|exe| self.find(&exe)).or_else(|| self.find(&facts.program()?))
    }

    fn find(&self, input: &MatchInput<'_>) -> Option<Arc<Recognised>> {
        let rule = self.rules.iter().find(|rule| matches!(rule.outcome(input), MatchOutcome::Matched(_)))?;
        Some(rule.result_for(input))
    }

    /// The same search with all its steps, for `explain`.
    #[must_use]
    pub fn explain(&self, facts: &ProcessFacts<'_>) -> MatchTrace {
        let mut steps = Vec::new();
        let mut last = None;
        for next in [ProcessFacts::exe, ProcessFacts::program] {
            let Some(input) = next(facts) else { continue };
            steps.push(trace::match_step(&input, &self.rules));
            if let Some(recognised) = self.find(&input) {
                let ended = format!("it is {}", recognised.rule);
                return MatchTrace { steps, matched: Some(recognised.rule.clone()), ended };
            }
            last = Some(input);
        }
        MatchTrace { steps, matched: None, ended: trace::unmatched(last.as_ref()).to_owned() }
    }

    /// The names in the order in which they are tried, without disabled rules.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(|rule| rule.name.as_str())
    }

    /// The current result for a process that `before` recognised as `previous`; `None` if the patterns of that rule have changed.
    #[must_use]
    pub fn update_result(&self, before: &Self, previous: &Recognised) -> Option<Arc<Recognised>> {
        let rule = self.rules.iter().find(|rule| rule.name == previous.rule)?;
        let is_unchanged = before.rules.iter().any(|before| before.has_same_patterns(rule));
        is_unchanged.then(|| rule.result_for_role(previous.role))
    }

    /// Rules of the user that never match: each of their patterns is covered by one of an earlier rule.
    #[must_use]
    pub fn shadowed(&self) -> Vec<Shadowed> {
        let mine = |rule: &Rule| self.patched.contains(&rule.name);
        let mut shadowed = Vec::new();
        for (at, rule) in self.rules.iter().enumerate().filter(|(_, rule)| mine(rule)) {
            if let Some(mut by) = covering(&self.rules[..at], rule) {
                by.dedup();
                shadowed.push(Shadowed { rule: rule.name.clone(), by });
            }
        }
        shadowed
    }
}

/// The earlier rules that cover all patterns of `rule`; `None` if one is not covered.
fn covering(earlier: &[Rule], rule: &Rule) -> Option<Vec<String>> {
    fn first<'a, T: 'a>(
        earlier: &'a [Rule],
        patterns: impl Fn(&'a Rule) -> &'a [T],
        covers: impl Fn(&T) -> bool,
    ) -> Option<&'a Rule> {
        earlier.iter().find(|rule| patterns(rule).iter().any(&covers))
    }
    let mut by = Vec::new();
    for pattern in &rule.exe {
        by.push(first(earlier, |r| &r.exe, |p: &Pattern| p.covers(pattern))?);
    }
    for pattern in &rule.script {
        by.push(first(earlier, |r| &r.script, |p: &Pattern| p.covers(pattern))?);
    }
    for name in &rule.module {
        by.push(first(earlier, |r| &r.module, |n: &Name| n.covers(name))?);
    }
    for name in &rule.argv0 {
        by.push(first(earlier, |r| &r.argv0, |n: &Name| n.covers(name))?);
    }
    let mut names: Vec<String> = by.into_iter().map(|rule| rule.name.clone()).collect();
    names.sort();
    Some(names)
}

#[cfg(test)]
mod tests;
