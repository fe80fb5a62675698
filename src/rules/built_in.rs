//! The built-in rules: `built_in.toml`, embedded, in the users' own schema and parsed by the same code.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::rule::{RuleError, RulePatch, RuleProblem};

const BUILT_IN_TOML: &str = include_str!("built_in.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    rules: BTreeMap<String, Spanned<RulePatch>>,
}

/// The built-in rules with their names, in the order in which they are tried: that of the file.
///
/// # Errors
/// If the embedded file is broken, which the tests exclude.
pub(crate) fn patches() -> Result<Vec<(String, RulePatch)>, RuleError> {
    let file: File = toml::from_str(BUILT_IN_TOML).map_err(|error| RuleError {
        rule: "built_in.toml".to_owned(),
        problem: RuleProblem::Embedded { reason: error.message().to_owned() },
    })?;
    let mut rules: Vec<_> = file.rules.into_iter().collect();
    rules.sort_by_key(|(_, patch)| patch.span().start);
    Ok(rules.into_iter().map(|(name, patch)| (name, patch.into_inner())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Rules;
    use crate::rules::rule::check_name;

    #[test]
    fn the_embedded_file_is_valid() {
        let rules = patches().unwrap();
        assert!(rules.iter().all(|(name, _)| check_name(name) == Ok(())));
        let all = Rules::new(&BTreeMap::new()).unwrap();
        assert!(all.names().eq(rules.iter().map(|(name, _)| name)), "in the order of the file");
    }

    #[test]
    fn the_documentation_lists_all_rules_in_order() {
        fn code<T: ToString>(texts: Option<&Vec<T>>) -> String {
            let texts = texts.into_iter().flatten().map(|text| format!("`{}`", text.to_string()));
            texts.collect::<Vec<_>>().join(", ")
        }
        let row = |(name, rule): &(String, RulePatch)| {
            let service = if rule.service == Some(true) { " (service)" } else { "" };
            let both = [code(rule.script.as_ref()), code(rule.module.as_ref())];
            let run = both.into_iter().filter(|list| !list.is_empty()).collect::<Vec<_>>().join("; ");
            let resume = rule.resume.as_ref().map(|command| format!("`{command}`")).unwrap_or_default();
            let (exe, argv0) = (code(rule.exe.as_ref()), code(rule.argv0.as_ref()));
            format!("| `{name}`{service} | {exe} | {run} | {argv0} | {resume} |").replace("  ", " ")
        };
        let rules = patches().unwrap();
        let table = rules.iter().map(row).collect::<Vec<_>>().join("\n");
        let documented = include_str!("../../docs/rules.md");
        assert!(documented.contains(&table), "docs/rules.md must contain:\n{table}");
        for name in rules.iter().flat_map(|(_, rule)| rule.not_argv0.iter().flatten()) {
            assert!(documented.contains(&format!("`{name}`")), "{name}");
        }
    }
}
