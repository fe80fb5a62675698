//! The known keys, and the one that was probably meant.

use toml::{Table, Value};

use super::Config;

/// The keys of the schema, read off the built-in configuration: there is no second list to keep up to date.
pub(super) struct Keys(Table);

impl Keys {
    pub(super) fn known() -> Self {
        Self(Table::try_from(Config::default()).unwrap_or_default())
    }

    /// The tables of the schema and, below them, its keys.
    pub(super) fn root(&self) -> &Table {
        &self.0
    }

    /// All keys, dotted.
    pub(super) fn all(&self) -> Vec<String> {
        let mut keys = Vec::new();
        collect(&self.0, "", &mut keys);
        keys
    }

    /// The key that is spelled most like `unknown`. One in the wrong table or in none is near as well.
    pub(super) fn nearest(&self, unknown: &str) -> String {
        let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
        let far = |key: &String| distance(unknown, key).min(1 + distance(&last(unknown), &last(key)));
        self.all().into_iter().min_by_key(far).unwrap_or_default()
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
fn distance(from: &str, to: &str) -> usize {
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
        use super::super::key;
        assert_eq!(Keys::known().all(), [key::DRY_RUN, key::GRACE, key::KILL, key::WARN]);
    }

    #[test]
    fn what_was_meant_is_found() {
        let cases = [
            ("lines.wran", "lines.warn"),
            ("line.kill", "lines.kill"),
            ("kill", "lines.kill"),
            ("dry-run", "act.dry_run"),
            ("lines.dry_run", "act.dry_run"),
            ("act.grace_period", "act.grace"),
            ("LINES.KILL", "lines.kill"),
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
