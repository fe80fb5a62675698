//! How the search for a rule went, in words.

use crate::api::explanation::{LookedAt, ProcessPart, Recognition, TriedRule};
use crate::rules::{End, Look, MatchTrace, Outcome, Part, RuleResult};

/// The search as it is told.
pub(crate) fn recognition(trial: &MatchTrace) -> Recognition {
    let matched = match &trial.end {
        End::Recognised(recognised) => Some(recognised.rule.clone()),
        _ => None,
    };
    Recognition { looks: trial.looks.iter().map(looked_at).collect(), matched, ended: trial.end.to_string() }
}

fn looked_at(look: &Look) -> LookedAt {
    LookedAt {
        part: match look.part {
            Part::Exe => ProcessPart::Exe,
            Part::Script => ProcessPart::Script,
            Part::Module => ProcessPart::Module,
            Part::Argv0 => ProcessPart::Argv0,
        },
        text: look.text.clone(),
        tried: look.tried.iter().map(tried).collect(),
    }
}

fn tried(tried: &RuleResult) -> TriedRule {
    let (matched, why) = match &tried.outcome {
        Outcome::Matched { pattern } => (true, format!("it is {pattern}")),
        Outcome::Excluded { name } => (false, format!("under the name {name} it is another program")),
        Outcome::Different { patterns } => (false, format!("it is not {}", patterns.join(", nor "))),
        Outcome::NotAsked => (false, "the rule has no pattern for this".to_owned()),
    };
    TriedRule { rule: tried.rule.clone(), matched, why }
}
