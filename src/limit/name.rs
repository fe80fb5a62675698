//! The name of a limit.

use std::ffi::OsStr;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use super::LimitError;

/// A unit's name may have 255 characters; more than this are not readable in a list.
const MAX_LEN: usize = 32;

/// A name that is safe as part of a unit's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitName(String);

impl LimitName {
    /// Derives a name from a program: `claude` from `/usr/bin/claude`. Characters that a name cannot have are left out.
    #[must_use]
    pub fn of_program(program: &OsStr) -> Self {
        let base = Path::new(program).file_name().unwrap_or_default().to_string_lossy();
        let allowed: String = base.chars().filter(|c| is_allowed(*c)).take(MAX_LEN).collect();
        allowed
            .trim_start_matches(|c: char| !c.is_ascii_alphanumeric())
            .parse()
            .unwrap_or_else(|_| Self("command".to_owned()))
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for LimitName {
    type Err = LimitError;

    fn from_str(text: &str) -> Result<Self, LimitError> {
        let good = text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.len() <= MAX_LEN
            && text.chars().all(is_allowed);
        if good { Ok(Self(text.to_owned())) } else { Err(LimitError::BadName { name: text.to_owned() }) }
    }
}

impl fmt::Display for LimitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_unsafe_in_a_unit_name_are_refused() {
        for bad in ["", "-a", ".a", "a/b", "../x", "a b", "a\n", "ä", "a%n", "a\\x2d", &"a".repeat(33)] {
            assert!(bad.parse::<LimitName>().is_err(), "{bad}");
        }
        for good in ["claude", "2", "my-agent_1.5"] {
            assert_eq!(good.parse::<LimitName>().unwrap().as_str(), good);
        }
    }

    #[test]
    fn any_program_yields_a_valid_name() {
        let of = |program: &str| LimitName::of_program(OsStr::new(program)).to_string();
        assert_eq!(of("/home/a/.local/bin/claude"), "claude");
        assert_eq!(of("./-x y%"), "xy");
        assert_eq!(of("/"), "command");
        assert_eq!(of("ä"), "command");
        assert_eq!(of(&"n".repeat(100)), "n".repeat(32));
    }
}
