//! Deserialises the keys of a rule. Each error names the expected value.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Unexpected, Visitor};

use crate::rules::pattern::deserialize::text;
use crate::rules::pattern::{Name, Pattern, PatternError};

pub(crate) fn specific_scripts<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<Pattern>>, D::Error> {
    from.deserialize_seq(ListVisitor::<SpecificScript>::new(
        "a list of path endings, like [\"my-agent/cli.js\"]",
    ))
    .map(|list| Some(list.into_iter().map(|SpecificScript(pattern)| pattern).collect()))
}

pub(crate) fn specific_executables<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Vec<Pattern>>, D::Error> {
    from.deserialize_seq(ListVisitor::<SpecificExecutable>::new(
        "a list of path endings, like [\"bin/my-agent\"]",
    ))
    .map(|list| Some(list.into_iter().map(|SpecificExecutable(pattern)| pattern).collect()))
}

pub(crate) fn specific_names<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<Name>>, D::Error> {
    from.deserialize_seq(ListVisitor::<SpecificName>::new(
        "a list of names without a path, like [\"my-agent\"]",
    ))
    .map(|list| Some(list.into_iter().map(|SpecificName(name)| name).collect()))
}

pub(crate) fn any_names<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<Name>>, D::Error> {
    list(from, "a list of names without a path, like [\"rg\"]")
}

pub(crate) fn modules<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<Name>>, D::Error> {
    list(from, "a list of modules, like [\"my_agent.main\"]")
}

pub(crate) fn command<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    from.deserialize_str(CommandVisitor).map(Some)
}

fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
    expected: &'static str,
) -> Result<Option<Vec<T>>, D::Error> {
    from.deserialize_seq(ListVisitor::new(expected)).map(Some)
}

/// The executable of one agent, not of an interpreter or shell, which many programs share.
struct SpecificExecutable(Pattern);

/// The `argv[0]` of one agent, not of an interpreter or shell, which many programs share.
struct SpecificName(Name);

impl FromStr for SpecificExecutable {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let pattern: Pattern = text.parse()?;
        if pattern.matches_interpreters() { Err(shared_program_error(text)) } else { Ok(Self(pattern)) }
    }
}

/// The script of one agent, without names that many projects use.
struct SpecificScript(Pattern);

impl FromStr for SpecificScript {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let pattern: Pattern = text.parse()?;
        if pattern.matches_common_scripts() {
            let expected = "a script of one agent only, not a name that many programs use: \
                          add the agent's directory, like \"my-agent/cli.js\"";
            return Err(PatternError::new(text, expected));
        }
        Ok(Self(pattern))
    }
}

impl<'de> Deserialize<'de> for SpecificScript {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        text(from)
    }
}

impl FromStr for SpecificName {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let name: Name = text.parse()?;
        if name.matches_interpreters() { Err(shared_program_error(text)) } else { Ok(Self(name)) }
    }
}

fn shared_program_error(text: &str) -> PatternError {
    let expected = "a program of one agent only, not one that runs many programs: \
                    for an agent run by an interpreter, set `script`";
    PatternError::new(text, expected)
}

impl<'de> Deserialize<'de> for SpecificExecutable {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        text(from)
    }
}

impl<'de> Deserialize<'de> for SpecificName {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        text(from)
    }
}

struct ListVisitor<T> {
    expected: &'static str,
    element: PhantomData<T>,
}

impl<T> ListVisitor<T> {
    fn new(expected: &'static str) -> Self {
        Self { expected, element: PhantomData }
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Vec<T>, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = from.next_element()? {
            list.push(element);
        }
        Ok(list)
    }
}

struct CommandVisitor;

impl Visitor<'_> for CommandVisitor {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a command in quotes on one line, like \"my-agent --continue\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        // It is shown in a terminal, which text from a file must not control.
        if text.trim().is_empty() || text.chars().any(char::is_control) {
            return Err(E::invalid_value(Unexpected::Str(text), &self));
        }
        Ok(text.trim().to_owned())
    }
}
