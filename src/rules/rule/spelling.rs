//! Rules in TOML: lists of patterns, and what each key does not take.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Unexpected, Visitor};

use crate::rules::pattern::spelling::text;
use crate::rules::pattern::{Name, Pattern, PatternError};

pub(crate) fn scripts<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<Pattern>>, D::Error> {
    from.deserialize_seq(Visit::<Script>::new("a list of path endings, like [\"my-agent/cli.js\"]"))
        .map(|list| Some(list.into_iter().map(|Script(pattern)| pattern).collect()))
}

pub(crate) fn executables<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<Pattern>>, D::Error> {
    from.deserialize_seq(Visit::<Executable>::new("a list of path endings, like [\"bin/my-agent\"]"))
        .map(|list| Some(list.into_iter().map(|Executable(pattern)| pattern).collect()))
}

pub(crate) fn names<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<Name>>, D::Error> {
    from.deserialize_seq(Visit::<OwnName>::new("a list of names without a path, like [\"my-agent\"]"))
        .map(|list| Some(list.into_iter().map(|OwnName(name)| name).collect()))
}

pub(crate) fn other_names<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<Name>>, D::Error> {
    list(from, "a list of names without a path, like [\"rg\"]")
}

pub(crate) fn modules<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<Name>>, D::Error> {
    list(from, "a list of modules, like [\"my_agent.main\"]")
}

pub(crate) fn command<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    from.deserialize_str(Command).map(Some)
}

fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
    wanted: &'static str,
) -> Result<Option<Vec<T>>, D::Error> {
    from.deserialize_seq(Visit::new(wanted)).map(Some)
}

/// An executable that is not that of many programs.
struct Executable(Pattern);

/// An `argv[0]` that is not that of many programs.
struct OwnName(Name);

impl FromStr for Executable {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let pattern: Pattern = text.parse()?;
        if pattern.takes_in_interpreters() { Err(of_many(text)) } else { Ok(Self(pattern)) }
    }
}

/// A script that is not called as that of any project.
struct Script(Pattern);

impl FromStr for Script {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let pattern: Pattern = text.parse()?;
        if pattern.takes_in_any_script() {
            let wanted = "what is of one agent alone, and many programs have such a script: \
                          put the folder of the agent in front, like \"my-agent/cli.js\"";
            return Err(PatternError::new(text, wanted));
        }
        Ok(Self(pattern))
    }
}

impl<'de> Deserialize<'de> for Script {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        text(from)
    }
}

impl FromStr for OwnName {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let name: Name = text.parse()?;
        if name.takes_in_interpreters() { Err(of_many(text)) } else { Ok(Self(name)) }
    }
}

fn of_many(text: &str) -> PatternError {
    let wanted = "what is of one agent alone, and this is of many programs: \
                  an agent that an interpreter runs is told by its `script`";
    PatternError::new(text, wanted)
}

impl<'de> Deserialize<'de> for Executable {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        text(from)
    }
}

impl<'de> Deserialize<'de> for OwnName {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        text(from)
    }
}

struct Visit<T> {
    wanted: &'static str,
    of: PhantomData<T>,
}

impl<T> Visit<T> {
    fn new(wanted: &'static str) -> Self {
        Self { wanted, of: PhantomData }
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Visit<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.wanted)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Vec<T>, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = from.next_element()? {
            list.push(element);
        }
        Ok(list)
    }
}

struct Command;

impl Visitor<'_> for Command {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a command in quotes on one line, like \"my-agent --continue\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        // It is shown in a terminal, which nobody's file shall steer.
        if text.trim().is_empty() || text.chars().any(char::is_control) {
            return Err(E::invalid_value(Unexpected::Str(text), &self));
        }
        Ok(text.trim().to_owned())
    }
}
