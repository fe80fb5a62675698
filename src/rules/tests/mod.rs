//! The built-in rules applied to processes as `/proc` shows them.

mod not_agents;
mod real_agents;
mod search;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{ProcessFacts, Rules};
use crate::model::Recognised;

/// A process. `comm` is for the reader only: rules do not use it.
pub(crate) struct ExampleProcess<'a> {
    pub(crate) comm: &'a str,
    pub(crate) exe: &'a str,
    pub(crate) argv: &'a [&'a str],
}

impl ExampleProcess<'_> {
    pub(crate) fn arguments(&self) -> Vec<OsString> {
        self.argv.iter().map(OsString::from).collect()
    }
}

/// Applies `rules` to a process in `/home/u/work`.
pub(crate) fn recognise(rules: &Rules, row: &ExampleProcess<'_>) -> Option<Arc<Recognised>> {
    let argv = row.arguments();
    let cwd = || Some(PathBuf::from("/home/u/work"));
    let facts =
        ProcessFacts { exe: (!row.exe.is_empty()).then(|| Path::new(row.exe)), argv: &argv, cwd: &cwd };
    let found = rules.recognise(&facts);
    let rule = found.as_ref().map(|found| found.rule.clone());
    assert_eq!(rules.explain(&facts).matched, rule, "the trace agrees");
    found
}
