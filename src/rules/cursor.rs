//! Cursor's agent for the terminal.

use super::built_in::BuiltIn;

/// A shell script that execs a Node of its own under its own name: `cursor-agent`, or `agent` by its newer link. So
/// the script tells, and `argv0` only where the arguments are lost.
pub(crate) const RULE: BuiltIn = BuiltIn {
    name: "cursor",
    script: &["cursor-agent/versions/*/index.js"],
    argv0: &["cursor-agent"],
    resume: Some("cursor-agent resume"),
    ..BuiltIn::NOTHING
};
