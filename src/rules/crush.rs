//! Crush.

use super::built_in::BuiltIn;

/// A native binary; npm's script downloads it and starts it as its child.
pub(crate) const RULE: BuiltIn = BuiltIn {
    name: "crush",
    exe: &["@charmland/*crush*/bin/crush"],
    script: &["@charmland/crush/run-crush.js", "*bin/crush"],
    argv0: &["crush"],
    resume: Some("crush --continue"),
    launcher: true,
    ..BuiltIn::NOTHING
};
