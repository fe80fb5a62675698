//! The known keys, and the one that was probably meant.

use toml::{Table, Value};

use super::{Config, key};
use crate::rules::rule::RulePatch;

/// Stands for any name in the schema: the user gives rules theirs.
const ANY: &str = "*";

/// The keys of the schema, read off the built-in configuration: there is no second list to keep up to date.
pub(super) struct Keys(Table);

impl Keys {
    pub(super) fn known() -> Self {
        let mut root = Table::try_from(Config::default()).unwrap_or_default();
        let rule = Table::try_from(whole_rule()).unwrap_or_default();
        root.insert(
            key::RULES.to_owned(),
            Value::Table(Table::from_iter([(ANY.to_owned(), Value::Table(rule))])),
        );
        Self(root)
    }

    /// The tables of the schema and, below them, its keys.
    pub(super) fn root(&self) -> &Table {
        &self.0
    }

    /// What stands at `name` in a table of the schema.
    pub(super) fn below<'a>(table: &'a Table, name: &str) -> Option<&'a Value> {
        table.get(name).or_else(|| table.get(ANY))
    }

    /// Whether the names in this table of the schema are the user's.
    pub(super) fn is_named_by_user(table: &Table) -> bool {
        table.contains_key(ANY)
    }

    /// All keys, dotted; a name that is the user's is `*`.
    pub(super) fn all(&self) -> Vec<String> {
        let mut keys = Vec::new();
        collect(&self.0, "", &mut keys);
        keys
    }

    /// The key that is spelled most like `unknown`. One in the wrong table or in none is near as well.
    pub(super) fn nearest(&self, unknown: &str) -> String {
        let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
        let far = |key: &String| {
            // A rule outside of the table of rules.
            if key.strip_prefix(key::RULES).and_then(|below| below.strip_prefix('.')) == Some(unknown) {
                return 0;
            }
            distance(unknown, key).min(1 + distance(&last(unknown), &last(key)))
        };
        // A rule has the name that the user gave it; within a rule only its own keys are near.
        let parts: Vec<&str> = unknown.split('.').collect();
        let (name, in_rule) = match parts[..] {
            [table, name, _, ..] => (Some(name), distance(table, key::RULES) <= 2),
            [name, _] => (Some(name), false),
            _ => (None, false),
        };
        let fits = |key: &String| if key.contains(ANY) { name.is_some() } else { !in_rule };
        let near = self.all().into_iter().filter(fits).map(|key| key.replace(ANY, name.unwrap_or(ANY)));
        near.min_by_key(far).unwrap_or_default()
    }
}

/// A rule with all its keys: one that is missing here does not compile.
fn whole_rule() -> RulePatch {
    RulePatch {
        enabled: Some(true),
        exe: Some(Vec::new()),
        script: Some(Vec::new()),
        module: Some(Vec::new()),
        argv0: Some(Vec::new()),
        not_argv0: Some(Vec::new()),
        resume: Some(String::new()),
        launcher: Some(false),
        service: Some(false),
    }
}

fn collect(table: &Table, above: &str, keys: &mut Vec<String>) {
    for (name, value) in table {
        let key = format!("{above}{name}");
        match value {
            Value::Table(below) => collect(below, &format!("{key}."), keys),
            _ => keys.push(key),
        }
    }
}

/// How many letters have to be put in, taken out or exchanged (Levenshtein).
pub(super) fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in to.iter().enumerate() {
            let best = (diagonal + usize::from(a != *b)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], best);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_has_the_keys_that_are_named_elsewhere() {
        let all = Keys::known().all();
        let (of_rules, others): (Vec<_>, Vec<_>) = all.iter().partition(|key| key.starts_with(key::RULES));
        assert_eq!(
            others,
            [key::THROTTLE, key::DRY_RUN, key::GRACE, key::GUARD, key::RESERVE, key::KILL, key::WARN]
        );
        assert_eq!(of_rules.len(), 9);
        assert!(of_rules.contains(&&"rules.*.exe".to_owned()), "{of_rules:?}");
    }

    #[test]
    fn what_was_meant_is_found() {
        let cases = [
            ("thresholds.wran", "thresholds.warn"),
            ("line.kill", "thresholds.kill"),
            ("kill", "thresholds.kill"),
            ("dry-run", "act.dry_run"),
            ("lines.dry_run", "act.dry_run"),
            ("act.grace_period", "act.grace"),
            ("LINES.KILL", "thresholds.kill"),
            ("rules.claude.exec", "rules.claude.exe"),
            ("rules.my-agent.kill", "rules.my-agent.exe"),
            ("rule.claude.argv", "rules.claude.argv0"),
            ("claude.resume", "rules.claude.resume"),
            ("rules.x.service.y", "rules.x.service"),
        ];
        for (unknown, meant) in cases {
            assert_eq!(Keys::known().nearest(unknown), meant, "{unknown}");
        }
    }

    #[test]
    fn the_distance_is_levenshteins() {
        for (a, b, expected) in
            [("", "", 0), ("", "abc", 3), ("kitten", "sitting", 3), ("größe", "grosse", 3)]
        {
            assert_eq!(distance(a, b), expected);
            assert_eq!(distance(b, a), expected);
        }
    }
}
