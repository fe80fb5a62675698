//! `claude-watchdog check-config`: whether the supervisor would start with a configuration, and what it would make of it.

mod command;
mod report;

#[cfg(test)]
mod tests;

use super::terminal::{Page, Paint, Style};
use crate::api::explanation::ThresholdsInfo;
pub(super) use command::run;
pub use report::{Matched, Mistake, Report, RuleReport, Setting};

/// Where the values of the first thresholds begin, and those of each section.
const FIRST: usize = 10;
const LABEL: usize = 2;
const VALUE: usize = 14;

/// Matches shown of one rule; all are in `--json`.
const SHOWN: usize = 8;

/// The page for people on a configuration that is right: at most 80 columns, and nothing in it that a terminal would obey but the colours of `style`.
#[must_use]
pub fn render_plain(report: &Report, style: &Style) -> String {
    let mut page = Page::new(*style);
    page.paint(Paint::Good, "OK").to(FIRST);
    let summary = match report.warnings.len() {
        0 => "the configuration is right".to_owned(),
        1 => "the configuration is right, with 1 warning".to_owned(),
        count => format!("the configuration is right, with {count} warnings"),
    };
    page.wrapped(FIRST, &summary);
    let absent = if report.found { "" } else { ", which is not there: the defaults apply" };
    let file = report.file.as_deref().unwrap_or("none: there is no home directory to look in");
    page.put("File").to(FIRST).wrapped(FIRST, &format!("{file}{absent}"));
    for warning in &report.warnings {
        page.paint(Paint::Warning, "Warning").to(FIRST).wrapped(FIRST, warning);
    }
    if let Some(thresholds) = &report.thresholds {
        self::thresholds(&mut page, thresholds, report);
    }
    rules(&mut page, &report.rules);
    page.finish()
}

fn thresholds(page: &mut Page, thresholds: &ThresholdsInfo, report: &Report) {
    let settings = &report.settings;
    page.end().paint(Paint::Heading, "Settings").end();
    for (name, line) in [("warn threshold", &thresholds.warn), ("kill threshold", &thresholds.kill)] {
        let key = format!("thresholds.{}", name.split(' ').next().unwrap_or_default());
        let overruled = settings.iter().find(|setting| setting.key == key).map(over).unwrap_or_default();
        let text = format!("{}, set to {} ({}{overruled})", line.bytes, line.set, line.origin);
        page.to(LABEL).paint(Paint::Aside, name).to(VALUE).wrapped(VALUE, &text);
    }
    for note in thresholds.notes.iter().filter(|note| !report.warnings.contains(note)) {
        page.to(VALUE).wrapped(VALUE, note);
    }
    for setting in settings.iter().filter(|setting| !setting.key.starts_with("thresholds.")) {
        let name = match setting.key.as_str() {
            "guard.enabled" => "guard".to_owned(),
            key => key.rsplit('.').next().unwrap_or_default().replace('_', " "),
        };
        let text = format!("{} ({}{})", setting.value, setting.origin, over(setting));
        page.to(LABEL).paint(Paint::Aside, &name).to(VALUE).wrapped(VALUE, &text);
    }
}

/// `, over FILE:3`: where the same was set to no effect.
fn over(setting: &Setting) -> String {
    match setting.overruled.as_slice() {
        [] => String::new(),
        overruled => format!(", over {}", overruled.join(" and ")),
    }
}

fn rules(page: &mut Page, rules: &[RuleReport]) {
    if rules.is_empty() {
        return;
    }
    page.end().paint(Paint::Heading, "Rules, and the running processes that they match").end();
    for RuleReport { name, origin, matches } in rules {
        let found = matches.as_deref().unwrap_or_default();
        let none = match matches {
            Some(found) if found.is_empty() => ": none",
            Some(_) => "",
            None => ": not known",
        };
        page.to(LABEL).put(name).to(VALUE).wrapped(VALUE, &format!("{origin}{none}"));
        for Matched { pid, uid, name } in found.iter().take(SHOWN) {
            page.to(VALUE).put(&format!("pid {pid}, of user {uid}: {name}")).end();
        }
        if let Some(more) = found.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            page.to(VALUE).paint(Paint::Aside, &format!("and {more} more, with --json")).end();
        }
    }
}
