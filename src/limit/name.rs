//! The name of what is limited.

use std::ffi::OsStr;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use super::LimitError;

/// A unit's name has 255 characters at the most; nobody reads so many.
const LONGEST: usize = 32;

/// Part of a unit's name, and safe in one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// After the program that is run: `claude` for `/usr/bin/claude`. What a name cannot have is left out.
    #[must_use]
    pub fn of_program(program: &OsStr) -> Self {
        let base = Path::new(program).file_name().unwrap_or_default().to_string_lossy();
        let kept: String = base.chars().filter(|c| may_have(*c)).take(LONGEST).collect();
        kept.trim_start_matches(|c: char| !c.is_ascii_alphanumeric())
            .parse()
            .unwrap_or_else(|_| Self("command".to_owned()))
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = LimitError;

    fn from_str(text: &str) -> Result<Self, LimitError> {
        let good = text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.len() <= LONGEST
            && text.chars().all(may_have);
        if good { Ok(Self(text.to_owned())) } else { Err(LimitError::BadName { name: text.to_owned() }) }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn may_have(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_nowhere() {
        for bad in ["", "-a", ".a", "a/b", "../x", "a b", "a\n", "ä", "a%n", "a\\x2d", &"a".repeat(33)] {
            assert!(bad.parse::<Name>().is_err(), "{bad}");
        }
        for good in ["claude", "2", "my-agent_1.5"] {
            assert_eq!(good.parse::<Name>().unwrap().as_str(), good);
        }
    }

    #[test]
    fn a_program_gives_its_name_whatever_it_is_called() {
        let of = |program: &str| Name::of_program(OsStr::new(program)).to_string();
        assert_eq!(of("/home/a/.local/bin/claude"), "claude");
        assert_eq!(of("./-x y%"), "xy");
        assert_eq!(of("/"), "command");
        assert_eq!(of("ä"), "command");
        assert_eq!(of(&"n".repeat(100)), "n".repeat(32));
    }
}
