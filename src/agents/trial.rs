//! How the rules were tried on a process: what a person is told who asks why it is an agent, or is none.

use std::ffi::OsStr;
use std::path::Path;

use super::rule::Rule;
use super::{Facts, RULES, interpreter, without_deleted};
use crate::model::explanation::{Recognition, TriedRule};

/// What [`super::recognise`] does, told step by step.
#[must_use]
pub fn explain(facts: Facts<'_>) -> Recognition {
    let exe = facts.exe.map(without_deleted);
    let mut told = Recognition { exe: exe.as_deref().map(text), ..Recognition::default() };
    let by_exe = |r: &Rule| exe.as_deref().and_then(|exe| r.exe_pattern(exe));
    if RULES.iter().any(|r| by_exe(r).is_some()) {
        told.finish(
            |r| by_exe(r).map(|p| format!("its executable ends in {p}")),
            "its executable is not the rule's",
        );
        told.ended = "the executable decides: nothing else was looked at".to_owned();
        return told;
    }
    let nor = |what: &str| match exe {
        Some(_) => format!("neither its executable nor its {what} is the rule's"),
        None => format!("its executable is hidden, and its {what} is not the rule's"),
    };
    let Some(argv0) = facts.argv.first() else {
        told.finish(|_| None, "it has no arguments, and its executable is not the rule's");
        told.ended = "it has no arguments to look at".to_owned();
        return told;
    };
    if interpreter::is_one(exe.as_deref().unwrap_or(Path::new(argv0)))
        && let Some(script) = interpreter::script(&facts.argv[1..])
    {
        told.script = Some(text(script));
        let by_script = |r: &Rule| r.script_pattern(Path::new(script));
        told.finish(|r| by_script(r).map(|p| format!("its script ends in {p}")), &nor("script"));
        told.ended = match told.matched {
            Some(_) => "its program runs scripts, so the script decides".to_owned(),
            None => "a script that no rule knows ends the search".to_owned(),
        };
        return told;
    }
    told.argv0 = Some(text(argv0));
    let by_argv0 = |r: &Rule| r.argv0_name(Path::new(argv0));
    told.finish(|r| by_argv0(r).map(|p| format!("its argv[0] is {p}")), &nor("argv[0]"));
    told.ended = match told.matched {
        Some(_) => "argv[0] decides, the executable told nothing".to_owned(),
        None => "argv[0] is the last that is looked at".to_owned(),
    };
    told
}

impl Recognition {
    /// Asks every rule; the first that matches is the one that counts.
    fn finish(&mut self, matches: impl Fn(&Rule) -> Option<String>, why_not: &str) {
        for rule in RULES {
            let (matched, why) = match matches(rule) {
                Some(_) if self.matched.is_some() => (false, "an earlier rule matches".to_owned()),
                Some(why) => (true, why),
                None => (false, why_not.to_owned()),
            };
            if matched {
                self.matched = Some(rule.name.to_owned());
            }
            self.rules.push(TriedRule { rule: rule.name.to_owned(), matched, why });
        }
    }
}

fn text(bytes: impl AsRef<OsStr>) -> String {
    bytes.as_ref().to_string_lossy().into_owned()
}
