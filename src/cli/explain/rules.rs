//! Which rules were tried, and what each says.

use super::{LABEL, VALUE, section};
use crate::cli::terminal::{Page, Paint};
use crate::model::match_trace::{MatchStep, MatchTrace};

/// Every look in a paragraph of its own, then what ended the search.
pub(super) fn list(page: &mut Page, trace: &MatchTrace) {
    section(page, "Rules");
    for step in &trace.steps {
        one(page, step);
    }
    page.to(LABEL).wrapped(LABEL, &trace.ended);
}

fn one(page: &mut Page, step: &MatchStep) {
    page.to(LABEL).paint(Paint::Aside, &step.part.to_string()).to(VALUE).put(&step.text).end();
    for (rules, matched, why) in grouped(step) {
        page.to(LABEL * 2);
        let paint = if matched { Paint::Good } else { Paint::Aside };
        // A list of names is a sentence that may wrap; a single one is painted.
        match rules.as_slice() {
            [rule] => page.paint(paint, rule).to(VALUE).wrapped(VALUE, why),
            rules => page.wrapped(VALUE, &format!("{}: {why}", rules.join(", "))),
        };
    }
}

/// The rules that say the same, together: most of a dozen rules have nothing to say of a script.
fn grouped(step: &MatchStep) -> Vec<(Vec<&str>, bool, &str)> {
    let mut groups: Vec<(Vec<&str>, bool, &str)> = Vec::new();
    for result in &step.results {
        match groups.iter_mut().find(|(_, matched, why)| *matched == result.matched && *why == result.why) {
            Some((rules, ..)) => rules.push(&result.rule),
            None => groups.push((vec![&result.rule], result.matched, &result.why)),
        }
    }
    groups
}
