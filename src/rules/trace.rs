//! Builds the trace of a search, for `explain`.

use super::facts::MatchInput;
use super::spec::{MatchOutcome, Rule};
use crate::model::match_trace::{MatchStep, ProcessPart, RuleResult};

/// Tries `rules` on one property of a process, up to the first that matches.
pub(crate) fn match_step(input: &MatchInput<'_>, rules: &[Rule]) -> MatchStep {
    let (part, text) = match input {
        MatchInput::Exe { path, .. } => (ProcessPart::Exe, path.as_os_str()),
        MatchInput::Script(path) => (ProcessPart::Script, path.as_os_str()),
        MatchInput::Module(name) => (ProcessPart::Module, *name),
        MatchInput::Argv0(name) => (ProcessPart::Argv0, *name),
    };
    let mut results = Vec::new();
    for rule in rules {
        let outcome = rule.outcome(input);
        let matched = matches!(outcome, MatchOutcome::Matched(_));
        results.push(RuleResult {
            rule: rule.name.clone(),
            matched,
            why: explain_outcome(outcome, rule, input),
        });
        if matched {
            break;
        }
    }
    MatchStep { part, text: text.to_string_lossy().into_owned(), results }
}

fn explain_outcome(outcome: MatchOutcome<'_>, rule: &Rule, input: &MatchInput<'_>) -> String {
    match outcome {
        MatchOutcome::Matched(pattern) => format!("it is {pattern}"),
        MatchOutcome::Excluded(name) => format!("under the name {name} it is another program"),
        MatchOutcome::Different => format!("it is not {}", rule.patterns(input).join(", nor ")),
        MatchOutcome::NotTried => "the rule has no pattern for this".to_owned(),
    }
}

/// Why a search ended without a match; `last` is its last step, `None` for a process without executable and arguments.
pub(crate) fn unmatched(last: Option<&MatchInput<'_>>) -> &'static str {
    match last {
        Some(MatchInput::Script(_)) => "a script that no rule knows ends the search",
        Some(MatchInput::Module(_)) => "a module that no rule knows ends the search",
        Some(MatchInput::Exe { .. } | MatchInput::Argv0(_)) => "no rule knows the executable or argv[0]",
        None => "neither the executable nor any argument is known",
    }
}
