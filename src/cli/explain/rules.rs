//! Which rules were tried, and what each says.

use super::{LABEL, VALUE, section};
use crate::api::explanation::{LookedAt, ProcessPart, Recognition};
use crate::cli::terminal::{Page, Paint};

/// Every look in a paragraph of its own, then what ended the search.
pub(super) fn list(page: &mut Page, recognition: &Recognition) {
    section(page, "Rules");
    for look in &recognition.looks {
        one(page, look);
    }
    page.to(LABEL).wrapped(LABEL, &recognition.ended);
}

fn one(page: &mut Page, look: &LookedAt) {
    let part = match look.part {
        ProcessPart::Exe => "executable",
        ProcessPart::Script => "script",
        ProcessPart::Module => "module",
        ProcessPart::Argv0 => "argv[0]",
    };
    page.to(LABEL).paint(Paint::Aside, part).to(VALUE).put(&look.text).end();
    for (rules, matched, why) in grouped(look) {
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
fn grouped(look: &LookedAt) -> Vec<(Vec<&str>, bool, &str)> {
    let mut groups: Vec<(Vec<&str>, bool, &str)> = Vec::new();
    for tried in &look.tried {
        match groups.iter_mut().find(|(_, matched, why)| *matched == tried.matched && *why == tried.why) {
            Some((rules, ..)) => rules.push(&tried.rule),
            None => groups.push((vec![&tried.rule], tried.matched, &tried.why)),
        }
    }
    groups
}
