//! How the rules were applied to one process, step by step: the answer to "why is this an agent, or why not?".

use std::fmt;

use serde::{Deserialize, Serialize};

/// A complete search.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatchTrace {
    /// The steps in the order in which they were taken.
    #[serde(rename = "looks")]
    pub steps: Vec<MatchStep>,
    /// The rule that matched.
    pub matched: Option<String>,
    /// The reason why the search ended, in one sentence.
    pub ended: String,
}

/// One property of a process, and the result of each rule for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatchStep {
    /// The property.
    pub part: ProcessPart,
    /// Its value, as far as it is text; a script with the directory that it was started in. The process controls it:
    /// escape it before it is printed.
    pub text: String,
    /// The rules that were tried, up to the one that matched.
    #[serde(rename = "tried")]
    pub results: Vec<RuleResult>,
}

/// A property of a process that rules match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProcessPart {
    /// The path of its executable.
    Exe,
    /// The script that it runs, if it is an interpreter.
    Script,
    /// The module that it runs, if it is Python.
    Module,
    /// The base name of its `argv[0]`.
    Argv0,
}

impl fmt::Display for ProcessPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Exe => "executable",
            Self::Script => "script",
            Self::Module => "module",
            Self::Argv0 => "argv[0]",
        })
    }
}

/// The result of one rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleResult {
    /// The name of the rule.
    pub rule: String,
    /// Whether it matches.
    pub matched: bool,
    /// The reason, in a few words.
    pub why: String,
}
