//! The rules that are built in: one file a kind, and here what each of them says.

use super::{
    aider, amp, claude, codex, codex_app_server, copilot, crush, cursor, gemini, goose, opencode, qwen,
};
use crate::rules::{
    pattern::{Name, Pattern},
    rule::RulePatch,
};

/// A rule as it stands in the code. The tests read each of its patterns as a file's would be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BuiltIn {
    pub(crate) name: &'static str,
    pub(crate) exe: &'static [&'static str],
    pub(crate) script: &'static [&'static str],
    pub(crate) module: &'static [&'static str],
    pub(crate) argv0: &'static [&'static str],
    pub(crate) not_argv0: &'static [&'static str],
    pub(crate) resume: Option<&'static str>,
    pub(crate) launcher: bool,
    pub(crate) service: bool,
}

/// In the order in which they are tried: the service before the agent whose executable it shares.
pub(crate) const ALL: [BuiltIn; 12] = [
    claude::RULE,
    codex_app_server::RULE,
    codex::RULE,
    gemini::RULE,
    qwen::RULE,
    opencode::RULE,
    copilot::RULE,
    amp::RULE,
    aider::RULE,
    goose::RULE,
    crush::RULE,
    cursor::RULE,
];

impl BuiltIn {
    /// What the others start from.
    pub(crate) const NOTHING: Self = Self {
        name: "",
        exe: &[],
        script: &[],
        module: &[],
        argv0: &[],
        not_argv0: &[],
        resume: None,
        launcher: false,
        service: false,
    };

    /// The same as a file would say it.
    pub(crate) fn patch(&self) -> RulePatch {
        let paths = |texts: &[&'static str]| Some(texts.iter().copied().map(Pattern::built_in).collect());
        let names = |texts: &[&'static str]| Some(texts.iter().copied().map(Name::built_in).collect());
        RulePatch {
            enabled: Some(true),
            exe: paths(self.exe),
            script: paths(self.script),
            module: names(self.module),
            argv0: names(self.argv0),
            not_argv0: names(self.not_argv0),
            resume: self.resume.map(str::to_owned),
            launcher: Some(self.launcher),
            service: Some(self.service),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::rule::check_name;

    #[test]
    fn each_would_be_taken_from_a_file() {
        for rule in ALL {
            let text = toml::to_string(&rule.patch()).unwrap();
            assert_eq!(toml::from_str::<RulePatch>(&text), Ok(rule.patch()), "{}", rule.name);
            assert_eq!(check_name(rule.name), Ok(()));
        }
    }

    #[test]
    fn the_documentation_has_each_of_them_in_this_order() {
        let code =
            |texts: &[&str]| texts.iter().map(|text| format!("`{text}`")).collect::<Vec<_>>().join(", ");
        let row = |rule: &BuiltIn| {
            let service = if rule.service { " (service)" } else { "" };
            let both = [code(rule.script), code(rule.module)].into_iter().filter(|list| !list.is_empty());
            let run = both.collect::<Vec<_>>().join("; ");
            let resume = rule.resume.map(|command| format!("`{command}`")).unwrap_or_default();
            let row = format!(
                "| `{}`{service} | {} | {run} | {} | {resume} |",
                rule.name,
                code(rule.exe),
                code(rule.argv0)
            );
            row.replace("  ", " ")
        };
        let table = ALL.iter().map(row).collect::<Vec<_>>().join("\n");
        let documented = include_str!("../../docs/rules.md");
        assert!(documented.contains(&table), "docs/rules.md has to say:\n{table}");
        for name in ALL.iter().flat_map(|rule| rule.not_argv0) {
            assert!(documented.contains(&format!("`{name}`")), "{name}");
        }
    }

    #[test]
    fn no_two_have_the_same_name() {
        let names: std::collections::BTreeSet<_> = ALL.iter().map(|rule| rule.name).collect();
        assert_eq!(names.len(), ALL.len());
    }
}
