//! How a search went, for whoever asks why a process is an agent, or why not.

use std::ffi::OsStr;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::rule::Rule;
use super::{Facts, RULES, interpreter, recognise, without_deleted};
use crate::model::Recognised;

/// A whole search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// What was looked at, in this order.
    pub looks: Vec<Look>,
    /// How it ended.
    pub end: End,
}

/// One thing about a process, and what the rules say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// What it is.
    pub part: Part,
    /// Itself, as far as it is text; a script with the directory that it was started in. It may hold anything that
    /// the process wants: clean it before you show it.
    pub text: String,
    /// The rules that were asked, up to the one that matched.
    pub tried: Vec<Tried>,
}

/// What about a process is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The path of its executable.
    Exe,
    /// The script that it runs, being an interpreter.
    Script,
    /// The module that it runs, being Python.
    Module,
    /// The base name of its `argv[0]`.
    Argv0,
}

/// What one rule says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// Its name.
    pub rule: String,
    /// What it says.
    pub outcome: Outcome,
}

/// What a rule says of one thing about a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is the agent.
    Matched {
        /// By this pattern.
        pattern: String,
    },
    /// Its executable, but started under a name by which it is another program.
    Excluded {
        /// The name, from `not_argv0`.
        name: String,
    },
    /// It is none of these.
    Different {
        /// The rule's patterns.
        patterns: Vec<String>,
    },
    /// The rule has no pattern for this.
    NotAsked,
}

/// How a search ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// A rule matched.
    Recognised(Arc<Recognised>),
    /// It runs a script, and no rule knows it; its `argv[0]` would say nothing.
    UnknownScript,
    /// It runs a module, and no rule knows it.
    UnknownModule,
    /// No rule knows its executable nor its `argv[0]`.
    UnknownProgram,
    /// Its executable is unknown or hidden, and it has no arguments.
    NothingToSee,
}

/// What [`recognise`] does, told step by step.
#[must_use]
pub fn explain(facts: Facts<'_>) -> Trial {
    let mut looks = Vec::new();
    let exe = facts.exe.map(without_deleted);
    let end = |unknown| recognise(facts).map_or(unknown, |recognised| End::Recognised(Arc::new(recognised)));
    if let Some(exe) = &exe {
        let look = Look::new(Part::Exe, exe.as_os_str(), |r| r.exe_pattern(exe), |r| r.exe);
        let matched = look.tried.iter().any(|tried| matches!(tried.outcome, Outcome::Matched { .. }));
        looks.push(look);
        if matched {
            return Trial { looks, end: end(End::UnknownProgram) };
        }
    }
    let Some(argv0) = facts.argv.first() else { return Trial { looks, end: End::NothingToSee } };
    if interpreter::is_one(exe.as_deref().unwrap_or(Path::new(argv0)))
        && let Some(script) = interpreter::script(&facts.argv[1..])
    {
        looks.push(Look::new(Part::Script, script, |r| r.script_pattern(Path::new(script)), |r| r.script));
        return Trial { looks, end: end(End::UnknownScript) };
    }
    let name = Path::new(argv0).file_name().unwrap_or_default();
    looks.push(Look::new(Part::Argv0, name, |r| r.argv0_name(Path::new(argv0)), |r| r.argv0));
    Trial { looks, end: end(End::UnknownProgram) }
}

impl Look {
    fn new(
        part: Part,
        text: &OsStr,
        matches: impl Fn(&Rule) -> Option<&'static str>,
        patterns: impl Fn(&Rule) -> &'static [&'static str],
    ) -> Self {
        let tried = |rule: &&Rule| Tried {
            rule: rule.name.to_owned(),
            outcome: match matches(rule) {
                Some(pattern) => Outcome::Matched { pattern: pattern.to_owned() },
                None => {
                    Outcome::Different { patterns: patterns(rule).iter().map(|&p| p.to_owned()).collect() }
                }
            },
        };
        Self { part, text: text.to_string_lossy().into_owned(), tried: RULES.iter().map(tried).collect() }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Exe => "executable",
            Self::Script => "script",
            Self::Module => "module",
            Self::Argv0 => "argv[0]",
        })
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Recognised(recognised) => write!(f, "it is {}", recognised.rule),
            Self::UnknownScript => f.write_str("a script that no rule knows ends the search"),
            Self::UnknownModule => f.write_str("a module that no rule knows ends the search"),
            Self::UnknownProgram => f.write_str("no rule knows the executable or argv[0]"),
            Self::NothingToSee => f.write_str("there is neither an executable nor an argument to look at"),
        }
    }
}
