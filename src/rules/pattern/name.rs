//! Name patterns of rules.

use std::fmt;
use std::str::FromStr;

use super::{PatternError, glob, interpreters, validate};

/// A whole name, in which `*` matches any characters: the base name of an `argv[0]`, or a module.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(pub(crate) String);

impl Name {
    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it matches `name`. Does not allocate.
    #[must_use]
    pub fn matches(&self, name: &[u8]) -> bool {
        !name.is_empty() && glob::matches(name, self.0.as_bytes())
    }

    /// Whether this matches everything that `other` matches; `false` if that is not certain.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        glob::matches(other.0.as_bytes(), self.0.as_bytes())
    }

    /// Whether it matches an interpreter or a shell: as `argv[0]` it would match every program.
    #[must_use]
    pub fn matches_interpreters(&self) -> bool {
        interpreters::INTERPRETER_NAMES.iter().any(|name| self.matches(name.as_bytes()))
    }
}

impl FromStr for Name {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        validate::name(text)?;
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_matches_whole_names_only() {
        let matches = |pattern: &str, name: &str| pattern.parse::<Name>().unwrap().matches(name.as_bytes());
        assert!(matches("codex", "codex"));
        assert!(!matches("codex", "codex-linux-sandbox"));
        assert!(matches("codex*", "codex-linux-sandbox"));
        assert!(matches("aider.m*n", "aider.main"));
        assert!(!matches("a*", ""));
    }

    #[test]
    fn a_wider_name_covers_a_narrower_one() {
        let covers = |a: &str, b: &str| a.parse::<Name>().unwrap().covers(&b.parse().unwrap());
        assert!(covers("codex", "codex"));
        assert!(covers("co*", "codex"));
        assert!(covers("c*x", "c*d*x"));
        assert!(!covers("codex", "co*"));
        assert!(!covers("co*", "c*"));
    }
}
