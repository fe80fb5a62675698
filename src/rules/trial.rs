//! How a search went, for whoever asks why a process is an agent, or why not.

use std::fmt;
use std::sync::Arc;

use super::facts::MatchInput;
use super::spec::{Rule, Verdict};
use crate::model::Recognised;

/// A whole search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchTrace {
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
    pub tried: Vec<RuleResult>,
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
pub struct RuleResult {
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

impl Look {
    pub(crate) fn new(sight: &MatchInput<'_>, rules: &[Rule]) -> Self {
        let (part, text) = match sight {
            MatchInput::Exe { path, .. } => (Part::Exe, path.as_os_str()),
            MatchInput::Script(path) => (Part::Script, path.as_os_str()),
            MatchInput::Module(name) => (Part::Module, *name),
            MatchInput::Argv0(name) => (Part::Argv0, *name),
        };
        let mut tried = Vec::new();
        for rule in rules {
            let outcome = match rule.verdict(sight) {
                Verdict::Matched(pattern) => Outcome::Matched { pattern: pattern.to_owned() },
                Verdict::Excluded(name) => Outcome::Excluded { name: name.to_owned() },
                Verdict::Different => Outcome::Different { patterns: rule.patterns(sight) },
                Verdict::NotAsked => Outcome::NotAsked,
            };
            let matched = matches!(outcome, Outcome::Matched { .. });
            tried.push(RuleResult { rule: rule.name.clone(), outcome });
            if matched {
                break;
            }
        }
        Self { part, text: text.to_string_lossy().into_owned(), tried }
    }
}

impl End {
    /// The end of a search of which this was the last look.
    pub(crate) fn unknown(sight: &MatchInput<'_>) -> Self {
        match sight {
            MatchInput::Script(_) => Self::UnknownScript,
            MatchInput::Module(_) => Self::UnknownModule,
            MatchInput::Exe { .. } | MatchInput::Argv0(_) => Self::UnknownProgram,
        }
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
